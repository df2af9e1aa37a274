//! From a tree and a value to text.

use std::ops::Range;

use crate::diagnostic::nearest;
use crate::report::template::parse::{Block, Command, Node, Pipe, Word, WordKind};
use crate::report::template::value::{Labels, Row, Value};
use crate::report::template::{Error, functions};

/// What a template is rendered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Data,
    /// The first line of a table: functions that change texts leave titles as they are.
    Titles,
}

/// Renders a block; what was made by then comes with a problem.
///
/// # Errors
/// The first problem.
pub(super) fn render(block: &Block, dot: &Value, mode: Mode) -> Result<String, (String, Error)> {
    let variables = vec![(String::new(), dot.clone())];
    let mut eval = Eval { mode, variables, out: String::new() };
    match eval.block(block, dot) {
        Ok(_) => Ok(eval.out),
        Err(error) => Err((eval.out, error)),
    }
}

/// How a block ended.
#[derive(PartialEq)]
enum Flow {
    Through,
    Break,
    Continue,
}

struct Eval {
    mode: Mode,
    variables: Vec<(String, Value)>,
    out: String,
}

impl Eval {
    fn block(&mut self, block: &Block, dot: &Value) -> Result<Flow, Error> {
        for node in block {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Output(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.variables.is_empty() {
                        self.out.push_str(&value.print());
                    }
                }
                Node::If { arms, otherwise } => {
                    let flow = self.arms(arms, otherwise, dot, false)?;
                    if flow != Flow::Through {
                        return Ok(flow);
                    }
                }
                Node::With { arms, otherwise } => {
                    let flow = self.arms(arms, otherwise, dot, true)?;
                    if flow != Flow::Through {
                        return Ok(flow);
                    }
                }
                Node::Range { pipe, body, otherwise } => {
                    let flow = self.range(pipe, body, otherwise, dot)?;
                    if flow != Flow::Through {
                        return Ok(flow);
                    }
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::Through)
    }

    /// Renders the first arm whose value holds; with `moves`, the dot is that value there.
    fn arms(
        &mut self,
        arms: &[(Pipe, Block)],
        otherwise: &Block,
        dot: &Value,
        moves: bool,
    ) -> Result<Flow, Error> {
        let seen = self.variables.len();
        let mut flow = None;
        for (pipe, block) in arms {
            let value = self.pipe(pipe, dot)?;
            if value.is_true() {
                flow = Some(self.block(block, if moves { &value } else { dot })?);
                break;
            }
        }
        let flow = match flow {
            Some(flow) => flow,
            None => self.block(otherwise, dot)?,
        };
        self.variables.truncate(seen);
        Ok(flow)
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &Block,
        otherwise: &Block,
        dot: &Value,
    ) -> Result<Flow, Error> {
        let seen = self.variables.len();
        let value = self.commands(pipe, dot)?;
        let items: Vec<(Value, Value)> = match value {
            Value::List(items) => (0..).map(Value::Int).zip(items).collect(),
            Value::Map(items) => {
                items.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()
            }
            Value::Int(count) => {
                (0..count.min(MOST)).map(|it| (Value::Int(it), Value::Int(it))).collect()
            }
            Value::Nil => Vec::new(),
            other => {
                let message = format!("`range` goes over lists and maps; this is {}", other.kind());
                return Err(Error::new(pipe.at.clone(), message));
            }
        };
        let empty = items.is_empty();
        for (key, value) in items {
            let inner = self.variables.len();
            match &pipe.variables[..] {
                [] => {}
                [one] => self.give(one, value.clone(), pipe.declares),
                [first, second, ..] => {
                    self.give(first, key, pipe.declares);
                    self.give(second, value.clone(), pipe.declares);
                }
            }
            let flow = self.block(body, &value)?;
            self.variables.truncate(inner);
            if flow == Flow::Break {
                break;
            }
        }
        let flow = if empty { self.block(otherwise, dot)? } else { Flow::Through };
        self.variables.truncate(seen);
        Ok(flow)
    }

    fn give(&mut self, name: &str, value: Value, declares: bool) {
        if !declares
            && let Some((_, old)) = self.variables.iter_mut().rev().find(|(it, _)| it == name)
        {
            *old = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Error> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.give(name, value.clone(), pipe.declares);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Error> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        command: &Command,
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, Error> {
        let (first, rest) = command
            .words
            .split_first()
            .ok_or_else(|| Error::new(command.at.clone(), "a value is missing"))?;
        if let WordKind::Function(name) = &first.kind {
            return self.call(name, &first.at, rest, dot, last);
        }
        let has_arguments = !rest.is_empty() || last.is_some();
        if !has_arguments {
            return self.word(first, dot);
        }
        // Only a method takes arguments, and there is one.
        if let Some(((name, at), before)) = first.chain.split_last()
            && name == "Label"
        {
            let mut value = self.start(first, dot)?;
            for (name, at) in before {
                value = field(value, name, at)?;
            }
            let mut arguments = self.arguments(rest, dot)?;
            arguments.extend(last);
            return match (&value, &arguments[..]) {
                (Value::Row(row), [Value::Text(label)]) => match row.labels.get(label) {
                    Some(value) => Ok(Value::Text(value)),
                    None => Err(no_field(row, name, at)),
                },
                (Value::Row(_), _) => {
                    Err(Error::new(at.clone(), "`.Label` takes one text")
                        .help("write .Label \"NAME\""))
                }
                (other, _) => {
                    let message = format!("{} has no field `{name}`", other.kind());
                    Err(Error::new(at.clone(), message))
                }
            };
        }
        let text = "only functions, and the field `Label`, take arguments";
        Err(Error::new(first.at.clone(), text))
    }

    fn arguments(&mut self, words: &[Word], dot: &Value) -> Result<Vec<Value>, Error> {
        words.iter().map(|word| self.word(word, dot)).collect()
    }

    fn call(
        &mut self,
        name: &str,
        at: &Range<usize>,
        words: &[Word],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, Error> {
        if matches!(name, "and" | "or") {
            // What decides is the last that is looked at.
            let mut value = None;
            for word in words {
                let next = self.word(word, dot)?;
                if next.is_true() == (name == "or") {
                    return Ok(next);
                }
                value = Some(next);
            }
            return last
                .or(value)
                .ok_or_else(|| Error::new(at.clone(), format!("`{name}` needs a value")));
        }
        let mut arguments = self.arguments(words, dot)?;
        arguments.extend(last);
        let call = functions::call(name, arguments, self.mode);
        call.map_err(|message| Error::new(at.clone(), format!("`{name}`: {message}")))
    }

    fn word(&mut self, word: &Word, dot: &Value) -> Result<Value, Error> {
        let mut value = self.start(word, dot)?;
        for (name, at) in &word.chain {
            value = field(value, name, at)?;
        }
        Ok(value)
    }

    /// The value of a word without the fields that follow it.
    fn start(&mut self, word: &Word, dot: &Value) -> Result<Value, Error> {
        match &word.kind {
            WordKind::Dot => Ok(dot.clone()),
            WordKind::Constant(value) => Ok(value.clone()),
            WordKind::Variable(name) => {
                let found = self.variables.iter().rev().find(|(it, _)| it == name);
                Ok(found.map_or(Value::Nil, |(_, value)| value.clone()))
            }
            WordKind::Pipe(pipe) => self.commands(pipe, dot),
            WordKind::Function(name) => self.call(name, &word.at, &[], dot, None),
        }
    }
}

/// Numbers that a `range` counts, at the most.
const MOST: i64 = 100_000;

fn field(value: Value, name: &str, at: &Range<usize>) -> Result<Value, Error> {
    match value {
        Value::Row(row) => match row.fields.get(name) {
            Some(value) => Ok(value.clone()),
            // Titles are a map in Go, which has no unknown keys.
            None if row.labels == Labels::Titles => Ok(Value::Nil),
            None => Err(no_field(&row, name, at)),
        },
        Value::Map(mut map) => Ok(map.remove(name).unwrap_or(Value::Nil)),
        Value::Struct(fields) => {
            if let Some((_, value)) = fields.iter().find(|(field, _)| *field == name) {
                return Ok(value.clone());
            }
            let names: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
            Err(unknown("a structure", name, at, &names))
        }
        other => {
            let message = format!("{} has no field `{name}`", other.kind());
            Err(Error::new(at.clone(), message))
        }
    }
}

fn no_field(row: &Row, name: &str, at: &Range<usize>) -> Error {
    if name == "Label" && row.labels != Labels::None {
        return Error::new(at.clone(), "`.Label` takes one text").help("write .Label \"NAME\"");
    }
    let names: Vec<&str> = row.fields.keys().copied().collect();
    unknown(row.what, name, at, &names)
}

fn unknown(what: &str, name: &str, at: &Range<usize>, names: &[&str]) -> Error {
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `.{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Error::new(at.clone(), format!("{what} has no field `{name}`")).help(help)
}

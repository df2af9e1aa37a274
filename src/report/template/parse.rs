//! From words to a tree.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::report::template::lex::{Kind, Piece, Token};
use crate::report::template::value::Value;
use crate::report::template::{Error, functions};

pub(super) type Block = Vec<Node>;

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Output(Pipe),
    If { arms: Vec<(Pipe, Block)>, otherwise: Block },
    With { arms: Vec<(Pipe, Block)>, otherwise: Block },
    Range { pipe: Pipe, body: Block, otherwise: Block },
    Break,
    Continue,
}

/// Commands, each of which is given what the one before has made.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The variables that take its value.
    pub variables: Vec<String>,
    /// Whether they are new.
    pub declares: bool,
    pub commands: Vec<Command>,
    pub at: Range<usize>,
}

/// A word and its arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub words: Vec<Word>,
    pub at: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Word {
    pub kind: WordKind,
    /// The fields that follow it, each with its place.
    pub chain: Vec<(String, Range<usize>)>,
    pub at: Range<usize>,
}

#[derive(Debug)]
pub(super) enum WordKind {
    Dot,
    Variable(String),
    Function(String),
    Constant(Value),
    Pipe(Box<Pipe>),
}

/// Blocks and parentheses in each other, at the most.
const DEPTH: usize = 64;

/// Reads a template; with the names of all fields it asks for, and a dot if it takes all that is there.
///
/// # Errors
/// The first problem.
pub(super) fn parse(pieces: Vec<Piece>) -> Result<(Block, BTreeSet<String>), Error> {
    let mut parser = Parser {
        pieces: pieces.into_iter(),
        fields: BTreeSet::new(),
        variables: vec![String::new()],
        depth: 0,
        loops: 0,
    };
    let (block, end) = parser.block(&[])?;
    if let Some((word, at)) = end {
        return Err(Error::new(at, format!("there is nothing that `{word}` could belong to")));
    }
    Ok((block, parser.fields))
}

/// What ends a block, and where it stands.
type End = Option<(&'static str, Range<usize>)>;

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    fields: BTreeSet<String>,
    /// Those that are in sight; the first is the value as a whole.
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

impl Parser {
    /// Reads up to one of `ends`, or to the end of the template. An `else` leaves what follows it in the
    /// words it gives back.
    fn block(&mut self, opened: &[Range<usize>]) -> Result<(Block, End), Error> {
        let (block, end, rest) = self.block_with_rest(opened)?;
        match rest.first() {
            Some(token) => Err(unexpected(token)),
            None => Ok((block, end)),
        }
    }

    fn block_with_rest(
        &mut self,
        opened: &[Range<usize>],
    ) -> Result<(Block, End, Vec<Token>), Error> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (tokens, at) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens, at) => (tokens, at),
            };
            let keyword = match tokens.first() {
                Some(Token { kind: Kind::Name(name), .. }) => name.clone(),
                Some(_) => String::new(),
                None => return Err(Error::new(at, "the action has nothing to do")),
            };
            match &*keyword {
                "end" | "else" => {
                    let word = if keyword == "end" { "end" } else { "else" };
                    return Ok((nodes, Some((word, at)), tokens[1..].to_vec()));
                }
                "if" => {
                    let (arms, otherwise) = self.arms("if", &tokens, &at)?;
                    nodes.push(Node::If { arms, otherwise });
                }
                "with" => {
                    let (arms, otherwise) = self.arms("with", &tokens, &at)?;
                    nodes.push(Node::With { arms, otherwise });
                }
                "range" => nodes.push(self.range(&tokens, &at)?),
                "break" | "continue" => {
                    if let Some(token) = tokens.get(1) {
                        return Err(unexpected(token));
                    }
                    if self.loops == 0 {
                        return Err(Error::new(at, format!("`{keyword}` stands in no range")));
                    }
                    nodes.push(if keyword == "break" { Node::Break } else { Node::Continue });
                }
                "define" | "template" | "block" => {
                    let message = format!("`{keyword}` is not supported");
                    return Err(Error::new(tokens[0].at.clone(), message));
                }
                _ => nodes.push(Node::Output(self.pipe(&tokens, &at)?)),
            }
        }
        match opened.last() {
            Some(at) => {
                Err(Error::new(at.clone(), "the block is not closed")
                    .help("write `{{end}}` behind it"))
            }
            None => Ok((nodes, None, Vec::new())),
        }
    }

    fn deeper(&mut self, at: &Range<usize>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::new(at.clone(), "the template is nested too deeply"));
        }
        Ok(())
    }

    /// The arms of an `if` or a `with`, and what holds otherwise.
    fn arms(
        &mut self,
        keyword: &str,
        tokens: &[Token],
        at: &Range<usize>,
    ) -> Result<(Vec<(Pipe, Block)>, Block), Error> {
        self.deeper(at)?;
        let seen = self.variables.len();
        let mut arms = Vec::new();
        let mut tokens = tokens.to_vec();
        let otherwise = loop {
            let pipe = self.pipe(&tokens[1..], &tokens[0].at)?;
            let (block, end, rest) = self.block_with_rest(std::slice::from_ref(at))?;
            arms.push((pipe, block));
            match (end, rest.first()) {
                (Some(("end", _)), None) => break Vec::new(),
                (Some(("else", _)), None) => {
                    let (block, end) = self.block(std::slice::from_ref(at))?;
                    if let Some(("else", at)) = end {
                        return Err(Error::new(at, "there is an `else` already"));
                    }
                    break block;
                }
                (Some(("else", _)), Some(Token { kind: Kind::Name(name), .. }))
                    if name == keyword =>
                {
                    tokens = rest;
                }
                (_, Some(token)) => return Err(unexpected(token)),
                (_, None) => break Vec::new(),
            }
        };
        self.variables.truncate(seen);
        self.depth -= 1;
        Ok((arms, otherwise))
    }

    fn range(&mut self, tokens: &[Token], at: &Range<usize>) -> Result<Node, Error> {
        self.deeper(at)?;
        let seen = self.variables.len();
        let pipe = self.pipe_with(&tokens[1..], &tokens[0].at, 2)?;
        self.loops += 1;
        let (body, end) = self.block(std::slice::from_ref(at))?;
        self.loops -= 1;
        let otherwise = match end {
            Some(("else", _)) => self.block(std::slice::from_ref(at))?.0,
            _ => Vec::new(),
        };
        self.variables.truncate(seen);
        self.depth -= 1;
        Ok(Node::Range { pipe, body, otherwise })
    }

    fn pipe(&mut self, tokens: &[Token], at: &Range<usize>) -> Result<Pipe, Error> {
        self.pipe_with(tokens, at, 1)
    }

    /// Reads a pipe that gives values to `most` variables at the most.
    fn pipe_with(
        &mut self,
        tokens: &[Token],
        at: &Range<usize>,
        most: usize,
    ) -> Result<Pipe, Error> {
        let sign = tokens.iter().position(|it| matches!(it.kind, Kind::Declare | Kind::Assign));
        let mut variables = Vec::new();
        let mut declares = false;
        let mut rest = tokens;
        if let Some(sign) = sign {
            declares = tokens[sign].kind == Kind::Declare;
            for (index, token) in tokens[..sign].iter().enumerate() {
                match &token.kind {
                    Kind::Variable(name) if index % 2 == 0 => variables.push(name.clone()),
                    Kind::Comma if index % 2 == 1 => {}
                    _ => return Err(unexpected(token)),
                }
            }
            if variables.is_empty() || variables.len() > most {
                let message = "too many variables, or none, for what is given to them";
                return Err(Error::new(tokens[sign].at.clone(), message));
            }
            rest = &tokens[sign + 1..];
        }
        let place = match (rest.first(), rest.last()) {
            (Some(first), Some(last)) => first.at.start..last.at.end,
            _ => return Err(Error::new(at.clone(), "a value is missing")),
        };
        let mut reader = Reader { tokens: rest, next: 0 };
        let commands = self.commands(&mut reader, &place)?;
        if let Some(token) = reader.peek() {
            return Err(unexpected(token));
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        } else if let Some(unknown) = variables.iter().find(|it| !self.variables.contains(it)) {
            return Err(unknown_variable(unknown, at.clone()));
        }
        Ok(Pipe { variables, declares, commands, at: place })
    }

    fn commands(
        &mut self,
        reader: &mut Reader<'_>,
        at: &Range<usize>,
    ) -> Result<Vec<Command>, Error> {
        let mut commands = Vec::new();
        loop {
            let mut words = Vec::new();
            while let Some(token) = reader.peek() {
                if matches!(token.kind, Kind::Pipe | Kind::Close) {
                    break;
                }
                words.push(self.word(reader)?);
            }
            let (Some(first), Some(last)) = (words.first(), words.last()) else {
                let at = reader.peek().map_or_else(|| at.clone(), |token| token.at.clone());
                return Err(Error::new(at, "a value is missing"));
            };
            if !commands.is_empty() && matches!(first.kind, WordKind::Constant(_)) {
                let message = "a constant cannot be given anything";
                return Err(Error::new(first.at.clone(), message));
            }
            let at = first.at.start..last.at.end;
            commands.push(Command { words, at });
            match reader.peek() {
                Some(Token { kind: Kind::Pipe, .. }) => reader.next += 1,
                _ => return Ok(commands),
            }
        }
    }

    fn word(&mut self, reader: &mut Reader<'_>) -> Result<Word, Error> {
        let token = reader.take();
        let mut at = token.at.clone();
        let mut chain = Vec::new();
        let kind = match token.kind {
            Kind::Dot => WordKind::Dot,
            Kind::Field(name) => {
                chain.push((name, at.clone()));
                WordKind::Dot
            }
            Kind::Variable(name) => {
                if !self.variables.contains(&name) {
                    return Err(unknown_variable(&name, at));
                }
                WordKind::Variable(name)
            }
            Kind::Name(name) => match &*name {
                "true" => WordKind::Constant(Value::Bool(true)),
                "false" => WordKind::Constant(Value::Bool(false)),
                "nil" => WordKind::Constant(Value::Nil),
                _ => {
                    functions::must_exist(&name, &at)?;
                    WordKind::Function(name)
                }
            },
            Kind::Text(text) => WordKind::Constant(Value::Text(text)),
            Kind::Int(number) => WordKind::Constant(Value::Int(number)),
            Kind::Float(number) => WordKind::Constant(Value::Float(number)),
            Kind::Open => {
                self.deeper(&at)?;
                let commands = self.commands(reader, &at)?;
                let close = match reader.peek() {
                    Some(token) if token.kind == Kind::Close => token.at.clone(),
                    _ => {
                        return Err(Error::new(at, "the parenthesis is not closed"));
                    }
                };
                reader.next += 1;
                self.depth -= 1;
                at.end = close.end;
                let pipe =
                    Pipe { variables: Vec::new(), declares: false, commands, at: at.clone() };
                WordKind::Pipe(Box::new(pipe))
            }
            Kind::Pipe | Kind::Close | Kind::Declare | Kind::Assign | Kind::Comma => {
                return Err(Error::new(at, UNEXPECTED));
            }
        };
        while let Some(Token { kind: Kind::Field(name), at: place, joined: true }) = reader.peek() {
            chain.push((name.clone(), place.clone()));
            at.end = place.end;
            reader.next += 1;
        }
        match (&kind, chain.first()) {
            (WordKind::Dot | WordKind::Variable(_), Some((name, _))) => {
                self.fields.insert(name.clone());
            }
            (WordKind::Dot | WordKind::Variable(_), None) => {
                self.fields.insert(".".to_owned());
            }
            (WordKind::Function(_) | WordKind::Constant(_), Some((name, place))) => {
                return Err(Error::new(place.clone(), format!("`.{name}` follows no value"))
                    .help("put a blank before it, or what stands before it in parentheses"));
            }
            _ => {}
        }
        Ok(Word { kind, chain, at })
    }
}

fn unknown_variable(name: &str, at: Range<usize>) -> Error {
    Error::new(at, format!("there is no variable `${name}`"))
}

const UNEXPECTED: &str = "this is not expected here";

fn unexpected(token: &Token) -> Error {
    Error::new(token.at.clone(), UNEXPECTED)
}

struct Reader<'a> {
    tokens: &'a [Token],
    next: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    /// The token that was looked at.
    fn take(&mut self) -> Token {
        self.next += 1;
        self.tokens[self.next - 1].clone()
    }
}

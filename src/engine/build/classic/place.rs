//! Where in a Dockerfile an instruction is, for builders that tell its text and not its place.

use crate::engine::error::BuildPlace;

/// An instruction with the lines that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    first: u32,
    last: u32,
    /// On one line, with one blank between words.
    text: String,
}

/// The place of an instruction. If others have the same text, `number` tells which it is, from 1.
pub(super) fn of_instruction(
    dockerfile: &str,
    name: &str,
    text: &str,
    number: usize,
) -> Option<BuildPlace> {
    let text = words(text);
    let all = instructions(dockerfile);
    let same = |it: &&Instruction| it.text == text;
    let found = all.get(number.wrapping_sub(1)).filter(same).or_else(|| {
        let mut found = all.iter().filter(same);
        found.next().filter(|_| found.next().is_none())
    })?;
    Some(place(dockerfile, name, found.first, found.last))
}

/// The place that a message names, as in `parse error on line 3: …`.
pub(super) fn of_message(dockerfile: &str, name: &str, message: &str) -> Option<BuildPlace> {
    let (_, rest) = message.split_once("parse error ")?;
    let (_, rest) = rest.split_once("line ")?;
    let digits = rest.split(|char: char| !char.is_ascii_digit()).next()?;
    let line: u32 = digits.parse().ok()?;
    let is_there = usize::try_from(line).is_ok_and(|line| line <= dockerfile.lines().count());
    (line > 0 && is_there).then(|| place(dockerfile, name, line, line))
}

fn place(dockerfile: &str, name: &str, first: u32, last: u32) -> BuildPlace {
    BuildPlace { file: name.to_owned(), text: dockerfile.to_owned(), first, last }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All instructions, in order.
fn instructions(dockerfile: &str) -> Vec<Instruction> {
    let mut escape = '\\';
    let mut found: Vec<Instruction> = Vec::new();
    let mut open: Option<Instruction> = None;
    let mut lines = (1..).zip(dockerfile.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let directive = comment.split_once('=').filter(|_| found.is_empty() && open.is_none());
            if let Some((name, value)) = directive
                && name.trim().eq_ignore_ascii_case("escape")
            {
                escape = value.trim().chars().next().unwrap_or(escape);
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (text, goes_on) = match line.strip_suffix(escape) {
            Some(text) => (text, true),
            None => (line, false),
        };
        let mut current = match open.take() {
            Some(before) => {
                Instruction { last: number, text: format!("{}{text}", before.text), ..before }
            }
            None => Instruction { first: number, last: number, text: text.to_owned() },
        };
        if goes_on {
            open = Some(current);
            continue;
        }
        for end in heredocs(&current.text) {
            for (number, line) in lines.by_ref() {
                current.last = number;
                if line.trim_start_matches('\t') == end {
                    break;
                }
            }
        }
        found.push(Instruction { text: words(&current.text), ..current });
    }
    found.extend(open.map(|it| Instruction { text: words(&it.text), ..it }));
    found
}

/// What ends the texts that follow an instruction.
fn heredocs(text: &str) -> Vec<String> {
    let name = text.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"].iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return Vec::new();
    }
    let starts = text.split("<<").skip(1);
    let ends = starts.map(|rest| {
        let rest = rest.trim_start_matches(['-', '"', '\'']);
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        rest.split(|char| !is_name(char)).next().unwrap_or_default().to_owned()
    });
    ends.filter(|end| end.starts_with(|char: char| char.is_ascii_alphabetic())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKERFILE: &str = "\
# syntax=x
FROM a AS one

RUN echo  b && \\
  # not this
  exit 3
RUN <<END
exit
END
copy c /
FROM d
RUN true
RUN true
";

    #[test]
    fn instructions_are_found_by_their_text() {
        let lines = |text: &str, number: usize| {
            of_instruction(DOCKERFILE, "f", text, number).map(|it| (it.first, it.last))
        };
        assert_eq!(lines("FROM a AS one", 0), Some((2, 2)));
        assert_eq!(lines("RUN echo b &&   exit 3", 0), Some((4, 6)));
        assert_eq!(lines("RUN <<END", 0), Some((7, 9)));
        assert_eq!(lines("copy c /", 99), Some((10, 10)));
        // Of several the number tells which.
        assert_eq!(lines("RUN true", 7), Some((13, 13)));
        assert_eq!(lines("RUN true", 0), None);
        assert_eq!(lines("RUN false", 1), None);
        let all = instructions("# escape=`\nRUN a `\n b\nRUN c \\\n");
        let all: Vec<_> = all.iter().map(|it| (it.first, it.last, it.text.as_str())).collect();
        assert_eq!(all, [(2, 3, "RUN a b"), (4, 4, "RUN c \\")]);
    }

    #[test]
    fn lines_are_found_in_messages() {
        let line = |message: &str| of_message(DOCKERFILE, "f", message).map(|it| it.first);
        assert_eq!(line("dockerfile parse error on line 4: unknown instruction: X"), Some(4));
        assert_eq!(line("dockerfile parse error line 3: unknown instruction: X"), Some(3));
        assert_eq!(line("dockerfile parse error line 99: x"), None);
        assert_eq!(line("the line 3 is long"), None);
    }
}

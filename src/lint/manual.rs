//! What is written about rules: `docs/lint.md`, `--rules` and `--explain`.

use std::fmt::Write as _;

use crate::lint::rules::RULES;
use crate::lint::{Rule, Sample};

/// The document about all rules.
#[must_use]
pub fn document() -> String {
    let mut out = "# Rules of `rcompose lint`\n\n\
        `rcompose lint` flags what experienced reviewers flag, in Compose files and in the Dockerfiles they build. \
        It needs no engine and no network.\n\n\
        - `--allow RULE`, `--warn RULE` and `--deny RULE` turn a rule off, make it a warning, or an error.\n\
        - `--fail-on error|warning|info|never` says which findings end it with exit code 1 (default: `error`).\n\
        - `--format plain|json|sarif|github` is for people, programs, code scanning, and annotations of GitHub.\n\
        - A comment `# rcompose-lint: ignore RULE -- why` silences a rule: on a line of its own for the line (in a \
        Dockerfile: the instruction) after it, behind something for its own line. Several rules stand in one comment \
        with commas between.\n\n\
        This file is made from the table of rules.\n\n\
        | rule | level | what is flagged |\n|---|---|---|\n"
        .to_owned();
    for rule in RULES {
        let _ = writeln!(
            out,
            "| [`{id}`](#{id}) | {} | {} |",
            rule.level.word(),
            rule.summary,
            id = rule.id
        );
    }
    for rule in RULES {
        let (language, bad, good) = samples(rule);
        let _ = write!(
            out,
            "\n## {}\n\nFlagged: {}. Level: {}.\n\n{} So: {}.\n\nInstead of\n\n```{language}\n{bad}```\n\nwrite\n\n```{language}\n{good}```\n",
            rule.id,
            rule.summary,
            rule.level.word(),
            capital(rule.reason),
            rule.fix,
        );
    }
    out
}

/// A row for each rule: its name, level and what it flags.
#[must_use]
pub fn rows() -> Vec<[String; 3]> {
    let row = |rule: &&Rule| {
        [rule.id.to_owned(), rule.level.word().to_owned(), rule.summary.replace('`', "")]
    };
    RULES.iter().map(row).collect()
}

/// All that there is to say of a rule, for the terminal.
#[must_use]
pub fn explain(rule: &Rule) -> String {
    let (_, bad, good) = samples(rule);
    let indented =
        |text: &str| text.lines().fold(String::new(), |out, line| out + "    " + line + "\n");
    format!(
        "{} ({})\n\nFlagged: {}.\n\n{}\nSo: {}.\n\nInstead of\n\n{}\nwrite\n\n{}",
        rule.id,
        rule.level.word(),
        rule.summary,
        capital(rule.reason),
        rule.fix,
        indented(bad),
        indented(good)
    )
}

fn samples(rule: &Rule) -> (&'static str, &'static str, &'static str) {
    let text = |sample: &Sample| match *sample {
        Sample::Compose(text) => ("yaml", text),
        Sample::Dockerfile(text) => ("dockerfile", text),
    };
    let (language, bad) = text(&rule.bad);
    (language, bad, text(&rule.good).1)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

//! `no-dockerignore`: contexts that travel whole.

use std::fmt::Write as _;

use crate::lint::read::{Image, Measure};
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "no-dockerignore",
    level: Level::Warning,
    summary: "a Dockerfile that copies the whole folder, where no `.dockerignore` leaves anything out",
    reason: "history, dependencies and secrets of this machine get into the image, and each change of any of \
             them builds it anew.",
    fix: "write a `.dockerignore` beside the Dockerfile",
    bad: Sample::Dockerfile("FROM node:22\nCOPY . .\n"),
    good: Sample::Dockerfile("FROM node:22\nCOPY src src\n"),
    check: Check::Image(check),
};

/// Bytes that nobody minds.
const SMALL: u64 = 10 << 20;
/// Entries that have no business in an image.
const UNWANTED: [&str; 13] = [
    ".git",
    ".hg",
    ".svn",
    ".env",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    ".terraform",
    ".gradle",
    ".next",
    ".idea",
];

fn check(image: &Image, findings: &mut Findings) {
    let Some(measure) = image.measure.as_ref().filter(|it| !it.is_filtered) else { return };
    let unwanted: Vec<&str> = measure
        .largest
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| UNWANTED.contains(name))
        .collect();
    if measure.bytes < SMALL && unwanted.is_empty() {
        return;
    }
    let Some(instruction) = image.copies_everything().next() else { return };
    let Measure { files, bytes, is_cut, largest, is_filtered: _ } = measure;
    let noun = if *files == 1 { "file" } else { "files" };
    let least = if *is_cut { "at least " } else { "" };
    let size_of_all = size(*bytes);
    let message = format!(
        "this copies {least}{size_of_all} in {files} {noun}, and there is no `.dockerignore`"
    );
    let mut sizes = String::new();
    for (name, bytes) in largest.iter().take(3) {
        let _ =
            write!(sizes, "{}{name} ({})", if sizes.is_empty() { "" } else { ", " }, size(*bytes));
    }
    let finding = findings.add(instruction.span, message);
    finding.note(format!("the largest are {sizes}"));
    if !unwanted.is_empty() {
        let noun = if unwanted.len() == 1 { "line" } else { "lines" };
        finding
            .help(format!("write a `.dockerignore` with the {noun} `{}`", unwanted.join("`, `")));
    }
}

/// Bytes in units of a thousand, as the peer shows sizes.
#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::measured;

    #[test]
    fn large_and_unwanted() {
        let measure = |is_filtered, bytes, name: &str| Measure {
            is_filtered,
            files: 2,
            bytes,
            is_cut: false,
            largest: vec![(name.to_owned(), bytes)],
        };
        let check = |measure: Measure| measured(&RULE, "FROM a:1\nCOPY . /app\n", &measure).len();
        assert_eq!(check(measure(false, 20_000_000, "video")), 1);
        assert_eq!(check(measure(false, 20, ".git")), 1);
        assert_eq!(check(measure(false, 20, "main.c")), 0);
        assert_eq!(check(measure(true, 20_000_000, ".git")), 0);
    }

    #[test]
    fn sizes() {
        assert_eq!(
            (size(999), size(1500), size(2_000_000_000)),
            ("999 B".into(), "1.5 kB".into(), "2.0 GB".into())
        );
    }
}

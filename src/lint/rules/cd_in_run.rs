//! `cd-in-run`: folders that are changed for one step alone.

use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "cd-in-run",
    level: Level::Info,
    summary: "a `RUN` that begins with `cd`",
    reason: "the folder is that of the one step; what comes after is where it was before.",
    fix: "set it with `WORKDIR` before the `RUN`",
    bad: Sample::Dockerfile("FROM node:22\nRUN cd /app && npm ci\n"),
    good: Sample::Dockerfile("FROM node:22\nWORKDIR /app\nRUN npm ci\n"),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for instruction in image.instructions() {
        let mut commands = instruction.run();
        let Some([program, folder]) = commands.next() else { continue };
        // Where one goes for a moment is no place to stay.
        let is_passing = folder.text.contains('$') || folder.text.starts_with("/tmp");
        if program.text != "cd" || is_passing {
            continue;
        }
        let message = match commands.next() {
            None => "this has no effect: the next step is where this one began".to_owned(),
            Some(_) => format!("only this step runs in `{}`", folder.text),
        };
        findings.add(program.span, message).within(instruction.span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn folders() {
        let check = |line: &str, want: usize| {
            assert_eq!(dockerfile(&RULE, &format!("FROM a:1\n{line}\n")).len(), want, "{line}");
        };
        check("RUN cd /app", 1);
        check("RUN cd app && make", 1);
        check("RUN make && cd x && make", 0);
        check("RUN cd /tmp/x && make", 0);
        check("RUN cd \"$X\" && make", 0);
    }
}

//! `sudo`: what builds need not ask for.

use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "sudo",
    level: Level::Warning,
    summary: "`sudo` in a `RUN`",
    reason: "a build is root until `USER` says otherwise; `sudo` loses the environment, and an image that has \
             it is easier to take over.",
    fix: "leave it out, and put such steps before `USER`",
    bad: Sample::Dockerfile("FROM debian:12\nRUN sudo chown 1000 /srv\n"),
    good: Sample::Dockerfile("FROM debian:12\nRUN chown 1000 /srv\n"),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for instruction in image.instructions() {
        for words in instruction.run() {
            if let Some(word) = words.first().filter(|word| word.text == "sudo") {
                findings.add(word.span, "a build needs no `sudo`").within(instruction.span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn as_a_command_alone() {
        assert_eq!(dockerfile(&RULE, "FROM a:1\nRUN a && sudo b | sudo c"), ["sudo", "sudo"]);
        assert_eq!(dockerfile(&RULE, "FROM a:1\nRUN apt-get install -y sudo"), [""; 0]);
    }
}

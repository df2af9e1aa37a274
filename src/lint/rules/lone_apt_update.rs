//! `lone-apt-update`: lists of packages that grow old in the cache.

use crate::lint::read::Image;
use crate::lint::rules::packages::{Act, act, is_apt};
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "lone-apt-update",
    level: Level::Warning,
    summary: "`apt-get update` in a `RUN` of its own",
    reason: "the step is cached, so the install after it works with lists of weeks ago: packages are old, or \
             not found any more.",
    fix: "join it with the install: `RUN apt-get update && apt-get install …`",
    bad: Sample::Dockerfile(
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends curl\n",
    ),
    good: Sample::Dockerfile(
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n",
    ),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for instruction in image.instructions() {
        let is_lone = instruction.run().all(|words| {
            act(words).is_some_and(|act| act != Act::Install)
                || words
                    .first()
                    .is_some_and(|word| matches!(word.text.as_str(), "set" | "echo" | "true"))
        });
        let update =
            instruction.run().find(|words| act(words) == Some(Act::Update) && is_apt(words));
        if let Some(words) = update.filter(|_| is_lone) {
            findings
                .add(words[0].span, "the lists that this fetches grow old in the cache")
                .within(instruction.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn alone_or_not() {
        let check = |line: &str, want: usize| {
            assert_eq!(
                dockerfile(&RULE, &format!("FROM debian:12\n{line}\n")).len(),
                want,
                "{line}"
            );
        };
        check("RUN apt update -y", 1);
        check("RUN set -e; apt-get update", 1);
        check("RUN apt-get update && apt-get install -y a", 0);
        check("RUN apt-get update && apt-get upgrade -y", 0);
        check("RUN apt-get update && ./install.sh", 0);
    }
}

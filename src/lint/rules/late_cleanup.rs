//! `late-cleanup`: files that are removed in a later layer than they came in.

use crate::lint::read::Image;
use crate::lint::rules::packages::{Act, act};
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "late-cleanup",
    level: Level::Warning,
    summary: "lists and caches of packages that are removed in another `RUN` than they came in",
    reason: "each `RUN` is a layer, and what a layer has stays in the image: removing it later only hides it.",
    fix: "join both with `&&` in one `RUN`",
    bad: Sample::Dockerfile(
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n\
         RUN rm -rf /var/lib/apt/lists/*\n",
    ),
    good: Sample::Dockerfile(
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl \\\n    \
         && rm -rf /var/lib/apt/lists/*\n",
    ),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for stage in &image.file.stages {
        let mut left = None;
        for instruction in stage.instructions.iter().filter(|it| !it.is_trigger) {
            let acts = || instruction.run().filter_map(act);
            let fills = acts().any(|act| matches!(act, Act::Update | Act::Install));
            let cleans = instruction.run().find(|words| act(words) == Some(Act::Clean));
            match (fills, cleans, left) {
                (true, None, _) => left = Some(instruction),
                (false, Some(words), Some(before)) => {
                    findings
                        .add(words[0].span, "this makes the image no smaller")
                        .within(instruction.span)
                        .context(before.keyword, "the layer of this keeps the files");
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn layers() {
        let check = |lines: &str, want: &[&str]| {
            assert_eq!(dockerfile(&RULE, &format!("FROM debian:12\n{lines}\n")), want, "{lines}");
        };
        check("RUN apt-get install -y a\nRUN apt-get clean", &["apt-get"]);
        check("RUN yum install -y a\nRUN b\nRUN yum clean all", &["yum"]);
        check("RUN apt-get install -y a && apt-get clean\nRUN rm -rf /var/lib/apt/lists/*", &[]);
        check("RUN rm -rf /var/lib/apt/lists/*", &[]);
        check("RUN apt-get install -y a\nRUN rm -rf /tmp/x", &[]);
        check("RUN <<EOF\napt-get install -y a\napt-get clean\nEOF", &[]);
        assert_eq!(
            dockerfile(&RULE, "FROM a:1\nRUN apk add a\nFROM b:1\nRUN rm -rf /var/cache/apk/*"),
            [""; 0]
        );
    }
}

//! `apt-recommends`: packages that nobody asked for.

use crate::dockerfile::Instruction;
use crate::lint::read::Image;
use crate::lint::rules::packages::{Act, act, is_apt};
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "apt-recommends",
    level: Level::Info,
    summary: "`apt-get install` without `--no-install-recommends`",
    reason: "recommended packages come along, often more than what was asked for.",
    fix: "add `--no-install-recommends`",
    bad: Sample::Dockerfile("FROM debian:12\nRUN apt-get update && apt-get install -y curl\n"),
    good: Sample::Dockerfile(
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n",
    ),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    let says =
        |text: &str| text.contains("no-install-recommends") || text.contains("nstall-Recommends");
    let all = || image.instructions().flat_map(Instruction::run);
    // A file of settings holds for all that follows.
    if all().any(|words| act(words).is_none() && words.iter().any(|word| says(&word.text))) {
        return;
    }
    for instruction in image.instructions() {
        for words in
            instruction.run().filter(|words| act(words) == Some(Act::Install) && is_apt(words))
        {
            if !words.iter().any(|word| says(&word.text)) {
                findings
                    .add(words[0].span, "recommended packages are installed, too")
                    .within(instruction.span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn options_and_settings() {
        let check = |lines: &str, want: usize| {
            assert_eq!(
                dockerfile(&RULE, &format!("FROM debian:12\n{lines}\n")).len(),
                want,
                "{lines}"
            );
        };
        check("RUN apt-get install -y a && apt install b", 2);
        check("RUN apt-get -o APT::Install-Recommends=false install -y a", 0);
        check(
            "RUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/x\nRUN apt-get install a",
            0,
        );
        check("RUN apk add a", 0);
    }
}

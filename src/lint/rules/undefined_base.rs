//! `undefined-base`: stages that start from a variable without a value.

use crate::dockerfile::Base;
use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "undefined-base",
    level: Level::Warning,
    summary: "a `FROM` with a variable that has neither a default nor a value in `build.args`",
    reason: "the build fails unless everybody remembers to give the argument.",
    fix: "give the `ARG` before the first `FROM` a default, or set it in `build.args`",
    bad: Sample::Dockerfile("ARG TAG\nFROM node:$TAG\n"),
    good: Sample::Dockerfile("ARG TAG=22\nFROM node:$TAG\n"),
    check: Check::Image(check),
};

/// What builders set themselves.
const GIVEN: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

fn check(image: &Image, findings: &mut Findings) {
    for (index, stage) in image.file.stages.iter().enumerate() {
        let Base::Unknown(missing) = image.base(index) else { continue };
        let Some(name) = missing.iter().find(|name| !GIVEN.contains(&name.as_str())) else {
            continue;
        };
        let finding = findings.add(stage.base.span, format!("`{name}` has no value here"));
        let is_later =
            image.file.stages.iter().flat_map(|stage| &stage.instructions).find_map(|it| match &it
                .kind
            {
                crate::dockerfile::Kind::Arg(pairs) => {
                    pairs.iter().find(|pair| pair.name.text == *name)
                }
                _ => None,
            });
        if let Some(pair) = is_later {
            finding.context(pair.name.span, "only `ARG`s before the first `FROM` count here");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{dockerfile, dockerfile_of};

    #[test]
    fn values_of_variables() {
        assert_eq!(dockerfile(&RULE, "FROM a:1\nARG V=1\nFROM b:$V"), ["b:$V"]);
        assert_eq!(dockerfile(&RULE, "FROM a-${TARGETARCH}:1\nFROM a:${V:-1}"), [""; 0]);
        let given = "build: {context: ., args: {V: 1}}";
        assert_eq!(dockerfile_of(&RULE, "ARG V\nFROM a:$V", given), [""; 0]);
    }
}

//! `secret-in-build`: secrets that an image keeps in its history or its environment.

use crate::dockerfile::{Kind, Pair};
use crate::lint::read::Image;
use crate::lint::subject::{Service, Written, entries};
use crate::lint::{Check, Findings, Level, Rule, Sample, secrets};
use crate::source::Span;
use crate::yaml::Node;

pub(super) static RULE: Rule = Rule {
    id: "secret-in-build",
    level: Level::Warning,
    summary: "a password, token or key in `ARG`, `ENV` or `build.args`",
    reason: "the image keeps the values of `ARG` in its history and those of `ENV` in its configuration, \
             where whoever has the image can read them.",
    fix: "give it to the build as a secret: `RUN --mount=type=secret,id=NAME`, and `build.secrets`",
    bad: Sample::Dockerfile("FROM node:22\nARG NPM_TOKEN\nRUN npm ci\n"),
    good: Sample::Dockerfile("FROM node:22\nRUN --mount=type=secret,id=npm npm ci\n"),
    check: Check::Both(service, image),
};

fn service(service: &Service<'_>, findings: &mut Findings) {
    for (name, entry) in entries(service.get("build").and_then(|build| build.get("args"))) {
        let is_secret = |node: &Node| {
            let value = node.as_str().unwrap_or("");
            secrets::is_name(name)
                && secrets::may_be_value(value)
                && secrets::shape(value).is_none()
        };
        if is_secret(&entry.node) && service.written(&entry.node) != Written::Elsewhere {
            let message =
                format!("the secret `{name}` stands in the file, and in the image's history");
            findings.add(entry.node.span, message);
        }
    }
}

fn image(image: &Image, findings: &mut Findings) {
    for pair in image.file.args.iter().filter(|pair| is_secret(pair)) {
        report(pair, Span::NOWHERE, "ARG", findings);
    }
    for instruction in image.instructions() {
        let (pairs, keyword) = match &instruction.kind {
            Kind::Arg(pairs) => (pairs, "ARG"),
            Kind::Env(pairs) => (pairs, "ENV"),
            _ => continue,
        };
        for pair in pairs.iter().filter(|pair| is_secret(pair)) {
            report(pair, instruction.span, keyword, findings);
        }
    }
}

fn is_secret(Pair { name, value }: &Pair) -> bool {
    let may_be = value.as_ref().is_none_or(|value| {
        secrets::may_be_value(&value.text) && secrets::shape(&value.text).is_none()
    });
    secrets::is_name(&name.text) && may_be
}

fn report(pair: &Pair, within: Span, keyword: &str, findings: &mut Findings) {
    let message = format!("the image keeps the secret `{}` of this `{keyword}`", pair.name.text);
    let finding = findings.add(pair.name.span, message);
    if !within.is_nowhere() {
        finding.within(within);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{dockerfile, service};

    #[test]
    fn in_build_args() {
        let body = "build:\n  dockerfile_inline: FROM a:1\n  args:\n    API_TOKEN: abc\n    OTHER: x\n    DB_PASSWORD: ${P}";
        assert_eq!(service(&RULE, body), ["abc"]);
    }

    #[test]
    fn in_dockerfiles() {
        let text = "ARG A_TOKEN\nFROM a:1\nENV X=1 \\\n DB_PASSWORD=x EMPTY_SECRET= SECRET_FILE=/x\nARG SECRET_KEY=";
        assert_eq!(dockerfile(&RULE, text), ["A_TOKEN", "DB_PASSWORD"]);
    }
}

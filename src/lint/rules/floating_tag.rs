//! `floating-tag`: images whose version is left open.

use crate::dockerfile::{Base, Kind};
use crate::lint::read::Image;
use crate::lint::subject::{Service, Written};
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::reference::Reference;
use crate::source::Span;

pub(super) static RULE: Rule = Rule {
    id: "floating-tag",
    level: Level::Warning,
    summary: "an image without a version, or with a tag that moves (`latest`, `main`)",
    reason: "what such a name stands for changes from day to day and from machine to machine, so what \
             worked yesterday breaks today, and nobody can go back.",
    fix: "name a version",
    bad: Sample::Compose("services:\n  web:\n    image: nginx:latest\n"),
    good: Sample::Compose("services:\n  web:\n    image: nginx:1.27\n"),
    check: Check::Both(service, image),
};

fn service(service: &Service<'_>, findings: &mut Findings) {
    let Some((reference, span)) = service.pulled() else { return };
    // What a variable names may have a tag.
    let raw = service.project.sources.slice(span);
    let is_open = raw.rsplit('/').next().is_some_and(|last| last.contains('$'));
    let is_elsewhere =
        service.get("image").is_some_and(|node| service.written(node) == Written::Elsewhere);
    if reference.tag.is_some() || !(is_open && is_elsewhere) {
        report(&reference, span, findings);
    }
}

fn image(image: &Image, findings: &mut Findings) {
    outside(image, |reference, span| report(reference, span, findings));
}

/// Calls `found` with each image from outside that a Dockerfile uses.
pub(super) fn outside(image: &Image, mut found: impl FnMut(&Reference, Span)) {
    for (index, stage) in image.file.stages.iter().enumerate() {
        if let Base::Image(name) = image.base(index)
            && !image.is_context(&name)
            && let Ok(reference) = Reference::parse(&name)
        {
            found(&reference, stage.base.span);
        }
    }
    for instruction in image.instructions() {
        if let Kind::Copy(copying) = &instruction.kind
            && let Some(from) = copying.flag("from").and_then(|flag| flag.value.as_ref())
            && !from.text.contains('$')
            && from.text.parse::<usize>().is_err()
            && image.file.stage(&from.text).is_none()
            && !image.is_context(&from.text)
            && let Ok(reference) = Reference::parse(&from.text)
        {
            found(&reference, from.span);
        }
    }
}

/// Tags that move on to the next release of whatever kind.
const FLOATING: [&str; 9] =
    ["latest", "main", "master", "develop", "dev", "edge", "nightly", "unstable", "canary"];

fn report(reference: &Reference, span: Span, findings: &mut Findings) {
    let floats = reference.tag.as_ref().is_none_or(|tag| FLOATING.contains(&tag.as_str()));
    if !floats || reference.digest.is_some() {
        return;
    }
    let name = reference.familiar_name();
    let message = match &reference.tag {
        None => format!("`{name}` names no version, so it is whatever is newest"),
        Some(tag) => format!("the tag `{tag}` of `{name}` moves"),
    };
    findings.add(span, message).help(format!("name a version: `{name}:VERSION`"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{compose, dockerfile, service};

    #[test]
    fn in_services() {
        assert_eq!(service(&RULE, "image: nginx"), ["nginx"]);
        assert_eq!(service(&RULE, "image: example.com:5000/a:main"), ["example.com:5000/a:main"]);
        assert_eq!(service(&RULE, "image: a:${TAG:-latest}"), ["a:${TAG:-latest}"]);
        for fine in [
            "image: nginx:1",
            "image: a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "image: own\nbuild: {dockerfile_inline: FROM a:1}",
            "image: own\npull_policy: never",
            "image: a:${TAG}",
            "image: ${IMAGE:?}",
        ] {
            assert_eq!(service(&RULE, fine), [""; 0], "{fine}");
        }
        let built = "services:\n  a: {image: own, build: {dockerfile_inline: FROM a:1}}\n  b: {image: own}\n";
        assert_eq!(compose(&RULE, built), [""; 0]);
    }

    #[test]
    fn in_dockerfiles() {
        assert_eq!(dockerfile(&RULE, "FROM alpine AS a\nFROM a\n"), ["alpine"]);
        assert_eq!(dockerfile(&RULE, "ARG V=latest\nFROM node:$V\n"), ["node:$V"]);
        assert_eq!(dockerfile(&RULE, "FROM a:1\nCOPY --from=composer /a /b\n"), ["composer"]);
        for fine in [
            "FROM scratch",
            "FROM a:1 AS x\nFROM x\nCOPY --from=x a b\nCOPY --from=0 a b",
            "FROM $X",
        ] {
            assert_eq!(dockerfile(&RULE, fine), [""; 0], "{fine}");
        }
    }
}

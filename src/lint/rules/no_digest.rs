//! `no-digest`: images that are not pinned to their content.

use crate::lint::read::Image;
use crate::lint::rules::floating_tag::outside;
use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::reference::Reference;
use crate::source::Span;

pub(super) static RULE: Rule = Rule {
    id: "no-digest",
    level: Level::Off,
    summary: "an image that is not pinned to a digest",
    reason: "tags can be moved by whoever may write to the registry; a digest is the content itself.",
    fix: "add the digest: `NAME:TAG@sha256:…`",
    bad: Sample::Dockerfile("FROM alpine:3.21\n"),
    good: Sample::Dockerfile(
        "FROM alpine:3.21@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
    ),
    check: Check::Both(service, image),
};

fn service(service: &Service<'_>, findings: &mut Findings) {
    if let Some((reference, span)) = service.pulled() {
        report(&reference, span, findings);
    }
}

fn image(image: &Image, findings: &mut Findings) {
    outside(image, |reference, span| report(reference, span, findings));
}

fn report(reference: &Reference, span: Span, findings: &mut Findings) {
    if reference.digest.is_none() {
        findings.add(span, format!("`{}` is not pinned to a digest", reference.familiar_name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing;

    #[test]
    fn off_unless_asked_for() {
        assert_eq!(testing::service(&RULE, "image: nginx:1"), ["nginx:1"]);
        assert_eq!(testing::service(&RULE, "build: {dockerfile_inline: FROM scratch}"), [""; 0]);
    }
}

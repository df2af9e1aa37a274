//! `leaked-secret`: values that can be nothing but secrets.

use crate::dockerfile::Kind;
use crate::lint::read::Image;
use crate::lint::subject::{Service, Written, entries};
use crate::lint::{Check, Findings, Level, Rule, Sample, secrets};
use crate::source::Span;
use crate::yaml::Node;

pub(super) static RULE: Rule = Rule {
    id: "leaked-secret",
    level: Level::Error,
    summary: "a private key, or a token in the form of its issuer",
    reason: "such a value opens something real. It is in version control from the first commit on, and \
             programs search public repositories for it.",
    fix: "revoke it, then take the new one from a variable or from `secrets`",
    // Put together, so that nobody's search for secrets finds this file.
    bad: Sample::Compose(concat!(
        "services:\n  ci:\n    image: runner:3\n    environment:\n      TOKEN: ghp",
        "_a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8\n",
    )),
    good: Sample::Compose(
        "services:\n  ci:\n    image: runner:3\n    environment:\n      TOKEN: ${GITHUB_TOKEN}\n",
    ),
    check: Check::Both(service, image),
};

fn service(service: &Service<'_>, findings: &mut Findings) {
    let args = service.get("build").and_then(|build| build.get("args"));
    let pairs = service.entries("environment").chain(entries(args)).map(|(_, entry)| &entry.node);
    let words = ["command", "entrypoint"].into_iter().flat_map(|key| service.items(key));
    for node in pairs.chain(words) {
        if let Some(what) = node.as_str().and_then(secrets::shape)
            && service.written(node) != Written::Elsewhere
        {
            report(what, node, findings);
        }
    }
}

fn report(what: &str, node: &Node, findings: &mut Findings) {
    findings.add(node.span, format!("this has {what} in it"));
}

fn image(image: &Image, findings: &mut Findings) {
    let mut look = |text: &str, span: Span, within: Span| {
        if let Some(what) = secrets::shape(text) {
            findings.add(span, format!("this has {what} in it")).within(within);
        }
    };
    for pair in &image.file.args {
        if let Some(value) = &pair.value {
            look(&value.text, value.span, value.span);
        }
    }
    for instruction in image.instructions() {
        if let Kind::Env(pairs) | Kind::Arg(pairs) = &instruction.kind {
            for value in pairs.iter().filter_map(|pair| pair.value.as_ref()) {
                look(&value.text, value.span, instruction.span);
            }
        }
        for word in instruction.run().flatten() {
            look(&word.text, word.span, instruction.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{dockerfile, service};

    #[test]
    fn anywhere() {
        let key = format!("AKI{}", "A1234567890ABCDEF");
        assert_eq!(service(&RULE, &format!("image: a:1\ncommand: run --key {key}")).len(), 1);
        assert_eq!(
            dockerfile(&RULE, &format!("FROM a:1\nRUN x && y --key={key}")),
            [format!("--key={key}")]
        );
        assert_eq!(dockerfile(&RULE, &format!("FROM a:1\nENV K={key}")), [key]);
    }
}

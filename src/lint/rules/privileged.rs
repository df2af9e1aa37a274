//! `privileged`: containers that may do what the host may.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::yaml::Node;

pub(super) static RULE: Rule = Rule {
    id: "privileged",
    level: Level::Warning,
    summary: "`privileged: true`",
    reason: "such a container has all capabilities and devices of the host and no filter of system calls: \
             who breaks into it has the machine.",
    fix: "name what it needs in `cap_add` and `devices`",
    bad: Sample::Compose("services:\n  vpn:\n    image: vpn:2\n    privileged: true\n"),
    good: Sample::Compose(
        "services:\n  vpn:\n    image: vpn:2\n    cap_add: [NET_ADMIN]\n    devices: ['/dev/net/tun']\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    if let Some(node) = service.get("privileged").filter(|node| node.as_bool() == Some(true)) {
        findings.add(node.span, format!("`{}` may do all that the host may", service.name));
    }
    let build = service.get("build").and_then(|build| build.get("privileged"));
    if let Some(node) = build.filter(|node| Node::as_bool(node) == Some(true)) {
        findings.add(node.span, "the build may do all that the host may");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::service;

    #[test]
    fn what_is_privileged() {
        assert_eq!(service(&RULE, "image: a:1\nprivileged: true"), ["true"]);
        assert_eq!(
            service(&RULE, "build: {dockerfile_inline: FROM a:1, privileged: true}"),
            ["true"]
        );
        assert_eq!(service(&RULE, "image: a:1\nprivileged: false"), [""; 0]);
    }
}

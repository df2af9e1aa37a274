//! `host-network`: containers in the network of the host.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "host-network",
    level: Level::Warning,
    summary: "`network_mode: host`",
    reason: "nothing separates the container from the host's network: all that it listens on is open, \
             services that listen on the host alone are reached, and two of them cannot share a port.",
    fix: "leave `network_mode` out, and publish the ports that are needed",
    bad: Sample::Compose("services:\n  web:\n    image: web:1\n    network_mode: host\n"),
    good: Sample::Compose("services:\n  web:\n    image: web:1\n    ports: ['8080:8080']\n"),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    if let Some(node) = service.get("network_mode").filter(|node| node.as_str() == Some("host")) {
        findings.add(node.span, format!("`{}` shares the network of the host", service.name));
    }
}

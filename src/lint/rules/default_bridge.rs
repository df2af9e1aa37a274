//! `default-bridge`: containers in the engine's own network.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "default-bridge",
    level: Level::Warning,
    summary: "`network_mode: bridge`",
    reason: "in the engine's own network services do not find each other by name, and containers of other \
             projects are in it, too.",
    fix: "leave `network_mode` out: the project has a network of its own",
    bad: Sample::Compose("services:\n  web:\n    image: web:1\n    network_mode: bridge\n"),
    good: Sample::Compose("services:\n  web:\n    image: web:1\n"),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    if let Some(node) = service.get("network_mode").filter(|node| node.as_str() == Some("bridge")) {
        findings.add(node.span, format!("`{}` is in the engine's own network", service.name));
    }
}

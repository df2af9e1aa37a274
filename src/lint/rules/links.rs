//! `links`: what networks have replaced.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::yaml::Node;

pub(super) static RULE: Rule = Rule {
    id: "links",
    level: Level::Warning,
    summary: "`links` between services",
    reason: "services of a project find each other by name in its network anyway. Links are a legacy of the \
             time before; engines may drop them.",
    fix: "remove `links`; for another name use `networks.NAME.aliases`, for order `depends_on`",
    bad: Sample::Compose(
        "services:\n  web:\n    image: web:1\n    links: [db]\n  db:\n    image: own-db:1\n",
    ),
    good: Sample::Compose(
        "services:\n  web:\n    image: web:1\n    depends_on: [db]\n  db:\n    image: own-db:1\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    let entry = service.entry.node.as_map().and_then(|map| map.get("links"));
    if let Some(entry) = entry.filter(|entry| entry.node.as_list().is_some_and(|it| !it.is_empty()))
    {
        let names: Vec<&str> = entry.node.items().filter_map(Node::as_str).collect();
        findings.add(entry.key, format!("`{}` is linked to {}", service.name, names.join(", ")));
    }
}

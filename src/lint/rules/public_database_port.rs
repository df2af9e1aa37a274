//! `public-database-port`: databases that the whole network can reach.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "public-database-port",
    level: Level::Warning,
    summary: "a port of a database, cache, broker or its admin tool that is published on all addresses",
    reason: "whoever reaches the machine reaches the service: engines open published ports before most \
             firewalls see the packets. Services of the project need no published port.",
    fix: "publish on this machine alone, or leave `ports` out",
    bad: Sample::Compose("services:\n  db:\n    image: postgres:17\n    ports: ['5432:5432']\n"),
    good: Sample::Compose(
        "services:\n  db:\n    image: postgres:17\n    ports: ['127.0.0.1:5432:5432']\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    let Some(known) = service.known() else { return };
    for port in service.items("ports") {
        let address = port.str_of("host_ip").unwrap_or("");
        let published = port.str_of("published").unwrap_or("");
        if published.is_empty() || !matches!(address, "" | "0.0.0.0" | "::") {
            continue;
        }
        let target = port.get("target").and_then(crate::yaml::Node::as_int).unwrap_or_default();
        let message = format!(
            "`{}` is {}, and port {published} opens it to every network of this machine",
            service.name,
            known.role.noun()
        );
        findings.add(port.span, message).help(format!(
            "publish it on this machine alone, `127.0.0.1:{published}:{target}`, or not at all: other \
             services reach it as `{}:{target}`",
            service.name
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::service;

    #[test]
    fn published_ports() {
        assert_eq!(
            service(&RULE, "image: mongo:7\nports: ['27017:27017', '0.0.0.0:1:1']").len(),
            2
        );
        assert_eq!(
            service(&RULE, "image: example.com/x/redis:7\nports: ['6379-6380:6379-6380']").len(),
            1
        );
        for fine in [
            "image: postgres:17\nports: ['127.0.0.1:5432:5432', '[::1]:5432:5432']",
            "image: postgres:17\nports: ['5432']",
            "image: nginx:1\nports: ['80:80']",
            "image: prom/postgres-exporter:1\nports: ['80:80']",
        ] {
            assert_eq!(service(&RULE, fine), [""; 0], "{fine}");
        }
    }
}

//! `unready-dependency`: services that start before their database takes requests.

use crate::lint::known::Role;
use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::source::Span;
use crate::yaml::Node;

pub(super) static RULE: Rule = Rule {
    id: "unready-dependency",
    level: Level::Warning,
    summary: "a `depends_on` of a database or broker that does not wait until it is healthy",
    reason: "a container that has started takes no requests yet: a database prepares its files first, which \
             takes seconds. Those that ask too early fail, sometimes.",
    fix: "depend on it with `condition: service_healthy`",
    bad: Sample::Compose(
        "services:\n  web:\n    image: web:1\n    depends_on: [db]\n  db:\n    image: postgres:17\n",
    ),
    good: Sample::Compose(
        "services:\n  web:\n    image: web:1\n    depends_on:\n      db:\n        condition: service_healthy\n  \
         db:\n    image: postgres:17\n    healthcheck:\n      test: [CMD, pg_isready]\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    if service.known().is_some_and(|known| known.role == Role::Admin) {
        return;
    }
    let implied = implied(service);
    for (name, entry) in service.entries("depends_on") {
        let is_started = entry.node.str_of("condition").is_none_or(|it| it == "service_started");
        if !is_started || implied.contains(&entry.key) {
            continue;
        }
        let Some(other) = service.other(name) else { continue };
        let Some(known) =
            other.known().filter(|it| matches!(it.role, Role::Database | Role::Broker))
        else {
            continue;
        };
        let message = format!(
            "`{}` does not wait until {} `{name}` takes requests",
            service.name,
            known.role.noun()
        )
        .replace("until a ", "until the ");
        let finding = findings.add(entry.key, message);
        if other.get("healthcheck").is_some() {
            finding.help(format!("write `{name}: {{condition: service_healthy}}` in `depends_on`"));
            continue;
        }
        finding.context(other.entry.key, "this has no `healthcheck`");
        let test = match known.test {
            "" => String::new(),
            test => format!(", such as `test: {test}`"),
        };
        finding.help(format!(
            "give `{name}` a `healthcheck`{test}, and write `{name}: {{condition: service_healthy}}` in \
             `depends_on`"
        ));
    }
}

/// Where dependencies stand that nobody wrote as such.
fn implied(service: &Service<'_>) -> Vec<Span> {
    let lists = ["links", "volumes_from"].into_iter().flat_map(|key| service.items(key));
    let namespaces = ["network_mode", "ipc", "pid", "uts", "cgroup"];
    let shared = namespaces.into_iter().filter_map(|key| service.get(key));
    lists.chain(shared).map(|node: &Node| node.span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::compose;

    #[track_caller]
    fn check(web: &str, db: &str, want: usize) {
        let text = format!("services:\n  web: {{image: web:1, {web}}}\n  db: {{{db}}}\n");
        assert_eq!(compose(&RULE, &text).len(), want, "{text}");
    }

    #[test]
    fn conditions() {
        check("depends_on: [db]", "image: mysql:8", 1);
        check("depends_on: {db: {condition: service_started}}", "image: rabbitmq:4", 1);
        check("depends_on: [db]", "image: mysql:8, healthcheck: {test: [CMD, x]}", 1);
        check("depends_on: {db: {condition: service_healthy}}", "image: mysql:8", 0);
        check("depends_on: {db: {condition: service_completed_successfully}}", "image: mysql:8", 0);
        check("depends_on: [db]", "image: redis:7", 0);
        check("depends_on: [db]", "image: own:1", 0);
        check("links: [db]", "image: mysql:8", 0);
        let admin =
            "services:\n  web: {image: adminer:4, depends_on: [db]}\n  db: {image: mysql:8}\n";
        assert_eq!(compose(&RULE, admin), [""; 0]);
    }
}

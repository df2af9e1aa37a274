//! `secret-in-environment`: passwords and their like in the Compose file.

use crate::lint::subject::{Service, Written};
use crate::lint::{Check, Findings, Level, Rule, Sample, secrets};

pub(super) static RULE: Rule = Rule {
    id: "secret-in-environment",
    level: Level::Warning,
    summary: "a password, token or key that stands in `environment`",
    reason: "the file is shared and kept for ever in version control, and whoever may look at the \
             container sees its environment.",
    fix: "take it from a variable without a default, or from `secrets`",
    bad: Sample::Compose(
        "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: hunter2\n",
    ),
    good: Sample::Compose(
        "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${DB_PASSWORD}\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    for (name, entry) in service.entries("environment") {
        let node = &entry.node;
        let Some(value) = node.as_str() else { continue };
        let is_named = secrets::is_name(name) && secrets::may_be_value(value);
        let in_address = !is_named && secrets::in_address(value).is_some();
        if !(is_named || in_address) || secrets::shape(value).is_some() {
            continue;
        }
        let message = match (service.written(node), in_address) {
            (Written::Elsewhere, _) => continue,
            (Written::AsDefault, true) => format!("`{name}` has a password in its default"),
            (Written::AsDefault, false) => format!("the secret `{name}` has a default in the file"),
            (Written::Literally, true) => format!("`{name}` has a password in it"),
            (Written::Literally, false) => format!("the secret `{name}` stands in the file"),
        };
        findings.add(node.span, message).help(format!(
            "take it from a variable that must be set, `${{{}:?}}`, or from `secrets`",
            if in_address { "PASSWORD" } else { name }
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::service;

    #[track_caller]
    fn check(environment: &str, want: &[&str]) {
        assert_eq!(service(&RULE, &format!("image: a:1\nenvironment:\n{environment}")), want);
    }

    #[test]
    fn secrets_and_what_only_looks_like_them() {
        check("  DB_PASSWORD: 'x y'", &["'x y'"]);
        check("  - DB_PASSWORD=x", &["DB_PASSWORD=x"]);
        check("  DB_PASSWORD: ${PW:-x}", &["${PW:-x}"]);
        check("  DB_PASSWORD: 12345", &["12345"]);
        check("  DATABASE_URL: postgres://u:pw@db/x", &["postgres://u:pw@db/x"]);
        for fine in [
            "  DB_PASSWORD: ${PW}",
            "  DB_PASSWORD: ${PW:-}",
            "  DB_PASSWORD: ${PW:?set it}",
            "  DB_PASSWORD: ''",
            "  DB_PASSWORD:",
            "  - DB_PASSWORD",
            "  DB_PASSWORD_FILE: /run/secrets/x",
            "  ALLOW_EMPTY_PASSWORD: 'yes'",
            "  DATABASE_URL: postgres://u:${PW}@db/x",
        ] {
            check(fine, &[]);
        }
    }
}

//! `database-bind-mount`: data of databases in folders of the project.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "database-bind-mount",
    level: Level::Warning,
    summary: "a bind mount where a database keeps its data",
    reason: "owners and modes of the host's folder get in the way of the database, on a desktop each access \
             crosses into a virtual machine, and the data travels with the build context.",
    fix: "use a named volume",
    bad: Sample::Compose(
        "services:\n  db:\n    image: postgres:17\n    volumes: ['./data:/var/lib/postgresql/data']\n",
    ),
    good: Sample::Compose(
        "services:\n  db:\n    image: postgres:17\n    volumes: ['data:/var/lib/postgresql/data']\nvolumes:\n  data:\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    let Some(known) = service.known() else { return };
    for mount in service.items("volumes").filter(|it| it.str_of("type") == Some("bind")) {
        let target = mount.str_of("target").unwrap_or("");
        let is_data = known.data.iter().any(|folder| {
            target
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("/data"))
        });
        if is_data {
            let message = format!("the data of `{}` is in a folder of the host", service.name);
            findings.add(mount.span, message).help(format!(
                "use a named volume, `{}-data:{target}`, and name it in `volumes` at the top level",
                service.name
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::service;

    #[test]
    fn data_and_what_else_is_mounted() {
        assert_eq!(
            service(&RULE, "image: mysql:8\nvolumes: [./d:/var/lib/mysql]"),
            ["./d:/var/lib/mysql"]
        );
        for fine in [
            "image: mysql:8\nvolumes: [./d:/docker-entrypoint-initdb.d]",
            "image: mysql:8\nvolumes: [/var/lib/mysql]",
            "image: redis:7\nvolumes: [./redis.conf:/data.conf]",
            "image: nginx:1\nvolumes: [./d:/var/lib/mysql]",
        ] {
            assert_eq!(service(&RULE, fine), [""; 0], "{fine}");
        }
    }
}

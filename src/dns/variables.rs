//! Where services are, as variables of a shell: for those who want no server of names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::dns::members::{Member, Port};
use crate::names;

/// How variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Sh,
    Fish,
    PowerShell,
    Dotenv,
    Json,
}

/// Variables in the order in which they are told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Variables {
    pub all: Vec<(String, String)>,
    /// What has no variable, and why. Clauses.
    pub problems: Vec<String>,
}

impl Variables {
    /// Those of one project: `WEB_HOST`, `WEB_PORT_80` and the like for the first replica of each
    /// service, `WEB_2_HOST` and so on where there are several.
    #[must_use]
    pub fn new(members: &[Member]) -> Self {
        let mut services: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        for member in members {
            services.entry(&member.service).or_default().push(member);
        }
        let mut variables = Self::default();
        // Services first: the name of one goes before that of another's replica.
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for (service, replicas) in &services {
            let first = replicas.iter().find(|it| !it.addresses.is_empty()).or(replicas.first());
            if let Some(member) = first {
                variables.add(
                    &names::variable(service),
                    &format!("`{service}`"),
                    member,
                    &mut owners,
                );
            }
        }
        for (service, replicas) in services.iter().filter(|(_, replicas)| replicas.len() > 1) {
            for member in replicas {
                let Some(number) = member.number else { continue };
                let name = format!("{}_{number}", names::variable(service));
                let whose = format!("replica {number} of `{service}`");
                variables.add(&name, &whose, member, &mut owners);
            }
        }
        variables
    }

    fn add(
        &mut self,
        name: &str,
        whose: &str,
        member: &Member,
        owners: &mut BTreeMap<String, String>,
    ) {
        if let Some(owner) = owners.get(name) {
            self.problems
                .push(format!("{whose} has no variables: `{name}_HOST` is that of {owner}"));
            return;
        }
        owners.insert(name.to_owned(), whose.to_owned());
        let Some(address) = member.addresses.first() else {
            let why = member.note.as_deref().unwrap_or("it has no address");
            self.problems.push(format!("{whose} has no variables: {why}"));
            return;
        };
        // Where that is set, programs look for their engine there.
        if name != "DOCKER" {
            self.all.push((format!("{name}_HOST"), address.to_string()));
        }
        let mut seen = Vec::new();
        for port in &member.ports {
            let Some(number) = number(port, member.by_port, *address) else { continue };
            let end = match port.protocol.as_str() {
                "tcp" => String::new(),
                other => format!("_{}", other.to_ascii_uppercase()),
            };
            let variable = format!("{name}_PORT_{}{end}", port.private);
            // One port may be published several times: the first will do.
            if !seen.contains(&variable) {
                self.all.push((variable.clone(), number.to_string()));
                seen.push(variable);
            }
        }
    }

    /// As text.
    #[must_use]
    pub fn write(&self, form: Form) -> String {
        // Names and values hold nothing that a shell would take for something else.
        let mut text = String::new();
        for (name, value) in &self.all {
            let _ = match form {
                Form::Sh => writeln!(text, "export {name}={value}"),
                Form::Fish => writeln!(text, "set -gx {name} {value}"),
                Form::PowerShell => writeln!(text, "$env:{name} = '{value}'"),
                Form::Dotenv => writeln!(text, "{name}={value}"),
                Form::Json => Ok(()),
            };
        }
        if form == Form::Json {
            let pairs = self.all.iter().map(|(name, value)| (name.clone(), value.clone().into()));
            let object = serde_json::Value::Object(pairs.collect());
            text = format!("{object}\n");
        }
        text
    }
}

/// The port to use at an address.
fn number(port: &Port, by_port: bool, address: Ipv4Addr) -> Option<u16> {
    if !by_port {
        return Some(port.private);
    }
    port.published.filter(|(at, _)| *at == address).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::zone::tests::member;

    fn port(private: u16, protocol: &str, published: Option<(Ipv4Addr, u16)>) -> Port {
        Port { private, protocol: protocol.to_owned(), published }
    }

    #[test]
    fn services_and_replicas() {
        let here = Ipv4Addr::LOCALHOST;
        let mut web = member("shop", "web", 1, 1);
        web.ports = vec![port(80, "tcp", Some((here, 8080))), port(53, "udp", None)];
        let mut far = member("shop", "my-db.v2", 1, 9);
        (far.by_port, far.addresses) = (true, vec![here]);
        far.ports = vec![
            port(5432, "tcp", Some((here, 15432))),
            port(5432, "tcp", Some((here, 25432))),
            port(9000, "tcp", None),
            port(81, "tcp", Some((Ipv4Addr::new(192, 0, 2, 1), 81))),
        ];
        let mut lost = member("shop", "2lost", 1, 1);
        (lost.addresses, lost.note) = (vec![], Some("it has no network".to_owned()));
        let members = [
            web,
            member("shop", "web", 2, 2),
            far,
            lost,
            member("shop", "my_db-v2", 1, 3),
            member("shop", "web-2", 1, 4),
        ];
        let variables = Variables::new(&members);
        let text = "\
            export MY_DB_V2_HOST=127.0.0.1\n\
            export MY_DB_V2_PORT_5432=15432\n\
            export WEB_HOST=10.0.0.1\n\
            export WEB_PORT_80=80\n\
            export WEB_PORT_53_UDP=53\n\
            export WEB_2_HOST=10.0.0.4\n\
            export WEB_1_HOST=10.0.0.1\n\
            export WEB_1_PORT_80=80\n\
            export WEB_1_PORT_53_UDP=53\n";
        assert_eq!(variables.write(Form::Sh), text);
        let problems = [
            "`2lost` has no variables: it has no network",
            "`my_db-v2` has no variables: `MY_DB_V2_HOST` is that of `my-db.v2`",
            "replica 2 of `web` has no variables: `WEB_2_HOST` is that of `web-2`",
        ];
        assert_eq!(variables.problems, problems);
    }

    #[test]
    fn forms() {
        let variables = Variables::new(&[member("shop", "web", 1, 1)]);
        for (form, text) in [
            (Form::Sh, "export WEB_HOST=10.0.0.1\n"),
            (Form::Fish, "set -gx WEB_HOST 10.0.0.1\n"),
            (Form::PowerShell, "$env:WEB_HOST = '10.0.0.1'\n"),
            (Form::Dotenv, "WEB_HOST=10.0.0.1\n"),
            (Form::Json, "{\"WEB_HOST\":\"10.0.0.1\"}\n"),
        ] {
            assert_eq!(variables.write(form), text);
        }
        assert_eq!(Variables::new(&[]).write(Form::Json), "{}\n");
        // What has its name leads elsewhere.
        assert_eq!(Variables::new(&[member("shop", "docker", 1, 1)]).write(Form::Sh), "");
    }
}

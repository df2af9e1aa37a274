//! What a job is told of its stack: variables that say where each service is reached.
//!
//! A service has a prefix: its name in capitals, with `_` for what names of variables cannot have. Then
//! there are
//!
//! - `PREFIX_CONTAINER`, the name of its container;
//! - `PREFIX_PORT_80`, the port of the host that leads to port 80 of the container; `PREFIX_PORT_53_UDP`
//!   for other protocols than TCP;
//! - `PREFIX_PORT` and `PREFIX_HOST`, for the first port that the files name, and the address to reach it
//!   at. A port that is reached at another one has its own `PREFIX_HOST_80`.
//!
//! Where a service has several containers, these are of the first of them, and each has its own with its
//! number: `PREFIX_2_PORT`.
#![expect(clippy::disallowed_methods, reason = "users and CI systems name the files to write to")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::commands::dossier::unwritten;
use crate::commands::exit::Error;
use crate::engine::{ContainerRow, PortRow};
use crate::labels;
use crate::names;

/// Set for each job, so that what it runs works with its project.
pub(super) const PROJECT: &str = "COMPOSE_PROJECT_NAME";

/// Variables by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exports {
    pub variables: BTreeMap<String, String>,
    /// Which of them are left out, and why.
    pub problems: Vec<String>,
    /// Which service has given a variable.
    owners: BTreeMap<String, String>,
}

/// A port as files name it: its number in the container, and its protocol.
pub(super) type Target = (u16, String);

impl Exports {
    /// The variables of containers. `targets` gives the ports of a service in the order of the files;
    /// `remote` is the host that the engine publishes them on, if it is not this one.
    pub(super) fn new(
        rows: &[ContainerRow],
        targets: &dyn Fn(&str) -> Vec<Target>,
        remote: Option<&str>,
    ) -> Self {
        let mut services: BTreeMap<&str, Vec<(u32, &ContainerRow)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.is_one_off()) {
            if let Ok(number) = row.label(labels::CONTAINER_NUMBER).parse() {
                services.entry(row.label(labels::SERVICE)).or_default().push((number, row));
            }
        }
        let mut exports = Self::default();
        for (service, replicas) in &mut services {
            replicas.sort_by_key(|(number, _)| *number);
            if let Some((_, row)) = replicas.first() {
                exports.add(service, &names::variable(service), row, &targets(service), remote);
            }
        }
        // Names of services come before those that are made of numbers.
        for (service, replicas) in services.iter().filter(|(_, replicas)| replicas.len() > 1) {
            for (number, row) in replicas {
                let prefix = format!("{}_{number}", names::variable(service));
                exports.add(service, &prefix, row, &targets(service), remote);
            }
        }
        exports
    }

    fn add(
        &mut self,
        service: &str,
        prefix: &str,
        row: &ContainerRow,
        targets: &[Target],
        remote: Option<&str>,
    ) {
        let mut taken = BTreeMap::new();
        let mut set = |name: String, value: String| match self.owners.get(&name) {
            Some(owner) if owner != service => drop(taken.insert(name, owner.clone())),
            _ => {
                self.owners.insert(name.clone(), service.to_owned());
                self.variables.insert(name, value);
            }
        };
        set(format!("{prefix}_CONTAINER"), row.name().to_owned());
        let mut ports: Vec<&PortRow> = row.ports.iter().filter(|port| port.public != 0).collect();
        let place = |port: &PortRow| {
            targets.iter().position(|it| *it == (port.private, port.protocol.clone()))
        };
        // Engines tell of each address; those of the older protocol are reached by all.
        ports.sort_by_key(|port| {
            let at = place(port).unwrap_or(usize::MAX);
            (at, port.private, port.protocol.clone(), port.ip.contains(':'), port.public)
        });
        ports.dedup_by_key(|port| (port.private, port.protocol.clone()));
        let first = ports.first().map(|port| host(&port.ip, remote));
        if let (Some(port), Some(host)) = (ports.first(), &first) {
            // Where that is set, programs look for their engine there.
            let name = format!("{prefix}_HOST");
            if name != "DOCKER_HOST" {
                set(name, host.clone());
            }
            set(format!("{prefix}_PORT"), port.public.to_string());
        }
        for port in ports {
            let target = match port.protocol.as_str() {
                "tcp" => port.private.to_string(),
                other => format!("{}_{}", port.private, other.to_uppercase()),
            };
            set(format!("{prefix}_PORT_{target}"), port.public.to_string());
            let own = host(&port.ip, remote);
            if Some(&own) != first.as_ref() {
                set(format!("{prefix}_HOST_{target}"), own);
            }
        }
        let first = taken.iter().next();
        self.problems.extend(first.map(|(name, owner)| {
            let more = match taken.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            format!("`{service}` gets no variable `{name}`{more}: `{owner}` has that name")
        }));
    }

    /// For files that shells and Compose read.
    pub(super) fn dotenv(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.variables {
            let _ = writeln!(text, "{name}={}", quoted(value));
        }
        text
    }

    /// For `$GITHUB_ENV`.
    pub(super) fn github(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.variables {
            if value.contains(['\n', '\r']) {
                let mut end = "END".to_owned();
                while value.lines().any(|line| line == end) {
                    end.push('_');
                }
                let _ = write!(text, "{name}<<{end}\n{value}\n{end}\n");
            } else {
                let _ = writeln!(text, "{name}={value}");
            }
        }
        text
    }
}

/// Where a port is reached that is published on an address.
fn host(address: &str, remote: Option<&str>) -> String {
    match (address, remote) {
        ("" | "0.0.0.0" | "::", Some(remote)) => remote.to_owned(),
        ("" | "0.0.0.0", None) => "127.0.0.1".to_owned(),
        ("::", None) => "::1".to_owned(),
        (address, _) => address.to_owned(),
    }
}

/// A value that shells and Compose read as it is.
fn quoted(value: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_-./:@%+,".contains(char);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\\']) {
        return format!("'{value}'");
    }
    let mut out = String::from("\"");
    for char in value.chars() {
        if matches!(char, '"' | '\\' | '$') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('"');
    out
}

/// Writes a file anew.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| unwritten(path, error))
}

/// Adds to a file that others write to as well.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn append(path: &Path, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| unwritten(path, error))
}

/// Makes the folder that a file is to be in.
///
/// # Errors
/// A folder that cannot be made.
pub(super) fn make_parent(path: &Path) -> Result<(), Error> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|error| unwritten(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::dotenv::{self, Variables};

    /// `SERVICE-NUMBER PORT…`, with ports as `ADDRESS>PUBLIC>PRIVATE/PROTOCOL`.
    fn row(text: &str) -> ContainerRow {
        let mut words = text.split(' ');
        let name = words.next().unwrap();
        let (service, number) = name.rsplit_once('-').unwrap();
        let port = |text: &str| {
            let parts: Vec<&str> = text.split('>').collect();
            let (private, protocol) = parts[2].split_once('/').unwrap();
            PortRow {
                ip: parts[0].to_owned(),
                public: parts[1].parse().unwrap(),
                private: private.parse().unwrap(),
                protocol: protocol.to_owned(),
            }
        };
        let labels = [(labels::SERVICE, service), (labels::CONTAINER_NUMBER, number)];
        ContainerRow {
            names: vec![format!("/p-{name}")],
            ports: words.map(port).collect(),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..ContainerRow::default()
        }
    }

    #[track_caller]
    fn check(rows: &[&str], remote: Option<&str>, want: &[&str]) {
        let rows: Vec<ContainerRow> = rows.iter().map(|text| row(text)).collect();
        let targets = |_: &str| vec![(443, "tcp".to_owned()), (53, "udp".to_owned())];
        let exports = Exports::new(&rows, &targets, remote);
        let mut told: Vec<String> =
            exports.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        told.extend(exports.problems.iter().map(|text| format!("! {text}")));
        assert_eq!(told, want);
    }

    #[test]
    fn ports_and_hosts() {
        check(
            &[
                "web-1 0.0.0.0>1001>80/tcp :::>1001>80/tcp 0.0.0.0>1002>443/tcp 127.0.0.2>1003>53/udp >0>99/tcp"
                    .replace(":::>", "::>")
                    .as_str(),
            ],
            None,
            &[
                "WEB_CONTAINER=p-web-1",
                "WEB_HOST=127.0.0.1",
                "WEB_HOST_53_UDP=127.0.0.2",
                "WEB_PORT=1002",
                "WEB_PORT_443=1002",
                "WEB_PORT_53_UDP=1003",
                "WEB_PORT_80=1001",
            ],
        );
        check(
            &["my-db-1 ::>1>5/tcp", "docker-1 0.0.0.0>2>6/tcp", "1st-1"],
            Some("far.test"),
            &[
                "DOCKER_CONTAINER=p-docker-1",
                "DOCKER_PORT=2",
                "DOCKER_PORT_6=2",
                "MY_DB_CONTAINER=p-my-db-1",
                "MY_DB_HOST=far.test",
                "MY_DB_PORT=1",
                "MY_DB_PORT_5=1",
                "_1ST_CONTAINER=p-1st-1",
            ],
        );
    }

    #[test]
    fn replicas_and_names_that_are_taken() {
        check(
            &["web-2 0.0.0.0>2>80/tcp", "web-1 0.0.0.0>1>80/tcp", "web-2-1", "a.b-1", "a-b-1"],
            None,
            &[
                "A_B_CONTAINER=p-a-b-1",
                "WEB_1_CONTAINER=p-web-1",
                "WEB_1_HOST=127.0.0.1",
                "WEB_1_PORT=1",
                "WEB_1_PORT_80=1",
                "WEB_2_CONTAINER=p-web-2-1",
                "WEB_2_HOST=127.0.0.1",
                "WEB_2_PORT=2",
                "WEB_2_PORT_80=2",
                "WEB_CONTAINER=p-web-1",
                "WEB_HOST=127.0.0.1",
                "WEB_PORT=1",
                "WEB_PORT_80=1",
                "! `a.b` gets no variable `A_B_CONTAINER`: `a-b` has that name",
                "! `web` gets no variable `WEB_2_CONTAINER`: `web-2` has that name",
            ],
        );
    }

    #[test]
    fn any_value_survives_the_files() {
        let values =
            ["plain-1.2:3", "", "two words", "it's $HOME", "\"\\n\" \\", "a\nEND\n#b", "`x` $(y)"];
        let variables = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("V{index}"), (*value).to_owned()));
        let exports = Exports { variables: variables.collect(), ..Exports::default() };
        let mut read = Variables::new();
        dotenv::parse(&exports.dotenv(), &mut read, &|_| None, &mut |_, _| {}).unwrap();
        assert_eq!(read, exports.variables);
        let shown = exports.github();
        assert!(shown.contains("V0=plain-1.2:3\n"), "{shown}");
        assert!(shown.contains("V5<<END_\na\nEND\n#b\nEND_\n"), "{shown}");
    }
}

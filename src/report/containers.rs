//! Containers as `ps` shows them.

use std::collections::BTreeMap;

use crate::engine::{ContainerRow, Inspected, PortRow};
use crate::labels;
use crate::report::format::Named;
use crate::report::template::{Labels, Row, Value};
use crate::report::time::Timestamp;
use jiff::tz::TimeZone;

/// The forms that have a name.
pub const FORMS: Named = Named {
    table: "{{.Name}}\\t{{.Image}}\\t{{.Command}}\\t{{.Service}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}",
    raw: Some(
        "container_id: {{.ID}}\\nimage: {{.Image}}\\ncommand: {{.Command}}\\ncreated_at: {{.CreatedAt}}\\n\
         state: {{- pad .State 1 0}}\\nstatus: {{- pad .Status 1 0}}\\nnames: {{.Names}}\\n\
         labels: {{- pad .Labels 1 0}}\\nports: {{- pad .Ports 1 0}}\\n",
    ),
};

/// The fields that have a title, with it.
pub const TITLES: &[(&str, &str)] = &[
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Labels", "LABELS"),
    ("Name", "NAME"),
    ("Ports", "PORTS"),
    ("Project", "PROJECT"),
    ("RunningFor", "CREATED"),
    ("Service", "SERVICE"),
    ("Size", "SIZE"),
    ("State", "STATE"),
    ("Status", "STATUS"),
];

/// Fields that only a look at the container itself tells.
pub const INSPECTED: [&str; 2] = ["ExitCode", "Health"];

/// The fields of a container, with the names of the peer; cut short if `short`.
#[must_use]
pub fn row(
    row: ContainerRow,
    state: &Inspected,
    project: &str,
    short: bool,
    now: Timestamp,
) -> Row {
    let is_up = state.status == "running";
    let is_over = matches!(state.status.as_str(), "exited" | "dead");
    let health = state.health.as_deref().filter(|_| is_up).unwrap_or("");
    let mounts: Vec<String> = row
        .mounts
        .iter()
        .map(|mount| if mount.name.is_empty() { &mount.source } else { &mount.name })
        .map(|name| if short { ellipsis(name, 15) } else { name.clone() })
        .collect();
    let local = row.mounts.iter().filter(|mount| mount.driver == "local").count();
    let networks: Vec<&str> = row.network_settings.networks.keys().map(String::as_str).collect();
    let mut published = row.ports.clone();
    published.sort_by_key(|port| port.private);
    let publishers = published
        .iter()
        .map(|port| {
            Value::Struct(vec![
                ("URL", port.ip.as_str().into()),
                ("TargetPort", Value::Int(port.private.into())),
                ("PublishedPort", Value::Int(port.public.into())),
                ("Protocol", port.protocol.as_str().into()),
            ])
        })
        .collect();
    let created = Timestamp::from_seconds(row.created);
    let id = if short { row.id.get(..12).unwrap_or(&row.id) } else { &row.id };
    let fields: [(&'static str, Value); 20] = [
        ("Command", command(&row, short).into()),
        ("CreatedAt", created.go(&TimeZone::system()).into()),
        ("ExitCode", Value::Int(if is_over { state.exit_code } else { 0 })),
        ("Health", health.into()),
        ("ID", id.into()),
        ("Image", row.image.as_str().into()),
        ("Labels", joined(&row.labels).into()),
        ("LocalVolumes", local.to_string().into()),
        ("Mounts", mounts.join(",").into()),
        ("Name", row.name().into()),
        ("Names", row.name().into()),
        ("Networks", networks.join(",").into()),
        ("Ports", ports(&row.ports).into()),
        ("Project", project.into()),
        ("Publishers", Value::List(publishers)),
        ("RunningFor", created.ago(now).into()),
        ("Service", row.label(labels::SERVICE).into()),
        ("Size", "0B".into()),
        ("State", row.state.as_str().into()),
        ("Status", row.status.as_str().into()),
    ];
    Row { what: "a container", fields: BTreeMap::from(fields), labels: Labels::Of(row.labels) }
}

/// Labels in one text, which is long, and rarely asked for: it is made in one go.
fn joined(labels: &BTreeMap<String, String>) -> String {
    let length = labels.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut text = String::with_capacity(length);
    for (name, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// The command, quoted as Go does, and cut to 20 characters if `short`.
fn command(row: &ContainerRow, short: bool) -> String {
    if short { quote(&ellipsis(&row.command, 20)) } else { quote(&row.command) }
}

/// A text as it would stand in Go's source.
pub(super) fn quote(text: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if char.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Ports as Docker shows them: first those that are the same inside and outside, neighbours joined to
/// ranges, then the others.
fn ports(ports: &[PortRow]) -> String {
    let mut sorted = ports.to_vec();
    sorted.sort_by(|a, b| {
        (a.private, &a.ip, a.public, &a.protocol).cmp(&(b.private, &b.ip, b.public, &b.protocol))
    });
    // Address and protocol, and the range so far.
    let mut groups: Vec<(&str, &str, u16, u16)> = Vec::new();
    let mut whole = Vec::new();
    let mut mapped = Vec::new();
    for port in &sorted {
        if !port.ip.is_empty() && port.public != port.private {
            let host = address(&port.ip, &port.public.to_string());
            mapped.push(format!("{host}->{}/{}", port.private, port.protocol));
            continue;
        }
        let same = |it: &&mut (&str, &str, u16, u16)| it.0 == port.ip && it.1 == port.protocol;
        match groups.iter_mut().find(same) {
            None => groups.push((&port.ip, &port.protocol, port.private, port.private)),
            Some(group) if Some(port.private) == group.3.checked_add(1) => group.3 = port.private,
            Some(group) => {
                whole.push(range(*group));
                (group.2, group.3) = (port.private, port.private);
            }
        }
    }
    whole.extend(groups.into_iter().map(range));
    whole.extend(mapped);
    whole.join(", ")
}

fn range((ip, protocol, first, last): (&str, &str, u16, u16)) -> String {
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    if ip.is_empty() {
        format!("{ports}/{protocol}")
    } else {
        format!("{}->{ports}/{protocol}", address(ip, &ports))
    }
}

fn address(ip: &str, port: &str) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, private: u16, public: u16) -> PortRow {
        PortRow { ip: ip.to_owned(), private, public, protocol: "tcp".to_owned() }
    }

    #[test]
    fn ports_as_docker_shows_them() {
        assert_eq!(ports(&[]), "");
        assert_eq!(ports(&[port("", 80, 0)]), "80/tcp");
        let both = [port("::", 80, 8081), port("0.0.0.0", 80, 8081)];
        assert_eq!(ports(&both), "0.0.0.0:8081->80/tcp, [::]:8081->80/tcp");
        let range = [port("0.0.0.0", 9001, 9001), port("0.0.0.0", 9000, 9000), port("", 80, 0)];
        assert_eq!(ports(&range), "80/tcp, 0.0.0.0:9000-9001->9000-9001/tcp");
        assert_eq!(ports(&[port("", 80, 0), port("", 82, 0)]), "80/tcp, 82/tcp");
    }

    #[test]
    fn long_commands_are_cut() {
        let row = ContainerRow {
            command: "docker-entrypoint.sh postgres".to_owned(),
            ..Default::default()
        };
        assert_eq!(command(&row, true), "\"docker-entrypoint.s…\"");
        let row = ContainerRow { command: "sh -c \"a\nb\"".to_owned(), ..Default::default() };
        assert_eq!(command(&row, false), r#""sh -c \"a\nb\"""#);
    }
}

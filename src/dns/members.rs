//! The containers that have names, with the addresses at which this machine reaches them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::engine::{ContainerRow, NetworkFacts, PortRow};
use crate::labels;

/// How containers are reached from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// At their own addresses: the engine's networks are networks of this machine.
    Addresses,
    /// At published ports alone: these are at `at`; `why` is a clause.
    Ports { at: Ipv4Addr, why: &'static str },
}

/// A running container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub project: String,
    pub service: String,
    /// Its number among the replicas.
    pub number: Option<u32>,
    pub addresses: Vec<Ipv4Addr>,
    /// Whether these are the addresses of published ports, and not its own.
    pub by_port: bool,
    /// Its ports, the published ones with their places.
    pub ports: Vec<Port>,
    /// Why it has no address, or one that is not its own; a sentence without a dot.
    pub note: Option<String>,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub private: u16,
    pub protocol: String,
    /// Where this machine finds it, if it is published there.
    pub published: Option<(Ipv4Addr, u16)>,
}

/// The containers of services among `rows`, of which all run, by project, service and number.
#[must_use]
pub fn members(rows: &[ContainerRow], networks: &[NetworkFacts], reach: &Reach) -> Vec<Member> {
    let by_id: BTreeMap<&str, &ContainerRow> =
        rows.iter().map(|row| (row.id.as_str(), row)).collect();
    // What is between two starts has no address.
    let is_up = |row: &ContainerRow| matches!(row.state.as_str(), "running" | "paused");
    let services = rows.iter().filter(|row| {
        is_up(row)
            && !row.is_one_off()
            && !row.label(labels::PROJECT).is_empty()
            && !row.label(labels::SERVICE).is_empty()
    });
    let all = services.map(|row| {
        // Who shares a network has the address of the one it belongs to, and its ports.
        let owner = row.host_config.network_mode.strip_prefix("container:");
        let owner = owner.map(|id| by_id.get(id).copied());
        let at = match reach {
            Reach::Addresses => Ipv4Addr::LOCALHOST,
            Reach::Ports { at, .. } => *at,
        };
        let ports = ports(owner.flatten().unwrap_or(row), at);
        let place = match owner {
            Some(None) => Place::nowhere(SHARES_UNKNOWN),
            Some(Some(owner)) => place(owner, &ports, networks, reach),
            None => place(row, &ports, networks, reach),
        };
        Member {
            project: row.label(labels::PROJECT).to_owned(),
            service: row.label(labels::SERVICE).to_owned(),
            number: row.label(labels::CONTAINER_NUMBER).parse().ok(),
            addresses: place.addresses,
            by_port: place.by_port,
            ports,
            note: place.note,
        }
    });
    let key = |it: &Member| (it.project.clone(), it.service.clone(), it.number);
    let mut members: Vec<Member> = Vec::new();
    for member in all {
        let at = members.partition_point(|it| key(it) <= key(&member));
        members.insert(at, member);
    }
    members
}

const SHARES_UNKNOWN: &str = "it shares the network of a container that is not known here";

/// Where a container is, and why it is not where it would be looked for.
struct Place {
    addresses: Vec<Ipv4Addr>,
    by_port: bool,
    note: Option<String>,
}

impl Place {
    fn nowhere(note: &str) -> Self {
        Self { addresses: Vec::new(), by_port: false, note: Some(note.to_owned()) }
    }

    fn at(address: Ipv4Addr, note: Option<&str>) -> Self {
        let note = note.map(str::to_owned);
        Self { addresses: vec![address], by_port: false, note }
    }
}

fn place(row: &ContainerRow, ports: &[Port], networks: &[NetworkFacts], reach: &Reach) -> Place {
    match (row.host_config.network_mode.as_str(), reach) {
        ("host", Reach::Addresses) => {
            let note = "it shares the network of this machine: its ports are the machine's";
            return Place::at(Ipv4Addr::LOCALHOST, Some(note));
        }
        ("host", Reach::Ports { at, .. }) => {
            let note =
                "it shares the network of the engine's machine: its ports are that machine's";
            return Place::at(*at, Some(note));
        }
        ("none", _) => return Place::nowhere("it has no network"),
        (_, Reach::Addresses) => {
            if let Some(address) = own_address(row, networks) {
                return Place::at(address, None);
            }
        }
        (_, Reach::Ports { .. }) => {}
    }
    let why = match reach {
        Reach::Addresses => "this machine is on none of its networks",
        Reach::Ports { why, .. } => why,
    };
    let mut published: Vec<Ipv4Addr> = Vec::new();
    for (address, _) in ports.iter().filter_map(|port| port.published) {
        if !published.contains(&address) {
            published.push(address);
        }
    }
    if published.is_empty() {
        return Place::nowhere(&format!("it publishes no port, and {why}"));
    }
    let note = Some(format!("use the published port: {why}"));
    Place { addresses: published, by_port: true, note }
}

/// The address on the first network that this machine is on, too: several addresses of one name are
/// several replicas. Networks without a way out come last.
fn own_address(row: &ContainerRow, networks: &[NetworkFacts]) -> Option<Ipv4Addr> {
    // Engines know networks by either.
    let facts = |name: &str, id: &str| networks.iter().find(|it| it.id == id || it.name == name);
    let found = row.network_settings.networks.iter().filter_map(|(name, network)| {
        let facts = facts(name, &network.id);
        // Others are not connected to this machine, whatever addresses are in use there.
        let is_here = facts.is_none_or(|it| it.driver == "bridge");
        let address: Ipv4Addr = network.address.parse().ok()?;
        let is_internal = facts.is_some_and(|it| it.internal);
        (is_here && !address.is_unspecified()).then_some((is_internal, name.as_str(), address))
    });
    found.min().map(|(.., address)| address)
}

/// The ports of a container; `at` is where those are that are published on all addresses.
fn ports(row: &ContainerRow, at: Ipv4Addr) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for port in &row.ports {
        let port = Port {
            private: port.private,
            protocol: port.protocol.clone(),
            published: published(port, at),
        };
        let is_same = |it: &Port| it.private == port.private && it.protocol == port.protocol;
        // Engines list a port once for each kind of address, published or not.
        if port.published.is_some() {
            ports.retain(|it| !is_same(it) || it.published.is_some());
        } else if ports.iter().any(is_same) {
            continue;
        }
        if let Err(place) = ports.binary_search(&port) {
            ports.insert(place, port);
        }
    }
    ports
}

/// Where a published port is found from here.
fn published(port: &PortRow, at: Ipv4Addr) -> Option<(Ipv4Addr, u16)> {
    if port.public == 0 {
        return None;
    }
    let address = match (port.ip.as_str(), port.ip.parse()) {
        ("", _) => at,
        (_, Ok(address)) if IpAddr::is_unspecified(&address) => at,
        (_, Ok(IpAddr::V4(address))) => address,
        // Answers have no room for others.
        _ => return None,
    };
    // What another machine publishes for itself is not for us.
    let is_elsewhere = address.is_loopback() && !at.is_loopback();
    (!is_elsewhere).then_some((address, port.public))
}

impl Port {
    /// `80/tcp is published at 127.0.0.1:8080`, if it is.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let (address, port) = self.published?;
        Some(format!("{}/{} is published at {address}:{port}", self.private, self.protocol))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A container as engines list it: `web-1` of service `web` of the project `shop`.
    pub(crate) fn row(name: &str, more: &str) -> ContainerRow {
        let (service, number) = name.rsplit_once('-').unwrap();
        let text = format!(
            r#"{{"Id": "{name}", "Names": ["/shop-{name}"], "State": "running", "Labels": {{
                "com.docker.compose.project": "shop", "com.docker.compose.service": "{service}",
                "com.docker.compose.container-number": "{number}"}}, {more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn network(id: &str, driver: &str, internal: bool) -> NetworkFacts {
        NetworkFacts { id: id.into(), driver: driver.into(), internal, ..NetworkFacts::default() }
    }

    /// A container on these networks, as `NAME ADDRESS`.
    fn on(networks: &[(&str, &str)], ports: &str) -> ContainerRow {
        let networks: Vec<String> = networks
            .iter()
            .map(|(name, address)| {
                format!(r#""{name}": {{"NetworkID": "{name}", "IPAddress": "{address}"}}"#)
            })
            .collect();
        let networks = networks.join(",");
        row(
            "web-1",
            &format!(r#""NetworkSettings": {{"Networks": {{{networks}}}}}, "Ports": [{ports}]"#),
        )
    }

    #[track_caller]
    fn check(row: ContainerRow, reach: &Reach, want: &str) {
        let networks = [
            network("a", "macvlan", false),
            network("b", "bridge", true),
            network("c", "bridge", false),
        ];
        let member = members(&[row], &networks, reach).pop().unwrap();
        let addresses: Vec<String> = member.addresses.iter().map(ToString::to_string).collect();
        let note = member.note.unwrap_or_default();
        let ports: Vec<String> = member.ports.iter().filter_map(Port::told).collect();
        assert_eq!(format!("{} | {note} | {}", addresses.join(" "), ports.join(", ")), want);
    }

    #[test]
    fn one_address_for_each_container() {
        let here = &Reach::Addresses;
        check(on(&[("c", "10.0.3.2"), ("b", "10.0.2.2")], ""), here, "10.0.3.2 |  | ");
        check(on(&[("b", "10.0.2.2"), ("a", "10.0.1.2")], ""), here, "10.0.2.2 |  | ");
        // A network that is new, and not told yet, is one of the usual kind.
        check(on(&[("new", "10.0.9.2")], ""), here, "10.0.9.2 |  | ");
        let lost = "it publishes no port, and this machine is on none of its networks";
        check(on(&[("a", "10.0.1.2")], ""), here, &format!(" | {lost} | "));
        check(on(&[("c", "")], ""), here, &format!(" | {lost} | "));
        let port = r#"{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}"#;
        check(
            on(&[("a", "10.0.1.2")], port),
            here,
            "127.0.0.1 | use the published port: this machine is on none of its networks | \
             80/tcp is published at 127.0.0.1:8080",
        );
    }

    #[test]
    fn published_ports_where_addresses_are_of_no_use() {
        let machine = &Reach::Ports { at: Ipv4Addr::LOCALHOST, why: "it is in a virtual machine" };
        let port = |ip: &str, public: u16| {
            format!(r#"{{"IP": "{ip}", "PrivatePort": 80, "PublicPort": {public}, "Type": "tcp"}}"#)
        };
        let use_port = "use the published port: it is in a virtual machine";
        let both = format!("{}, {}", port("0.0.0.0", 8080), port("::", 8080));
        check(
            on(&[("c", "10.0.3.2")], &both),
            machine,
            &format!("127.0.0.1 | {use_port} | 80/tcp is published at 127.0.0.1:8080"),
        );
        check(
            on(&[("c", "10.0.3.2")], &port("192.0.2.7", 81)),
            machine,
            &format!("192.0.2.7 | {use_port} | 80/tcp is published at 192.0.2.7:81"),
        );
        let none = "it publishes no port, and it is in a virtual machine";
        let exposed = r#"{"PrivatePort": 80, "Type": "tcp"}"#;
        check(on(&[("c", "10.0.3.2")], exposed), machine, &format!(" | {none} | "));
        check(
            on(&[("c", "10.0.3.2")], &port("2001:db8::1", 81)),
            machine,
            &format!(" | {none} | "),
        );
        // Another machine has these where that machine is, but for those it keeps to itself.
        let at = Ipv4Addr::new(192, 0, 2, 1);
        let far = &Reach::Ports { at, why: "it is far" };
        let two = format!("{}, {}", port("", 8080), port("127.0.0.1", 8081));
        check(
            on(&[("c", "10.0.3.2")], &two),
            far,
            "192.0.2.1 | use the published port: it is far | 80/tcp is published at 192.0.2.1:8080",
        );
    }

    #[test]
    fn who_has_no_name() {
        let mut rows =
            [row("web-1", r#""X": 0"#), row("db-1", r#""X": 0"#), row("job-1", r#""X": 0"#)];
        rows[1].state = "restarting".to_owned();
        rows[2].labels.insert(labels::ONE_OFF.to_owned(), "True".to_owned());
        let members = members(&rows, &[], &Reach::Addresses);
        let names: Vec<&str> = members.iter().map(|it| it.service.as_str()).collect();
        assert_eq!(names, ["web"]);
    }

    #[test]
    fn networks_that_are_shared() {
        let owner = on(&[("c", "10.0.3.2")], "");
        let mode =
            |mode: &str| row("side-1", &format!(r#""HostConfig": {{"NetworkMode": "{mode}"}}"#));
        let place = |row: ContainerRow| {
            let rows = [row, owner.clone()];
            let member = members(&rows, &[], &Reach::Addresses).remove(0);
            assert_eq!(member.service, "side");
            (member.addresses, member.note.unwrap_or_default())
        };
        assert_eq!(place(mode("container:web-1")).0, [Ipv4Addr::new(10, 0, 3, 2)]);
        assert_eq!(place(mode("container:gone")), (vec![], SHARES_UNKNOWN.to_owned()));
        assert_eq!(place(mode("none")), (vec![], "it has no network".to_owned()));
        assert_eq!(place(mode("host")).0, [Ipv4Addr::LOCALHOST]);
    }
}

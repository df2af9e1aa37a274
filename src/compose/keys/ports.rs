//! `ports`: container ports published on the host, and `expose`.

use std::net::IpAddr;

use bollard::models::PortBinding;
use serde::Deserialize;

use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{
    Cast, Key, Kinds, Leaf, List, Merge, NUMBER_AS_TEXT, Record, Shape, TEXT, To,
};
use crate::diagnostic::Diagnostic;
use crate::spec::ContainerSpec;
use crate::yaml::{Node, Value};

pub(super) const PORTS: Key =
    Key::new("ports", Shape::List(&LIST)).merge(Merge::UniqueBy(identity)).container(publish);

static LIST: List = List::of(Shape::Record(&PORT)).spread(spread);

const TARGET: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Unsigned32).cast(Cast::Int);
const PUBLISHED: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::INT), To::Text);

static PORT: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    Key::new("mode", TEXT.shape()),
    Key::new("host_ip", TEXT.shape()),
    Key::new("target", TARGET.shape()),
    Key::new("published", PUBLISHED.shape()),
    Key::new("protocol", TEXT.shape()),
    Key::new("app_protocol", TEXT.shape()),
])
.defaults(tcp_ingress)
.check(complete);

/// Expands `[[IP]:][HOST]:CONTAINER[/PROTOCOL]`, ranges included; long forms stay.
fn spread(port: &Node) -> Result<Vec<Node>, Diagnostic> {
    let text = match &port.value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        _ => return Ok(vec![port.clone()]),
    };
    let spec = Spec::parse(&text).map_err(|problem| {
        Diagnostic::error(port.span, format!("invalid port `{text}`: {}", problem.message))
            .help_opt(problem.help)
    })?;
    let mut numbers: Vec<(u16, Option<String>)> = spec.numbers();
    // The peer sorts by the text of `port/protocol`, so 100 comes before 99.
    let key = |number: u16| format!("{number}/{}", spec.protocol);
    numbers.sort_by_key(|(target, _)| key(*target));
    let at = port.span;
    Ok(numbers
        .into_iter()
        .map(|(target, published)| {
            let mut long = Node::map(at, [("mode", Node::text(at, "ingress"))]);
            if !spec.host_ip.is_empty() {
                long.set("host_ip", at, Node::text(at, &*spec.host_ip));
            }
            long.set("target", at, Node::int(at, i64::from(target)));
            if let Some(published) = published {
                long.set("published", at, Node::text(at, published));
            }
            long.set("protocol", at, Node::text(at, &*spec.protocol));
            long
        })
        .collect())
}

struct Problem {
    message: String,
    help: Option<String>,
}

fn problem(message: impl Into<String>) -> Problem {
    Problem { message: message.into(), help: None }
}

struct Spec {
    host_ip: String,
    host: Option<(u16, u16)>,
    container: (u16, u16),
    protocol: String,
}

impl Spec {
    fn parse(text: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = text.split(':').collect();
        let (ip, host, container) = match parts.as_slice() {
            [container] => (String::new(), "", *container),
            [host, container] => (String::new(), *host, *container),
            [ip @ .., host, container] => (ip.join(":"), *host, *container),
            [] => return Err(problem("it is empty")),
        };
        let (container, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
        let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() };
        let host_ip = host_address(&ip)?;
        if container.is_empty() {
            return Err(problem("there is no container port"));
        }
        let container = range(container)
            .ok_or_else(|| problem(format!("`{container}` is no container port or range")))?;
        let host = if host.is_empty() {
            None
        } else {
            Some(range(host).ok_or_else(|| {
                Problem {
                    message: format!("`{host}` is no host port or range"),
                    help: host
                        .parse::<IpAddr>()
                        .is_ok()
                        .then(|| format!("publish on an address as `{host}:HOST:CONTAINER`")),
                }
            })?)
        };
        if !matches!(&*protocol, "tcp" | "udp" | "sctp") {
            return Err(problem(format!("`{protocol}` is no protocol; it is tcp, udp or sctp")));
        }
        let spec = Self { host_ip, host, container, protocol };
        if spec.container.0 == 0 {
            return Err(problem("a container port cannot be 0"));
        }
        match spec.host {
            Some((low, high))
                if spec.container.0 != spec.container.1
                    && high - low != spec.container.1 - spec.container.0 =>
            {
                Err(problem("the ranges of host and container ports differ in length"))
            }
            _ => Ok(spec),
        }
    }

    /// Each container port with the host port or range it is published on.
    fn numbers(&self) -> Vec<(u16, Option<String>)> {
        let (first, last) = self.container;
        (first..=last)
            .map(|target| {
                let published = self.host.map(|(low, high)| {
                    if first == last && low != high {
                        format!("{low}-{high}")
                    } else {
                        (u32::from(low) + u32::from(target - first)).to_string()
                    }
                });
                (target, published)
            })
            .collect()
    }
}

/// An address, with or without brackets; IPv6 needs them.
fn host_address(text: &str) -> Result<String, Problem> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text);
    if bare.is_none() && text.contains(':') {
        return Err(Problem {
            message: format!("`{text}` has too many colons"),
            help: Some("put an IPv6 address in brackets: `[::1]:HOST:CONTAINER`".to_owned()),
        });
    }
    if address.parse::<IpAddr>().is_err() {
        return Err(problem(format!("`{address}` is no IP address")));
    }
    Ok(address.to_owned())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(text)?, number(text)?),
    };
    (low <= high).then_some((low, high))
}

/// Two entries with the same identity are one port; the override wins.
///
/// A published number and the same as text differ, as in the peer.
fn identity(port: &Node) -> Option<String> {
    let target = port.get("target")?.as_int()?;
    let published = match port.get("published").map(|node| &node.value) {
        None => String::new(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Int(number)) => format!("int {number}"),
        Some(_) => return None,
    };
    let host = port.str_of("host_ip").unwrap_or("0.0.0.0");
    let protocol = port.str_of("protocol").unwrap_or("tcp");
    Some(format!("{host}:{published}:{target}/{protocol}"))
}

fn tcp_ingress(port: &mut Node) {
    for (key, value) in [("protocol", "tcp"), ("mode", "ingress")] {
        if port.get(key).is_none() {
            port.set(key, port.span, Node::text(port.span, value));
        }
    }
}

fn complete(port: &Node) -> Option<Diagnostic> {
    if port.get("target").is_none() {
        return Some(Diagnostic::error(
            port.span,
            "a port needs a `target`, the port in the container",
        ));
    }
    let host = port.get("host_ip")?;
    let text = host.as_str()?;
    text.parse::<IpAddr>()
        .is_err()
        .then(|| Diagnostic::error(host.span, format!("`{text}` is no IP address")))
}

pub(super) const EXPOSE: Key =
    Key::new("expose", Shape::List(&EXPOSED)).merge(Merge::UniqueBy(as_text)).container(expose);

static EXPOSED: List = List::of(Shape::Leaf(NUMBER_AS_TEXT)).distinct();

fn as_text(port: &Node) -> Option<String> {
    match &port.value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Port {
    pub host_ip: Option<String>,
    pub target: u32,
    /// A port, a range, or nothing for any.
    pub published: String,
    pub protocol: String,
}

fn publish(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    for port in &service.ports {
        let inside = format!("{}/{}", port.target, port.protocol);
        expose_one(spec, inside.clone());
        let binding = PortBinding {
            host_ip: Some(port.host_ip.clone().unwrap_or_default()),
            host_port: Some(port.published.clone()),
        };
        let bindings = spec.host().port_bindings.get_or_insert_default();
        bindings.entry(inside).or_default().get_or_insert_default().push(binding);
    }
    Ok(())
}

/// Ports that are exposed but not published; ranges are taken apart, as engines want.
fn expose(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    for text in &service.expose {
        let (numbers, protocol) = match text.split_once('/') {
            Some((numbers, protocol)) => (numbers, Some(protocol)),
            None => (text.as_str(), None),
        };
        let (first, last) =
            range(numbers).ok_or_else(|| format!("`{text}` is no port to expose"))?;
        for number in first..=last {
            expose_one(
                spec,
                match protocol {
                    Some(protocol) => format!("{number}/{protocol}"),
                    None => format!("{number}/tcp"),
                },
            );
        }
    }
    Ok(())
}

fn expose_one(spec: &mut ContainerSpec, port: String) {
    let exposed = spec.body.exposed_ports.get_or_insert_default();
    if !exposed.contains(&port) {
        exposed.push(port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn check(text: &str, want: &[&str]) {
        let ports = spread(&Node::text(Span::NOWHERE, text)).unwrap();
        let got: Vec<_> = ports
            .iter()
            .map(|port| {
                format!(
                    "{}|{}|{}|{}",
                    port.str_of("host_ip").unwrap_or(""),
                    port.str_of("published").unwrap_or(""),
                    port.get("target").and_then(Node::as_int).unwrap(),
                    port.str_of("protocol").unwrap(),
                )
            })
            .collect();
        assert_eq!(got, want, "{text}");
    }

    fn check_err(text: &str, want: &str) {
        let problem = spread(&Node::text(Span::NOWHERE, text)).expect_err(text);
        assert_eq!(problem.message, format!("invalid port `{text}`: {want}"));
    }

    #[test]
    fn short_forms() {
        check("80", &["||80|tcp"]);
        check("8080:80", &["|8080|80|tcp"]);
        check("127.0.0.1:8080:80", &["127.0.0.1|8080|80|tcp"]);
        check("127.0.0.1::80", &["127.0.0.1||80|tcp"]);
        check(":80", &["||80|tcp"]);
        check("::80", &["||80|tcp"]);
        check("[::1]:53:53/UDP", &["::1|53|53|udp"]);
        check("[127.0.0.1]:1:2", &["127.0.0.1|1|2|tcp"]);
        check("0:80", &["|0|80|tcp"]);
        check("080:0080", &["|80|80|tcp"]);
        check("99-101", &["||100|tcp", "||101|tcp", "||99|tcp"]);
        check("8080-8081:80-81", &["|8080|80|tcp", "|8081|81|tcp"]);
        check("8080-8090:80", &["|8080-8090|80|tcp"]);
        check("8080-8080:80", &["|8080|80|tcp"]);
    }

    #[test]
    fn bad_short_forms() {
        check_err("80-82:8080-8081", "the ranges of host and container ports differ in length");
        check_err("127.0.0.1:80", "`127.0.0.1` is no host port or range");
        check_err("::1:80:80", "`::1` has too many colons");
        check_err("localhost:1:1", "`localhost` is no IP address");
        check_err("[fe80::1%eth0]:1:1", "`fe80::1%eth0` is no IP address");
        check_err("82-80", "`82-80` is no container port or range");
        check_err("+80", "`+80` is no container port or range");
        check_err(" 80", "` 80` is no container port or range");
        check_err("0x50:80", "`0x50` is no host port or range");
        check_err("99999:80", "`99999` is no host port or range");
        check_err("80/http", "`http` is no protocol; it is tcp, udp or sctp");
        check_err("", "there is no container port");
        check_err("0", "a container port cannot be 0");
    }
}

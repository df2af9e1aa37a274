//! Ports of the host that a plan needs and cannot have.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Subject;
use crate::labels;
use crate::plan::{Action, Plan, Target};
use crate::source::Span;
use crate::spec::ContainerSpec;
use crate::state::desired::Desired;

/// A port of the host, on one of its addresses or on all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Empty for all.
    pub address: String,
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl HostPort {
    /// Whether two listeners on these ports would be in each other's way.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let all = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
        let is_v6 = |address: &str| address.contains(':');
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address.is_empty()
                || other.address.is_empty()
                || self.address == other.address
                || ((all(&self.address) || all(&other.address))
                    && is_v6(&self.address) == is_v6(&other.address)))
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.address.as_str(), self.protocol.as_str()) {
            ("", "tcp") => write!(out, "{}", self.port),
            ("", protocol) => write!(out, "{}/{protocol}", self.port),
            (address, "tcp") => write!(out, "{address}:{}", self.port),
            (address, protocol) => write!(out, "{address}:{}/{protocol}", self.port),
        }
    }
}

/// Who has a port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Container {
        id: String,
        name: String,
        project: Option<String>,
        service: Option<String>,
    },
    /// A process of the host; what it is called, if that can be read.
    Process(Option<String>),
}

/// A port of the host that a container of a plan publishes when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    pub port: HostPort,
    /// The port of the container.
    pub target: String,
    pub service: String,
    pub container: String,
}

/// The ports that the containers which a plan starts publish, where the files say which.
#[must_use]
pub fn needed_ports(plan: &Plan, desired: &Desired) -> Vec<Needed> {
    let mut needed = Vec::new();
    for step in &plan.steps {
        let Action::Start { container } = &step.action else {
            continue;
        };
        let template = step.service.as_deref().and_then(|name| desired.service(name));
        let spec = match container {
            Target::Made(made) => match &plan.step(*made).action {
                Action::Create { spec, .. } => Some((**spec).clone()),
                _ => None,
            },
            Target::Existing(_) => template.map(|service| service.template.container(1)),
        };
        for (port, target) in spec.iter().flat_map(fixed) {
            needed.push(Needed {
                port,
                target,
                service: step.service.clone().unwrap_or_default(),
                container: step.subject.name().to_owned(),
            });
        }
    }
    needed
}

/// The ports of the host that a container names; of a range the engine picks a free one.
fn fixed(spec: &ContainerSpec) -> Vec<(HostPort, String)> {
    let host = spec.body.host_config.as_ref();
    let bindings = host.and_then(|host| host.port_bindings.as_ref());
    let mut ports = Vec::new();
    for (target, bindings) in bindings.into_iter().flatten() {
        let (number, protocol) = target.split_once('/').unwrap_or((target, "tcp"));
        for binding in bindings.iter().flatten() {
            let published = binding.host_port.as_deref().unwrap_or("");
            let Ok(port) = published.parse::<u16>() else {
                continue;
            };
            if port != 0 {
                let address = binding.host_ip.clone().unwrap_or_default();
                let protocol = protocol.to_owned();
                ports.push((HostPort { address, port, protocol }, number.to_owned()));
            }
        }
    }
    ports.sort();
    ports
}

/// What speaks against the ports that a plan needs: other containers of the plan, and those who hold
/// them already, but for containers that the plan stops.
#[must_use]
pub fn port_conflicts(
    plan: &Plan,
    needed: &[Needed],
    held: &[(HostPort, Holder)],
    model: &Model,
) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let stopped: BTreeSet<&str> = plan.steps.iter().filter_map(|it| stops(&it.action)).collect();
    let starts: BTreeSet<&Subject> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Start { .. }))
        .map(|step| &step.subject)
        .collect();
    let mut first: BTreeMap<u16, Vec<&Needed>> = BTreeMap::new();
    for need in needed {
        let span = place(need, model);
        let others = first.entry(need.port.port).or_default();
        if let Some(other) = others.iter().find(|other| other.port.overlaps(&need.port)) {
            problems.push(among(need, other, span, model));
            continue;
        }
        others.push(need);
        let holder = held.iter().find(|(port, holder)| {
            let goes = match holder {
                Holder::Container { id, name, .. } => {
                    stopped.contains(id.as_str())
                        || (*name == need.container
                            && starts.contains(&Subject::Container(name.clone())))
                }
                Holder::Process(_) => false,
            };
            !goes && port.overlaps(&need.port)
        });
        if let Some((_, holder)) = holder {
            problems.push(taken(need, holder, span));
        }
    }
    problems
}

fn stops(action: &Action) -> Option<&str> {
    match action {
        Action::Stop { container: Target::Existing(id), .. } => Some(id),
        Action::Remove { container, .. } => Some(container),
        _ => None,
    }
}

/// Two containers of the plan want one port.
fn among(need: &Needed, other: &Needed, span: Span, model: &Model) -> Diagnostic {
    let port = &need.port;
    if need.service == other.service {
        let message = format!(
            "`{}` has several containers, but only one of them can have port {port}",
            need.service
        );
        return Diagnostic::error(span, message).help(format!(
            "publish a range of ports, or leave the choice to the engine: `{}`",
            need.target
        ));
    }
    let message = format!("`{}` and `{}` both publish port {port}", other.service, need.service);
    Diagnostic::error(span, message)
        .context(place(other, model), "published here first")
        .help("give one of them another port")
}

fn taken(need: &Needed, holder: &Holder, span: Span) -> Diagnostic {
    let (who, fix) = match holder {
        Holder::Container { name, project: Some(project), service: Some(service), .. } => (
            format!("container {name} of project `{project}`"),
            format!("stop it with `rcompose -p {project} stop {service}`"),
        ),
        Holder::Container { name, .. } => (format!("container {name}"), format!("stop {name}")),
        Holder::Process(Some(process)) => (process.clone(), "stop it".to_owned()),
        Holder::Process(None) => {
            ("another process of this host".to_owned(), "find and stop it".to_owned())
        }
    };
    let message = format!(
        "port {} of the host, which `{}` publishes, is taken by {who}",
        need.port, need.service
    );
    let free = need.port.port.checked_add(1).unwrap_or(1024);
    let help = format!("{fix}, or publish another port, such as `{free}:{}`", need.target);
    Diagnostic::error(span, message).help(help)
}

/// The entry of `ports` that publishes a port.
fn place(need: &Needed, model: &Model) -> Span {
    let path = ["services", need.service.as_str(), "ports"];
    let entries = model.node(&path).and_then(|node| node.as_list()).into_iter().flatten();
    let text = need.port.port.to_string();
    let mut entries = entries.filter(|entry| entry.str_of("published") == Some(&text));
    entries.next().map_or_else(|| model.span(&path), |entry| entry.span)
}

/// Who has a port, from the labels of a container.
#[must_use]
pub fn container_holder(id: &str, name: &str, label: impl Fn(&str) -> String) -> Holder {
    let text = |key: &str| Some(label(key)).filter(|text| !text.is_empty());
    Holder::Container {
        id: id.to_owned(),
        name: name.to_owned(),
        project: text(labels::PROJECT),
        service: text(labels::SERVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::HostPort;

    fn port(text: &str) -> HostPort {
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (address, port) = rest.rsplit_once(':').unwrap_or(("", rest));
        HostPort {
            address: address.to_owned(),
            port: port.parse().unwrap(),
            protocol: protocol.to_owned(),
        }
    }

    #[test]
    fn listeners_in_each_others_way() {
        for (one, other, want) in [
            ("80", "80", true),
            ("80", "81", false),
            ("80", "80/udp", false),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", ":::80", false),
            ("80", ":::80", true),
            ("127.0.0.1:80", "80", true),
        ] {
            assert_eq!(port(one).overlaps(&port(other)), want, "{one} {other}");
            assert_eq!(port(other).overlaps(&port(one)), want, "{other} {one}");
        }
    }

    #[test]
    fn ports_read_as_in_files() {
        for text in ["80", "80/udp", "127.0.0.1:80", "127.0.0.1:80/udp"] {
            assert_eq!(port(text).to_string(), text);
        }
    }
}

//! Ports of the host that a plan needs and cannot have.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Subject;
use crate::labels;
use crate::plan::{Action, Need, Plan, StepId, Target};
use crate::source::Span;
use crate::spec::ContainerSpec;
use crate::state::desired::Desired;
pub use crate::state::observed::HostPort;
use crate::state::observed::Observed;

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
    /// The step that starts the container.
    pub step: StepId,
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
    for (index, step) in plan.steps.iter().enumerate() {
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
                step: StepId(index),
                port,
                target,
                service: step.service.clone().unwrap_or_default(),
                container: step.subject.name().to_owned(),
            });
        }
    }
    needed
}

/// Lets a container start only once those have stopped that have its ports now: a port may move from one
/// service to another, or to one with a new name.
pub(super) fn order(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let mut freed = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, step) in plan.steps.iter().enumerate() {
        // What is stopped before it is removed has no ports any more by then.
        let holder = stops(&step.action)
            .filter(|id| seen.insert((*id).to_owned()))
            .and_then(|id| observed.containers.iter().find(|container| container.id == id));
        freed.extend(holder.into_iter().flat_map(|it| &it.ports).map(|port| (port, StepId(index))));
    }
    if freed.is_empty() {
        return;
    }
    for need in needed_ports(plan, desired) {
        let own = need.container;
        for (port, stop) in &freed {
            let is_other = plan.step(*stop).subject.name() != own;
            let after = &mut plan.steps[need.step.0].after;
            let is_known = after.iter().any(|(step, _)| step == stop);
            if is_other && *stop < need.step && port.overlaps(&need.port) && !is_known {
                after.push((*stop, Need::Settled));
            }
        }
    }
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
    use crate::plan::tests::check;

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

    #[test]
    fn a_port_moves_once_it_is_free() {
        check(
            "services: {a: {image: i, ports: ['81:80']}, b: {image: j, ports: ['80:80']}}",
            "networks\na-1 running changed port=80\nb-1 running changed port=81",
            "
            1. container p-a-1 create as id-of-a-1_p-a-1 (configured differently)
            2. container p-a-1 stop (replaced by 1) after [1]
            3. container p-a-1 remove (replaced by 1) after [2]
            4. container p-a-1 rename to p-a-1 (replaced by 1) after [3]
            5. container p-b-1 create as id-of-b-1_p-b-1 (configured differently)
            6. container p-b-1 stop (replaced by 5) after [5]
            7. container p-b-1 remove (replaced by 5) after [6]
            8. container p-b-1 rename to p-b-1 (replaced by 5) after [7]
            9. container p-a-1 start (configured differently) after [4, 6?]
            10. container p-b-1 start (configured differently) after [8, 2?]
            ",
        );
    }
}

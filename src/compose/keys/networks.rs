//! `networks` of a service: which it joins, and how.

use std::collections::BTreeMap;

use bollard::models::{EndpointIpamConfig, EndpointSettings};
use serde::Deserialize;

use crate::compose::keys::depends_on::names_to_map;
use crate::compose::keys::service::{Service, filled};
use crate::compose::project::Scope;
use crate::compose::schema::{
    DISTINCT_TEXTS, Dict, Key, Kinds, Leaf, Merge, NullChild, OPTIONS, Record, Shape, Short, TEXT,
    To, before_equals,
};
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::spec::{ContainerSpec, Endpoint, Join, Shared};
use crate::yaml::Node;

pub(super) const KEY: Key = Key::new("networks", Shape::Short(&SHORT)).container(endpoints);

static SHORT: Short = Short { accepts: Kinds::LIST, expand, long: Shape::Dict(&LONG) };
static LONG: Dict = Dict::of(Shape::Record(&ATTACHMENT)).plain_names().null(NullChild::Kept);

/// Never text, so that a variable cannot be used here (`model.md` §8.3).
const PRIORITY: Leaf = Leaf::new(Kinds::NUMBER, To::Int);

static ATTACHMENT: Record = Record::new(&[
    Key::new("aliases", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("driver_opts", Shape::Dict(&OPTIONS)),
    Key::new("gw_priority", PRIORITY.shape()),
    Key::new("interface_name", TEXT.shape()),
    Key::new("ipv4_address", TEXT.shape()),
    Key::new("ipv6_address", TEXT.shape()),
    Key::new("link_local_ips", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("mac_address", TEXT.shape()),
    Key::new("priority", PRIORITY.shape()),
]);

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    names_to_map(short, Node::null)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attachment {
    pub aliases: Vec<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub gw_priority: i64,
    pub interface_name: Option<String>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub mac_address: Option<String>,
    pub priority: i64,
}

impl Attachment {
    /// Whether it says nothing, as `network: ` without a value does.
    fn is_plain(&self) -> bool {
        self.ipv4_address.is_none() && self.ipv6_address.is_none() && self.link_local_ips.is_empty()
    }
}

/// The driver option by which engines name an interface.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// The networks of a container, highest priority first, then by key.
fn endpoints(service: &Service, scope: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    if service.network_mode.is_some() {
        return Ok(());
    }
    if scope.project.networks.is_empty() {
        spec.host().network_mode = Some("none".to_owned());
        return Ok(());
    }
    let mut attachments: Vec<(&String, &Attachment)> = service.networks.iter().collect();
    attachments.sort_by_key(|(key, attachment)| (-attachment.priority, *key));
    for (key, attachment) in attachments {
        let Some(network) = scope.project.networks.get(key) else {
            continue;
        };
        let mut options = attachment.driver_opts.clone();
        if let Some(name) = &attachment.interface_name {
            options.entry(INTERFACE_NAME.to_owned()).or_insert_with(|| name.clone());
        }
        let mut aliases = vec![scope.container.to_owned(), scope.service.to_owned()];
        aliases.extend(attachment.aliases.iter().cloned());
        let ipam = EndpointIpamConfig {
            ipv4_address: attachment.ipv4_address.clone(),
            ipv6_address: attachment.ipv6_address.clone(),
            link_local_ips: (!attachment.link_local_ips.is_empty())
                .then(|| attachment.link_local_ips.clone()),
        };
        let settings = EndpointSettings {
            // Those of the keys before this one: links are names on every network.
            links: spec.host().links.clone(),
            aliases: Some(aliases),
            ipam_config: (!attachment.is_plain()).then_some(ipam),
            mac_address: attachment.mac_address.clone(),
            driver_opts: filled(&options),
            gw_priority: Some(attachment.gw_priority).filter(|priority| *priority != 0),
            ..EndpointSettings::default()
        };
        spec.endpoints.push(Endpoint { network: network.name.clone(), settings });
    }
    if let (Some(address), Some(first)) = (&service.mac_address, spec.endpoints.first_mut()) {
        match &first.settings.mac_address {
            Some(other) if other != address => {
                return Err(format!(
                    "`mac_address` and the address on the network `{}` differ",
                    first.network
                ));
            }
            _ => first.settings.mac_address = Some(address.clone()),
        }
    }
    let links = scope.project.services.values().flat_map(|other| &other.links);
    let aliases = links.filter_map(|link| link.split_once(':'));
    let own = aliases.filter(|(target, _)| *target == scope.service);
    spec.linked_as = own.map(|(_, alias)| alias.to_owned()).collect();
    let primary = spec.endpoints.first().map(|endpoint| endpoint.network.clone());
    spec.host().network_mode = primary;
    Ok(())
}

/// `network_mode`: a mode of the engine, or the network of another container.
pub(super) fn mode(
    service: &Service,
    _: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    if let Some(mode) = service.network_mode.as_deref() {
        spec.body.network_disabled = Some(mode == "disabled").filter(|disabled| *disabled);
        spec.host().network_mode = shared(Some(mode), Shared::Network, spec);
    }
    Ok(())
}

/// A namespace: that of a service's container is joined once it exists.
pub(super) fn shared(mode: Option<&str>, what: Shared, spec: &mut ContainerSpec) -> Option<String> {
    let mode = mode?;
    match mode.strip_prefix("service:") {
        Some(service) => {
            spec.joins.push(Join { service: service.to_owned(), what });
            None
        }
        None => Some(mode.to_owned()),
    }
}

/// `links`: names by which this container knows those of other services.
pub(super) fn links(
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    let project = &scope.project.name;
    for link in &service.links {
        let (target, alias) = match link.split_once(':') {
            Some((target, alias)) => (target, alias),
            None => (link.as_str(), link.as_str()),
        };
        let Some(linked) = scope.project.services.get(target) else {
            continue;
        };
        for number in 1..=linked.replicas() {
            let container = linked
                .container_name
                .clone()
                .unwrap_or_else(|| names::container(project, target, number, scope.separator));
            let separator = scope.separator.char();
            // The number is that of the container that links, as in the peer.
            let own = scope.number;
            add_links(
                spec,
                &container,
                &[
                    alias.to_owned(),
                    format!("{target}{separator}{own}"),
                    names::container(project, target, own, scope.separator),
                ],
            );
        }
    }
    Ok(())
}

/// `external_links`: containers of others.
pub(super) fn external_links(
    service: &Service,
    _: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    for link in &service.external_links {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        add_links(spec, container, &[alias.to_owned()]);
    }
    Ok(())
}

fn add_links(spec: &mut ContainerSpec, container: &str, aliases: &[String]) {
    let links = aliases.iter().map(|alias| format!("{container}:{alias}"));
    spec.host().links.get_or_insert_default().extend(links);
}

//! Config hashes, equal to Docker Compose's bit for bit, so that either tool can take over the
//! other's project without recreating anything.

use sha2::{Digest as _, Sha256};

use crate::compose::keys::network::NETWORK;
use crate::compose::keys::volume::VOLUME;
use crate::compose::print;
use crate::compose::schema::{Record, Shape};
use crate::yaml::{Node, Value, emit};

/// The hash of a canonical service.
///
/// `platform` is `DOCKER_DEFAULT_PLATFORM`: it counts for services that are built and name no
/// platform themselves.
#[must_use]
pub fn service(service: &Node, platform: Option<&str>) -> String {
    ServiceHash::new(service, platform).resolve(&|_| None)
}

/// A service whose hash may wait for the IDs of containers it shares something with.
///
/// The peer hashes a service after it has put those IDs in, so that a new container on one side
/// makes a new one on the other.
#[derive(Debug, Clone)]
pub struct ServiceHash(Node);

impl ServiceHash {
    #[must_use]
    pub fn new(service: &Node, platform: Option<&str>) -> Self {
        let mut service = service.clone();
        if let Some(platform) = platform
            && service.get("build").is_some()
            && service.get("platform").is_none()
        {
            service.set("platform", service.span, Node::text(service.span, platform));
        }
        Self(service)
    }

    /// The hash with `container` giving the ID of a service's container, where there is one.
    #[must_use]
    pub fn resolve(&self, container: &dyn Fn(&str) -> Option<String>) -> String {
        let mut service = self.0.clone();
        for key in ["network_mode", "ipc", "pid"] {
            if let Some(Value::Text(mode)) = service.get_mut(key).map(|node| &mut node.value)
                && let Some(id) = mode.strip_prefix("service:").and_then(container)
            {
                *mode = format!("container:{id}");
            }
        }
        for source in
            service.get_mut("volumes_from").and_then(Node::as_list_mut).into_iter().flatten()
        {
            if let Value::Text(text) = &mut source.value {
                let (first, rest) = text.split_once(':').unwrap_or((text, ""));
                if first == "container" {
                    *text = rest.split(':').next().unwrap_or("").to_owned();
                } else if let Some(id) = container(first) {
                    *text = id;
                }
            }
        }
        of_text(&print::hashed_service(&service))
    }
}

/// The hash of a canonical network.
#[must_use]
pub fn network(network: &Node) -> String {
    of_node(network, &NETWORK)
}

/// The hash of a canonical volume; one without a driver has the local one.
#[must_use]
pub fn volume(volume: &Node) -> String {
    let mut volume = volume.clone();
    if volume.str_of("driver").is_none_or(str::is_empty) {
        volume.set("driver", volume.span, Node::text(volume.span, "local"));
    }
    of_node(&volume, &VOLUME)
}

fn of_node(node: &Node, record: &'static Record) -> String {
    let arranged = print::arrange(node, &Shape::Record(record), print::Dialect::Json);
    of_text(&emit::json_compact(&arranged))
}

/// SHA-256 as lower-case hexadecimal.
fn of_text(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn known_hashes_of_the_peer() {
        let at = Span::NOWHERE;
        let default = Node::map(at, [("name", Node::text(at, "p_default"))]);
        assert_eq!(network(&default), of_text(r#"{"name":"p_default","ipam":{}}"#));
        let data = Node::map(at, [("name", Node::text(at, "p_data"))]);
        assert_eq!(volume(&data), of_text(r#"{"name":"p_data","driver":"local"}"#));
    }

    #[test]
    fn a_shared_namespace_waits_for_its_container() {
        let at = Span::NOWHERE;
        let sidecar = Node::map(at, [("network_mode", Node::text(at, "service:web"))]);
        let hash = ServiceHash::new(&sidecar, None);
        let with = |id: &str| hash.resolve(&|name| (name == "web").then(|| id.to_owned()));
        assert_ne!(with("1"), with("2"));
        assert_eq!(
            with("1"),
            of_text(r#"{"command":null,"entrypoint":null,"network_mode":"container:1"}"#)
        );
    }
}

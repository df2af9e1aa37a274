//! Where engines differ: one row each, and nowhere else.

use crate::engine::facts::{Api, Facts};
use crate::spec::{ContainerSpec, Endpoint, EndpointSettings};

/// A container as it is asked for, after what is special about the engine.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    pub spec: ContainerSpec,
    /// Networks to join with requests of their own, before the start.
    pub connect_later: Vec<Endpoint>,
    /// The address of the whole container, a field that newer interfaces do not have.
    pub mac_address: Option<String>,
}

/// A difference between engines.
pub struct Quirk {
    pub name: &'static str,
    pub applies: fn(&Facts) -> bool,
    pub adapt: fn(&mut CreateRequest),
    /// Where it is said or was seen.
    pub because: &'static str,
}

pub static QUIRKS: &[Quirk] = &[
    Quirk {
        name: "one MAC address for the container",
        applies: |engine| engine.api < Api(1, 44) && !engine.is_podman(),
        adapt: |request| {
            for endpoint in &mut request.spec.endpoints {
                let address = endpoint.settings.mac_address.take();
                request.mac_address = request.mac_address.take().or(address);
            }
        },
        because: "API 1.44 first has an address for each endpoint",
    },
    Quirk {
        name: "one network on create",
        applies: |engine| engine.api < Api(1, 44) && !engine.is_podman(),
        adapt: |request| {
            if request.spec.endpoints.len() > 1 {
                request.connect_later = request.spec.endpoints.split_off(1);
            }
        },
        because: "API 1.44 first accepts several endpoints on create",
    },
    Quirk {
        name: "links are names on the network",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            request.spec.host().links = None;
            for endpoint in &mut request.spec.endpoints {
                endpoint.settings.links = None;
            }
        },
        because: "Podman refuses links and will not have them",
    },
];

/// A request as this engine can take it.
#[must_use]
pub fn adapt(spec: ContainerSpec, facts: &Facts) -> CreateRequest {
    let mut request = CreateRequest { spec, connect_later: Vec::new(), mac_address: None };
    for quirk in QUIRKS.iter().filter(|quirk| (quirk.applies)(facts)) {
        (quirk.adapt)(&mut request);
    }
    request
}

/// The settings with which a container that is there joins one more network.
#[must_use]
pub fn adapt_endpoint(settings: EndpointSettings, facts: &Facts) -> EndpointSettings {
    let endpoints = vec![Endpoint { network: String::new(), settings }];
    let mut request = adapt(ContainerSpec { endpoints, ..ContainerSpec::default() }, facts);
    request.spec.endpoints.pop().map(|endpoint| endpoint.settings).unwrap_or_default()
}

/// Whether a stop must say how long the container may take: Podman 4 kills at once otherwise.
#[must_use]
pub fn needs_grace(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether a network that is named by its ID is removed with containers on it: Podman 4 refuses that
/// only for its name. (The ID is the safer word elsewhere, as Docker allows a name twice.)
#[must_use]
pub fn forces_removal_by_id(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Something that not every engine can do.
pub struct Gate {
    /// Whether a container asks for it.
    pub asked: fn(&ContainerSpec) -> bool,
    pub able: fn(&Facts) -> bool,
    /// What is asked, and what it needs.
    pub says: &'static str,
}

pub static GATES: &[Gate] = &[
    Gate {
        asked: |spec| {
            spec.body.healthcheck.as_ref().is_some_and(|check| check.start_interval.is_some())
        },
        able: |engine| engine.api >= Api(1, 44) || engine.is_podman(),
        says: "`healthcheck.start_interval` needs Docker 25 or later",
    },
    Gate {
        asked: |spec| {
            let mounts = spec.body.host_config.as_ref().and_then(|host| host.mounts.as_ref());
            let image = Some(bollard::models::MountType::IMAGE);
            mounts.is_some_and(|mounts| mounts.iter().any(|mount| mount.typ == image))
        },
        able: |engine| engine.api >= Api(1, 48) || engine.is_podman(),
        says: "a volume of type `image` needs Docker 28 or later",
    },
    Gate {
        asked: |spec| {
            spec.endpoints.iter().any(|endpoint| {
                let options = endpoint.settings.driver_opts.as_ref();
                options.is_some_and(|options| options.contains_key(INTERFACE_NAME))
            })
        },
        able: |engine| engine.api >= Api(1, 49) || engine.is_podman(),
        says: "`interface_name` needs Docker 28.1 or later",
    },
    Gate {
        asked: |spec| {
            let addresses = spec.endpoints.iter().filter(|it| it.settings.mac_address.is_some());
            addresses.count() > 1
        },
        able: |engine| engine.api >= Api(1, 44) || engine.is_podman(),
        says: "a `mac_address` on several networks needs Docker 25 or later",
    },
];

/// The driver option that names a network interface.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// What `spec` asks for that this engine cannot do.
pub fn refused<'a>(
    spec: &'a ContainerSpec,
    facts: &'a Facts,
) -> impl Iterator<Item = &'static str> {
    GATES.iter().filter(|gate| (gate.asked)(spec) && !(gate.able)(facts)).map(|gate| gate.says)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_networks() -> ContainerSpec {
        let endpoint = |name: &str| Endpoint {
            network: name.to_owned(),
            settings: EndpointSettings {
                mac_address: Some("m".into()),
                links: Some(vec!["x:y".to_owned()]),
                ..EndpointSettings::default()
            },
        };
        let mut spec = ContainerSpec {
            endpoints: vec![endpoint("a"), endpoint("b")],
            ..ContainerSpec::default()
        };
        spec.host().links = Some(vec!["x:y".to_owned()]);
        spec
    }

    #[test]
    fn old_docker_joins_networks_one_by_one() {
        let request = adapt(two_networks(), &Facts::docker(Api(1, 41)));
        assert_eq!((request.spec.endpoints.len(), request.connect_later.len()), (1, 1));
        assert_eq!(request.connect_later[0].settings.mac_address, None);
        assert_eq!(request.mac_address.as_deref(), Some("m"));
    }

    #[test]
    fn gates_name_what_an_old_engine_lacks() {
        let old = Facts::docker(Api(1, 41));
        let spec = two_networks();
        assert_eq!(
            refused(&spec, &old).collect::<Vec<_>>(),
            ["a `mac_address` on several networks needs Docker 25 or later"]
        );
        assert_eq!(refused(&spec, &Facts::docker(Api(1, 51))).count(), 0);
        assert_eq!(refused(&spec, &Facts::podman(Api(4, 3))).count(), 0);
    }

    #[test]
    fn podman_is_told_the_names_of_networks() {
        assert!(forces_removal_by_id(&Facts::podman(Api(4, 3))));
        assert!(!forces_removal_by_id(&Facts::docker(Api(1, 41))));
    }

    #[test]
    fn new_docker_takes_all_as_it_is() {
        let request = adapt(two_networks(), &Facts::docker(Api(1, 51)));
        assert_eq!((request.spec.endpoints.len(), request.connect_later.len()), (2, 0));
        assert_eq!(request.spec.endpoints[1].settings.mac_address.as_deref(), Some("m"));
        assert!(request.spec.body.host_config.unwrap().links.is_some());
    }

    #[test]
    fn podman_takes_several_networks_but_no_links() {
        let request = adapt(two_networks(), &Facts::podman(Api(4, 3)));
        assert_eq!(request.spec.endpoints.len(), 2);
        assert_eq!(request.spec.endpoints[0].settings.links, None);
        assert_eq!(request.spec.body.host_config.unwrap().links, None);
    }
}

//! Where engines differ: one row each, and nowhere else.

pub mod builds;

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
    /// What has to be found out first.
    pub asks: Vec<Ask>,
}

/// What an engine leaves to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Which port of a range is free.
    Ports,
    /// What the host's address is.
    HostGateway,
    /// Whether what is mounted is there.
    Sources,
}

/// Stands for the host's address.
pub const HOST_GATEWAY: &str = "host-gateway";

/// The first and the last port of a range.
#[must_use]
pub fn range(ports: Option<&str>) -> Option<(u16, u16)> {
    let (first, last) = ports?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
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
    Quirk {
        name: "names that others link by",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            let names = std::mem::take(&mut request.spec.linked_as);
            for endpoint in &mut request.spec.endpoints {
                endpoint.settings.aliases.get_or_insert_default().extend(names.iter().cloned());
            }
        },
        because: "Podman refuses links; everybody on the network may know the name",
    },
    Quirk {
        name: "a stop has ten seconds",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            request.spec.body.stop_timeout.get_or_insert(10);
        },
        because: "Podman 4 tells no time at all of a container that was given none",
    },
    Quirk {
        name: "a tmpfs is everybody's",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            for mount in request.spec.host().mounts.iter_mut().flatten() {
                if let Some(options) = &mut mount.tmpfs_options {
                    options.mode.get_or_insert(0o1777);
                }
            }
        },
        because: "Podman reads options without a mode as the mode 000",
    },
    Quirk {
        name: "one port of a range",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            let bindings = request.spec.host().port_bindings.iter().flatten();
            let mut ports = bindings.flat_map(|(_, ports)| ports.iter().flatten());
            if ports.any(|port| range(port.host_port.as_deref()).is_some()) {
                request.asks.push(Ask::Ports);
            }
        },
        because: "Podman reads the port of the host as one number",
    },
    Quirk {
        name: "the host's address",
        applies: |engine| engine.podman.is_some_and(|version| version < Api(4, 7)),
        adapt: |request| {
            let mut hosts = request.spec.host().extra_hosts.iter().flatten();
            if hosts.any(|host| host.ends_with(HOST_GATEWAY)) {
                request.asks.push(Ask::HostGateway);
            }
        },
        because: "older versions of Podman write `host-gateway` into /etc/hosts as it is",
    },
    Quirk {
        name: "what is mounted must be there",
        applies: |engine| engine.is_podman(),
        adapt: |request| request.asks.push(Ask::Sources),
        because: "Podman makes each missing folder, whether it may or not",
    },
];

/// A request as this engine can take it.
#[must_use]
pub fn adapt(spec: ContainerSpec, facts: &Facts) -> CreateRequest {
    let mut request =
        CreateRequest { spec, connect_later: Vec::new(), mac_address: None, asks: Vec::new() };
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

/// Whether the engine makes a second network with a name that is taken, unless it is told to look: API
/// 1.44 is the first that always does.
#[must_use]
pub fn checks_names_on_demand(engine: &Facts) -> bool {
    engine.api < Api(1, 44) && !engine.is_podman()
}

/// Whether a container can be made before its networks are: Docker looks for them when it starts it, where
/// all can be named on create. Podman looks at once.
#[must_use]
pub fn finds_networks_at_start(engine: &Facts) -> bool {
    engine.api >= Api(1, 44) && !engine.is_podman()
}

/// Whether it finds out what a tag stands for at its registry; Podman has no request for that.
#[must_use]
pub fn tells_digests(engine: &Facts) -> bool {
    !engine.is_podman()
}

/// Whether the engine keeps a container as long as others share something with it: they must be removed
/// before it. Docker lets them hang in the air.
#[must_use]
pub fn keeps_what_is_shared(engine: &Facts) -> bool {
    engine.is_podman()
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

/// Whether files can be put where a container has something in memory: Docker writes them below that,
/// where the container does not see them.
#[must_use]
pub fn reaches_memory(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether files that are put into a container of which nobody has said who runs in it belong to the
/// superuser, rather than to whom they belong on the host.
#[must_use]
pub fn gives_to_superuser(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether a container that has ended may be started again by the engine without a sign of that in its
/// state: Podman does it a moment later.
#[must_use]
pub fn restarts_late(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether names are answered at the gateway of each network, and not in each container: Podman has one
/// server for all containers.
#[must_use]
pub fn answers_at_gateways(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether health checks may have to be run from here, and where health is told: Podman leaves the
/// checks to timers of systemd, which may not be there, and its list of containers says nothing of them.
#[must_use]
pub fn leaves_health_checks(engine: &Facts) -> bool {
    engine.is_podman()
}

/// Whether what the engine tells of a container is not what it was asked for: Podman adds, leaves out and
/// rewrites.
#[must_use]
pub fn has_words_of_its_own(engine: &Facts) -> bool {
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

/// Something that an engine takes without a word, and without effect.
pub struct Loss {
    /// The key that asks for it.
    pub key: &'static str,
    pub asked: fn(&ContainerSpec) -> bool,
    pub lost: fn(&Facts) -> bool,
    pub says: &'static str,
}

pub static LOSSES: &[Loss] = &[
    Loss {
        key: "volumes",
        asked: |spec| {
            let mounts = spec.body.host_config.iter().flat_map(|host| host.mounts.iter().flatten());
            let mut options = mounts.filter_map(|mount| mount.volume_options.as_ref());
            options.any(|options| options.subpath.as_ref().is_some_and(|path| !path.is_empty()))
        },
        lost: |engine| engine.is_podman(),
        says: "Podman mounts whole volumes, so `subpath` has no effect",
    },
    Loss {
        key: "volumes",
        asked: |spec| {
            let mounts = spec.body.host_config.iter().flat_map(|host| host.mounts.iter().flatten());
            let mut options = mounts.filter_map(|mount| mount.volume_options.as_ref());
            options.any(|options| options.subpath.as_ref().is_some_and(|path| !path.is_empty()))
        },
        lost: |engine| engine.api < Api(1, 45) && !engine.is_podman(),
        says: "`subpath` of a volume needs Docker 26 or later, and has no effect",
    },
    Loss {
        key: "gpus",
        asked: |spec| {
            let host = spec.body.host_config.as_ref();
            host.is_some_and(|host| host.device_requests.iter().flatten().next().is_some())
        },
        lost: |engine| engine.is_podman(),
        says: "Podman takes no requests for GPUs; name them in `devices` by the Container Device \
               Interface",
    },
];

/// What `spec` asks for in vain: the keys, and why.
pub fn lost<'a>(spec: &'a ContainerSpec, facts: &'a Facts) -> impl Iterator<Item = &'static Loss> {
    LOSSES.iter().filter(|loss| (loss.asked)(spec) && (loss.lost)(facts))
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
    fn networks_may_come_later_than_containers() {
        assert!(finds_networks_at_start(&Facts::docker(Api(1, 44))));
        assert!(!finds_networks_at_start(&Facts::docker(Api(1, 43))));
        assert!(!finds_networks_at_start(&Facts::podman(Api(5, 8))));
    }

    #[test]
    fn what_is_shared_may_have_to_stay() {
        assert!(keeps_what_is_shared(&Facts::podman(Api(4, 3))));
        assert!(!keeps_what_is_shared(&Facts::docker(Api(1, 51))));
    }

    #[test]
    fn old_engines_are_told_to_look_for_networks_with_the_same_name() {
        assert!(checks_names_on_demand(&Facts::docker(Api(1, 41))));
        assert!(!checks_names_on_demand(&Facts::podman(Api(4, 3))));
        assert!(!checks_names_on_demand(&Facts::docker(Api(1, 51))));
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

    fn asking() -> ContainerSpec {
        use bollard::models::{MountTmpfsOptions, MountType, PortBinding};
        let mut spec = two_networks();
        spec.linked_as = vec!["database".to_owned()];
        let binding = PortBinding { host_ip: None, host_port: Some("8000-8002".to_owned()) };
        spec.host().port_bindings = Some([("80/tcp".to_owned(), Some(vec![binding]))].into());
        spec.host().extra_hosts = Some(vec!["outside:host-gateway".to_owned()]);
        spec.host().mounts = Some(vec![crate::spec::Mount {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions { size_bytes: Some(1), ..Default::default() }),
            ..Default::default()
        }]);
        spec
    }

    #[test]
    fn podman_is_told_what_others_know() {
        let mut request = adapt(asking(), &Facts::podman(Api(4, 3)));
        assert_eq!(request.spec.body.stop_timeout, Some(10));
        assert_eq!(request.asks, [Ask::Ports, Ask::HostGateway, Ask::Sources]);
        let aliases = request.spec.endpoints[1].settings.aliases.clone().unwrap();
        assert_eq!(aliases, ["database"]);
        let mounts = request.spec.host().mounts.clone().unwrap();
        assert_eq!(mounts[0].tmpfs_options.as_ref().unwrap().mode, Some(0o1777));
        // What is said is not changed, and newer ones know the host's address.
        let mut spec = asking();
        spec.body.stop_timeout = Some(0);
        let request = adapt(spec, &Facts::podman(Api(5, 8)));
        assert_eq!(request.spec.body.stop_timeout, Some(0));
        assert_eq!(request.asks, [Ask::Ports, Ask::Sources]);
    }

    #[test]
    fn docker_is_told_none_of_that() {
        let mut request = adapt(asking(), &Facts::docker(Api(1, 41)));
        assert_eq!((request.spec.body.stop_timeout, request.asks), (None, Vec::new()));
        assert_eq!(request.spec.endpoints[0].settings.aliases, None);
        let mounts = request.spec.host().mounts.clone().unwrap();
        assert_eq!(mounts[0].tmpfs_options.as_ref().unwrap().mode, None);
        let docker = Facts::docker(Api(1, 51));
        assert!(!restarts_late(&docker) && !leaves_health_checks(&docker) && !needs_grace(&docker));
        let podman = Facts::podman(Api(5, 8));
        assert!(restarts_late(&podman) && leaves_health_checks(&podman) && needs_grace(&podman));
        assert!(tells_digests(&docker) && !tells_digests(&podman));
        assert!(!reaches_memory(&docker) && reaches_memory(&podman));
        assert!(!gives_to_superuser(&docker) && gives_to_superuser(&podman));
    }

    #[test]
    fn losses_name_their_keys() {
        use bollard::models::{DeviceRequest, MountVolumeOptions};
        let mut spec = ContainerSpec::default();
        let options = MountVolumeOptions { subpath: Some("part".to_owned()), ..Default::default() };
        spec.host().mounts =
            Some(vec![crate::spec::Mount { volume_options: Some(options), ..Default::default() }]);
        spec.host().device_requests = Some(vec![DeviceRequest::default()]);
        let keys = |facts: &Facts| lost(&spec, facts).map(|loss| loss.key).collect::<Vec<_>>();
        assert_eq!(keys(&Facts::podman(Api(5, 8))), ["volumes", "gpus"]);
        assert_eq!(keys(&Facts::docker(Api(1, 41))), ["volumes"]);
        assert_eq!(keys(&Facts::docker(Api(1, 51))), [""; 0]);
    }

    #[test]
    fn ranges() {
        assert_eq!(range(Some("8000-8002")), Some((8000, 8002)));
        assert_eq!(range(Some("8000")), None);
        assert_eq!(range(None), None);
    }
}

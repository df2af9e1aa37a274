//! What a project should be on the engine.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{Ipam, IpamConfig};

use crate::compose::graph::{Graph, Reason};
use crate::compose::keys::depends_on::Condition;
use crate::compose::keys::network::Network;
use crate::compose::keys::service::{SERVICE, Service};
use crate::compose::keys::volume::Volume;
use crate::compose::model::Model;
use crate::compose::project::{Project, Scope};
use crate::compose::schema::Effect;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::labels;
use crate::names::{self, Separator};
use crate::source::Span;
use crate::spec::{BuildSpec, ContainerSpec, NetworkCreateRequest, VolumeCreateRequest};
pub use crate::state::builds::Input;
use crate::state::builds::{build, image, inputs, is_named};
use crate::state::hash::{self, ServiceHash};
pub use crate::state::template::{Template, set_label};

/// The most containers of one service: more is a slip of the finger, and would fill the memory.
const MOST_REPLICAS: u32 = 10_000;

/// What is known besides the model.
pub struct Surroundings<'a> {
    pub separator: Separator,
    /// Numbers of replicas that differ from what the files say.
    pub scale: BTreeMap<String, u32>,
    /// Reads a file that a key names.
    pub read: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Every network, volume and container that should exist.
#[derive(Debug)]
pub struct Desired {
    pub project: String,
    pub networks: Vec<DesiredNetwork>,
    pub volumes: Vec<DesiredVolume>,
    /// Dependencies before dependents.
    pub services: Vec<DesiredService>,
    /// Services that are off, but whose images those of others are built from.
    pub inputs: Vec<Input>,
    /// All services that can be built, those that others' builds start from before these.
    pub build_order: Vec<String>,
    /// Services that other programs provide, dependencies before dependents.
    pub providers: Vec<String>,
    /// Services of the files that are off; their containers are no orphans.
    pub disabled: BTreeSet<String>,
}

#[derive(Debug)]
pub struct DesiredNetwork {
    pub key: String,
    pub name: String,
    pub external: bool,
    pub request: NetworkCreateRequest,
    pub hash: String,
    pub span: Span,
}

#[derive(Debug)]
pub struct DesiredVolume {
    pub key: String,
    pub name: String,
    pub external: bool,
    pub request: VolumeCreateRequest,
    pub hash: String,
    pub span: Span,
}

#[derive(Debug)]
pub struct DesiredService {
    pub name: String,
    /// The reference of its image.
    pub image: String,
    /// References of other images that its containers need: those of hooks and of volumes.
    pub other_images: Vec<String>,
    /// How it is built, if the files say so.
    pub build: Option<BuildSpec>,
    /// Where that stands.
    pub build_span: Span,
    /// Whether the files name the image, so that a registry may have it.
    pub pullable: bool,
    pub pull_policy: Option<String>,
    pub hash: ServiceHash,
    /// Its containers, numbered from 1; what is numbered is set when the number is known.
    pub template: Template,
    pub replicas: u32,
    /// Whether `up` shows its output unless told otherwise.
    pub attach: bool,
    pub dependencies: Vec<Dependency>,
    /// The engine's names of its networks and named volumes.
    pub networks: Vec<String>,
    pub volumes: Vec<String>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Dependency {
    pub service: String,
    pub condition: Condition,
    pub required: bool,
    /// Whether the dependent restarts with it.
    pub restart: bool,
    pub span: Span,
}

impl Desired {
    /// Works out what a model asks of the engine.
    ///
    /// # Errors
    /// Keys whose value the engine cannot be asked for, and keys that are not supported yet.
    pub fn new(
        model: &Model,
        around: &Surroundings<'_>,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::of(model, around, Depth::Containers)
    }

    /// As [`Desired::new`], with containers that have an image and a platform alone: what else they
    /// want is not looked at.
    ///
    /// # Errors
    /// As [`Desired::new`].
    pub fn of_images(
        model: &Model,
        around: &Surroundings<'_>,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::of(model, around, Depth::Images)
    }

    fn of(
        model: &Model,
        around: &Surroundings<'_>,
        depth: Depth,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut project = Project::new(model)?;
        let mut problems = Diagnostics::default();
        for (name, count) in &around.scale {
            match project.services.get_mut(name) {
                Some(service) if *count > 1 && service.container_name.is_some() => {
                    let span = model.span(&["services", name, "container_name"]);
                    let message = format!(
                        "`{name}` cannot have {count} containers, as they would share one `container_name`"
                    );
                    problems.push(Diagnostic::error(span, message));
                }
                Some(service) => service.scale = Some(*count),
                None => {
                    let message = format!("no such service: {name}");
                    problems.push(Diagnostic::error(Span::NOWHERE, message));
                }
            }
        }
        for (name, service) in &project.services {
            if service.replicas() > MOST_REPLICAS {
                let keys = [&["scale"][..], &["deploy", "replicas"]];
                let path = |key: &[&'static str]| [&["services", name.as_str()], key].concat();
                let place =
                    keys.iter().map(|key| path(key)).find(|path| model.node(path).is_some());
                let span = model.span(&place.unwrap_or_default());
                let message = format!(
                    "`{name}` asks for {} containers; {MOST_REPLICAS} is the most",
                    service.replicas()
                );
                problems.push(Diagnostic::error(span, message));
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        let nodes = model.services.iter().map(|(name, entry)| (name.as_str(), &entry.node));
        let graph = Graph::of_services(nodes, Reason::Start);
        let mut services = Vec::new();
        let mut providers = Vec::new();
        for name in graph.in_order() {
            if project.services[name].provider.is_some() {
                providers.push(name.to_owned());
                continue;
            }
            let builder = Builder { model, project: &project, around, depth, name };
            services.push(builder.service(&mut problems));
        }
        let (inputs, build_order) = inputs(model, &project, around.separator)?;
        let desired = Self {
            inputs,
            build_order,
            networks: project
                .networks
                .iter()
                .map(|(key, network)| desired_network(model, key, network))
                .collect(),
            volumes: project
                .volumes
                .iter()
                .map(|(key, volume)| desired_volume(model, key, volume))
                .collect(),
            services,
            providers,
            disabled: model.disabled.keys().cloned().collect(),
            project: project.name,
        };
        if problems.has_errors() { Err(problems) } else { Ok((desired, problems)) }
    }

    /// All builds that may be asked for.
    pub fn builds(&self) -> impl Iterator<Item = &BuildSpec> {
        let own = self.services.iter().filter_map(|service| service.build.as_ref());
        own.chain(self.inputs.iter().map(|input| &input.build))
    }

    /// The same, for what is told otherwise than in the files.
    pub fn builds_mut(&mut self) -> impl Iterator<Item = &mut BuildSpec> {
        let own = self.services.iter_mut().filter_map(|service| service.build.as_mut());
        own.chain(self.inputs.iter_mut().map(|input| &mut input.build))
    }

    #[must_use]
    pub fn service(&self, name: &str) -> Option<&DesiredService> {
        self.services.iter().find(|service| service.name == name)
    }
}

/// How much is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Images,
    Containers,
}

struct Builder<'a> {
    model: &'a Model,
    project: &'a Project,
    around: &'a Surroundings<'a>,
    depth: Depth,
    name: &'a str,
}

impl Builder<'_> {
    fn service(&self, problems: &mut Diagnostics) -> DesiredService {
        let name = self.name;
        let service = &self.project.services[name];
        let separator = self.around.separator;
        let container = service
            .container_name
            .clone()
            .unwrap_or_else(|| names::container(&self.project.name, name, 1, separator));
        let warnings = RefCell::new(Vec::new());
        let scope = Scope {
            project: self.project,
            service: name,
            container: &container,
            number: 1,
            separator,
            env: &self.model.env,
            read: self.around.read,
            warn: &|text| warnings.borrow_mut().push(text),
        };
        let mut spec = match self.depth {
            Depth::Containers => self.apply_keys(service, &scope, &warnings, problems),
            Depth::Images => {
                ContainerSpec { platform: service.platform.clone(), ..ContainerSpec::default() }
            }
        };
        let image = image(&self.project.name, name, service, separator);
        spec.body.image = Some(image.clone());
        spec.body.attach_stdout = Some(true);
        spec.body.attach_stderr = Some(true);
        if spec.platform.is_none() {
            spec.platform = self.model.default_platform().map(str::to_owned);
        }
        self.label(service, &mut spec);
        let named = is_named(service);
        let platform = spec.platform.as_deref();
        let build = build(self.model, self.project, separator, name, service, platform);
        DesiredService {
            name: name.to_owned(),
            image,
            other_images: other_images(service),
            build,
            build_span: self.model.span(&["services", name, "build"]),
            pullable: named,
            pull_policy: service.pull_policy.clone(),
            hash: ServiceHash::new(&self.model.services[name].node, self.model.default_platform()),
            template: Template {
                spec,
                project: self.project.name.clone(),
                service: name.to_owned(),
                container_name: service.container_name.clone(),
                separator,
            },
            replicas: service.replicas(),
            attach: service.attach.unwrap_or(true),
            dependencies: service
                .depends_on
                .iter()
                .map(|(target, dependency)| Dependency {
                    service: target.clone(),
                    condition: dependency.condition,
                    required: dependency.required,
                    restart: dependency.restart,
                    span: self.model.span(&["services", name, "depends_on", target]),
                })
                .collect(),
            networks: service
                .networks
                .keys()
                .filter_map(|key| self.project.networks.get(key))
                .map(|network| network.name.clone())
                .collect(),
            volumes: service
                .volumes
                .iter()
                .filter(|mount| mount.kind == "volume")
                .filter_map(|mount| self.project.volumes.get(mount.source.as_ref()?))
                .map(|volume| volume.name.clone())
                .collect(),
            span: self.model.services[name].key,
        }
    }

    /// Lets every key of the service that is there have its effect.
    fn apply_keys(
        &self,
        service: &Service,
        scope: &Scope<'_>,
        warnings: &RefCell<Vec<String>>,
        problems: &mut Diagnostics,
    ) -> ContainerSpec {
        let mut spec = ContainerSpec::default();
        let written = self.model.services[self.name].node.as_map();
        for key in SERVICE.keys {
            let entry = written.and_then(|map| map.get(key.name)).filter(|it| !it.node.is_null());
            let place = entry.map_or(Span::NOWHERE, |entry| entry.node.span);
            match key.effect {
                Effect::Container(apply) => {
                    if let Err(message) = apply(service, scope, &mut spec) {
                        let message = format!("service `{}`: {message}", self.name);
                        problems.push(Diagnostic::error(place, message));
                    }
                    for text in warnings.take() {
                        let message = format!("service `{}`: {text}", self.name);
                        problems.push(Diagnostic::warning(place, message));
                    }
                }
                Effect::Ignored(why) if entry.is_some() => {
                    let message = format!("`{}` of `{}` is ignored: {why}", key.name, self.name);
                    problems.push(Diagnostic::warning(place, message));
                }
                _ => {}
            }
        }
        spec
    }

    fn label(&self, service: &Service, spec: &mut ContainerSpec) {
        spec.body.labels = Some(service.labels.clone().into_iter().collect());
        let dependencies =
            service.depends_on.iter().map(|(target, dependency)| labels::Dependency {
                service: target.clone(),
                condition: dependency.condition.word().to_owned(),
                restart: dependency.restart,
            });
        let mut own = vec![
            (labels::PROJECT, self.project.name.clone()),
            (labels::SERVICE, self.name.to_owned()),
            (labels::ONE_OFF, "False".to_owned()),
            (labels::VERSION, labels::COMPOSE_VERSION.to_owned()),
            (labels::WORKING_DIR, self.project.folder.clone()),
            (labels::CONFIG_FILES, self.model.files.join(",")),
            (labels::DEPENDS_ON, labels::write_depends_on(dependencies)),
        ];
        if !self.model.env_files.is_empty() {
            own.push((labels::ENVIRONMENT_FILE, self.model.env_files.join(",")));
        }
        for (name, value) in own {
            set_label(spec, name, &value);
        }
    }
}

fn other_images(service: &Service) -> Vec<String> {
    let hooks = service.pre_start.iter().filter_map(|hook| hook.image.clone());
    let volumes = service.volumes.iter().filter(|mount| mount.kind == "image");
    let volumes = volumes.filter_map(|mount| mount.source.clone());
    hooks.chain(volumes).filter(|image| !image.is_empty()).collect()
}

fn resource_labels(
    own: &BTreeMap<String, String>,
    project: &str,
    kind: &str,
    key: &str,
    hash: &str,
) -> std::collections::HashMap<String, String> {
    let mut all: std::collections::HashMap<String, String> = own.clone().into_iter().collect();
    for (name, value) in [
        (labels::PROJECT, project),
        (kind, key),
        (labels::VERSION, labels::COMPOSE_VERSION),
        (labels::CONFIG_HASH, hash),
    ] {
        all.insert(name.to_owned(), value.to_owned());
    }
    all
}

fn desired_network(model: &Model, key: &str, network: &Network) -> DesiredNetwork {
    let node = model.node(&["networks", key]);
    let hash = node.map(hash::network).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let map = |map: &BTreeMap<String, String>| {
        (!map.is_empty()).then(|| map.clone().into_iter().collect())
    };
    let ipam = &network.ipam;
    let pools: Vec<IpamConfig> = ipam
        .config
        .iter()
        .map(|pool| IpamConfig {
            subnet: text(&pool.subnet),
            ip_range: text(&pool.ip_range),
            gateway: text(&pool.gateway),
            auxiliary_addresses: map(&pool.aux_addresses),
        })
        .collect();
    let driver = text(&ipam.driver);
    let addresses = (driver.is_some() || !pools.is_empty()).then(|| Ipam {
        driver,
        config: Some(pools),
        options: map(&ipam.options),
    });
    let request = NetworkCreateRequest {
        name: network.name.clone(),
        driver: text(&network.driver),
        internal: Some(network.internal),
        attachable: Some(network.attachable),
        ipam: addresses,
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        options: map(&network.driver_opts),
        labels: Some(resource_labels(&network.labels, &model.name, labels::NETWORK, key, &hash)),
        ..NetworkCreateRequest::default()
    };
    DesiredNetwork {
        key: key.to_owned(),
        name: network.name.clone(),
        external: network.external,
        request,
        hash,
        span: model.span(&["networks", key]),
    }
}

fn desired_volume(model: &Model, key: &str, volume: &Volume) -> DesiredVolume {
    let hash = model.node(&["volumes", key]).map(hash::volume).unwrap_or_default();
    let options = &volume.driver_opts;
    let request = VolumeCreateRequest {
        name: Some(volume.name.clone()),
        driver: volume.driver.clone().filter(|driver| !driver.is_empty()),
        driver_opts: (!options.is_empty()).then(|| options.clone().into_iter().collect()),
        labels: Some(resource_labels(&volume.labels, &model.name, labels::VOLUME, key, &hash)),
        ..VolumeCreateRequest::default()
    };
    DesiredVolume {
        key: key.to_owned(),
        name: volume.name.clone(),
        external: volume.external,
        request,
        hash,
        span: model.span(&["volumes", key]),
    }
}

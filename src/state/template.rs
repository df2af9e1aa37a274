//! The containers of a service, but for what is known only when one of them is made.

use std::time::Duration;

use crate::labels;
use crate::names::{self, Separator};
use crate::spec::{ContainerSpec, EndpointSettings, Hooks, InlineFile, Join, Shared};

/// A container of a service without what depends on its number.
#[derive(Debug)]
pub struct Template {
    pub(super) spec: ContainerSpec,
    pub(super) project: String,
    pub(super) service: String,
    pub(super) container_name: Option<String>,
    pub(super) separator: Separator,
}

impl Template {
    /// The name of the container with this number.
    #[must_use]
    pub fn name(&self, number: u32) -> String {
        self.container_name.clone().unwrap_or_else(|| {
            names::container(&self.project, &self.service, number, self.separator)
        })
    }

    /// The container with this number; config hash and image ID are not set yet.
    #[must_use]
    pub fn container(&self, number: u32) -> ContainerSpec {
        let mut spec = self.spec.clone();
        let first = self.name(1);
        spec.name = self.name(number);
        for endpoint in &mut spec.endpoints {
            for alias in endpoint.settings.aliases.iter_mut().flatten() {
                if *alias == first {
                    alias.clone_from(&spec.name);
                }
            }
        }
        set_label(&mut spec, labels::CONTAINER_NUMBER, &number.to_string());
        spec
    }

    /// A one-off container: none of the replicas, not started again, known by its own name alone and
    /// with no port of the host, unless that is asked for.
    #[must_use]
    pub fn one_off(&self, name: String, slug: &str, publish: bool, aliases: bool) -> ContainerSpec {
        let mut spec = self.spec.clone();
        let first = self.name(1);
        for endpoint in &mut spec.endpoints {
            let all = endpoint.settings.aliases.get_or_insert_default();
            all.retain(|alias| aliases && *alias != first);
            all.insert(0, name.clone());
        }
        spec.name = name;
        set_label(&mut spec, labels::ONE_OFF, "True");
        set_label(&mut spec, labels::SLUG, slug);
        spec.host().restart_policy = None;
        if !publish {
            spec.host().port_bindings = None;
        }
        spec
    }

    /// The containers that prepare the start of the service, in turn.
    #[must_use]
    pub fn all_pre_start(&self) -> Vec<ContainerSpec> {
        (0..self.spec.hooks.pre_start.len()).filter_map(|index| self.pre_start(index)).collect()
    }

    /// A container that prepares the start of the service: it has the volumes of a container of the
    /// service, its networks without addresses and names there, and its environment.
    #[must_use]
    pub fn pre_start(&self, index: usize) -> Option<ContainerSpec> {
        let hook = self.spec.hooks.pre_start.get(index)?;
        let mut spec = ContainerSpec {
            body: self.spec.body.clone(),
            endpoints: self.spec.endpoints.clone(),
            platform: self.spec.platform.clone(),
            joins: self.spec.joins.clone(),
            files: self.spec.files.clone(),
            grace: self.spec.grace,
            ..ContainerSpec::default()
        };
        spec.joins.retain(|join| !matches!(join.what, Shared::Volumes { .. }));
        spec.joins
            .push(Join { service: self.service.clone(), what: Shared::Volumes { mode: None } });
        let separator = self.separator.char();
        let (project, service) = (&self.project, &self.service);
        spec.name = format!("{project}{separator}{service}{separator}pre_start{separator}{index}");
        for endpoint in &mut spec.endpoints {
            endpoint.settings = EndpointSettings {
                driver_opts: endpoint.settings.driver_opts.take(),
                ..EndpointSettings::default()
            };
        }
        let host = spec.host();
        host.port_bindings = None;
        host.restart_policy = None;
        host.binds = None;
        host.mounts = None;
        host.links = None;
        host.privileged = Some(hook.privileged);
        let body = &mut spec.body;
        body.exposed_ports = None;
        body.healthcheck = None;
        body.volumes = None;
        body.tty = Some(false);
        body.open_stdin = Some(false);
        if let Some(image) = &hook.image {
            // What the service says of its image means nothing to another one.
            body.image = Some(image.clone());
            (body.entrypoint, body.cmd, body.user, body.working_dir) = (None, None, None, None);
        }
        if hook.command.is_some() {
            body.cmd.clone_from(&hook.command);
        }
        body.user = hook.user.clone().or(body.user.take());
        body.working_dir = hook.folder.clone().or(body.working_dir.take());
        let env = body.env.get_or_insert_default();
        for line in &hook.env {
            let name = |line: &str| line.split('=').next().unwrap_or("").to_owned();
            env.retain(|it| name(it) != name(line));
            env.push(line.clone());
        }
        let own = [
            (labels::PROJECT, project.as_str()),
            (labels::SERVICE, service),
            (labels::VERSION, labels::COMPOSE_VERSION),
            (labels::HOOK, "pre_start"),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Whoever holds the service holds them.
        let lease = body.labels.as_mut().and_then(|it| it.remove_entry(labels::LEASE));
        body.labels = Some(own.chain(lease).collect());
        Some(spec)
    }

    /// What the label that marks a replacement says: the name, without that of the project.
    #[must_use]
    pub fn replaced_name(&self, number: u32) -> String {
        let separator = self.separator.char();
        self.container_name
            .clone()
            .unwrap_or_else(|| format!("{}{separator}{number}", self.service))
    }

    /// The containers of other services that it shares something with.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.spec.joins.iter().map(|join| join.service.as_str())
    }

    /// Whether it publishes any of a range of ports of the host: the engine picks one on start.
    #[must_use]
    pub fn publishes_ranges(&self) -> bool {
        let host = self.spec.body.host_config.as_ref();
        let bindings = host.and_then(|host| host.port_bindings.as_ref());
        let mut ports =
            bindings.into_iter().flatten().flat_map(|(_, ports)| ports.iter().flatten());
        ports.any(|port| port.host_port.as_ref().is_some_and(|port| port.contains('-')))
    }

    /// What is put into its containers before they start.
    #[must_use]
    pub fn files(&self) -> &[InlineFile] {
        &self.spec.files
    }

    /// What is run in its containers.
    #[must_use]
    pub fn hooks(&self) -> &Hooks {
        &self.spec.hooks
    }

    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        self.spec.platform.as_deref()
    }

    #[must_use]
    pub fn grace(&self) -> Option<Duration> {
        self.spec.grace
    }
}

/// Sets a label of a container.
pub fn set_label(spec: &mut ContainerSpec, name: &str, value: &str) {
    spec.body.labels.get_or_insert_default().insert(name.to_owned(), value.to_owned());
}

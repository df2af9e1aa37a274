//! Rules across keys and resources: references that must exist, pairs that exclude each other,
//! cycles.

use std::collections::BTreeMap;

use crate::compose::graph::{Graph, Reason};
use crate::compose::keys::develop::Action;
use crate::compose::report::{Path, Report};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::yaml::{Entry, Node};

/// The services of a model, by whether their profiles are active.
#[derive(Debug, Clone, Copy)]
pub(super) struct Services<'a> {
    pub(super) enabled: &'a BTreeMap<String, Entry>,
    pub(super) disabled: &'a BTreeMap<String, Entry>,
}

/// Checks the enabled services and the resources of `root`.
pub(super) fn consistency(root: &Node, services: Services<'_>, report: &mut Report) {
    let mut pass = Pass { root, services, report };
    let section = Path::Root;
    let section = section.key("services");
    for (name, entry) in services.enabled {
        pass.service(name, entry, &section.key(name));
    }
    pass.secrets();
    pass.cycles();
}

struct Pass<'a> {
    root: &'a Node,
    services: Services<'a>,
    report: &'a mut Report,
}

impl Pass<'_> {
    fn service(&mut self, name: &str, entry: &Entry, path: &Path<'_>) {
        let service = &entry.node;
        if ["build", "provider"].iter().all(|key| service.get(key).is_none())
            && filled(service, "image").is_none()
        {
            let empty = service.get("image");
            let (at, why) =
                empty.map_or((entry.key, ""), |image| (image.span, ": its `image` is empty"));
            let message = format!("the service `{name}` has neither `image` nor `build`{why}");
            self.push(path, Diagnostic::error(at, message));
        }
        self.build(name, service, path);
        self.networks(name, service, path);
        self.health_test(service, path);
        self.dependencies(name, service, path);
        self.mounts(name, service, path);
        self.references(name, service, path);
        self.replicas(name, service, path);
        self.limits(service, path);
        self.watch(service, path);
    }

    fn push(&mut self, path: &Path<'_>, diagnostic: Diagnostic) {
        self.report.push(path, diagnostic);
    }

    fn build(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        let Some(build) = service.get("build") else {
            return;
        };
        if let (Some(file), Some(inline)) =
            (filled(build, "dockerfile"), filled(build, "dockerfile_inline"))
        {
            self.push(
                path,
                Diagnostic::error(
                    inline.span,
                    "`dockerfile` and `dockerfile_inline` exclude each other",
                )
                .context(file.span, "the file is named here"),
            );
        }
        for (context, entry) in
            build.get("additional_contexts").and_then(Node::as_map).into_iter().flatten()
        {
            let Some(target) = entry.node.as_str().and_then(|text| text.strip_prefix("service:"))
            else {
                continue;
            };
            let at = entry.node.span;
            match self.services.enabled.get(target) {
                None if self.report.is_broken("services", target) => {}
                None => {
                    let what = format!("the build context `{context}` of `{name}` is");
                    self.unknown_service(path, at, target, &what);
                }
                Some(other) if other.node.get("build").is_none() => {
                    let message = format!(
                        "the build context `{context}` is the service `{target}`, which has no `build`"
                    );
                    self.push(path, Diagnostic::error(at, message));
                }
                Some(_) => {}
            }
        }
        let platforms: Vec<&str> = build
            .get("platforms")
            .into_iter()
            .flat_map(Node::items)
            .filter_map(Node::as_str)
            .collect();
        if let Some(platform) = filled(service, "platform")
            && let Some(text) = platform.as_str()
            && !platforms.is_empty()
            && !platforms.contains(&text)
        {
            let at = build.get("platforms").map_or(Span::NOWHERE, |node| node.span);
            self.push(
                path,
                Diagnostic::error(
                    platform.span,
                    format!("`{text}` is not among the platforms that are built"),
                )
                .context(at, "these are built"),
            );
        }
    }

    fn networks(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        let networks = service.get("networks").and_then(Node::as_map);
        if let Some(mode) = filled(service, "network_mode")
            && let Some(first) = networks.and_then(|networks| networks.values().next())
        {
            self.push(
                path,
                Diagnostic::error(mode.span, "`network_mode` and `networks` exclude each other")
                    .context(first.key, "a network is joined here"),
            );
        }
        for (network, entry) in networks.into_iter().flatten() {
            self.reference(path, name, "network", "networks", network, entry.key);
        }
    }

    /// A resource that the top level must declare.
    fn reference(
        &mut self,
        path: &Path<'_>,
        service: &str,
        what: &str,
        section: &str,
        name: &str,
        at: Span,
    ) {
        let declared = self.root.get(section).and_then(Node::as_map);
        if declared.is_some_and(|map| map.contains_key(name))
            || self.report.is_broken(section, name)
        {
            return;
        }
        let near = nearest(name, declared.into_iter().flatten().map(|(name, _)| name.as_str()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it at the top level: `{section}: {{{name}: }}`"),
        };
        let message =
            format!("the service `{service}` uses the {what} `{name}`, which is not declared");
        self.push(path, Diagnostic::error(at, message).help(help));
    }

    fn health_test(&mut self, service: &Node, path: &Path<'_>) {
        let Some(test) = service.at(["healthcheck", "test"]) else {
            return;
        };
        if let Some(first) = test.items().next()
            && !matches!(first.as_str(), Some("CMD" | "CMD-SHELL" | "NONE"))
        {
            self.push(
                path,
                Diagnostic::error(
                    first.span,
                    "a health test as a list begins with `CMD`, `CMD-SHELL` or `NONE`",
                )
                .help("write `CMD` before the words of a command"),
            );
        }
    }

    fn dependencies(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        for (target, entry) in
            service.get("depends_on").and_then(Node::as_map).into_iter().flatten()
        {
            if self.services.enabled.contains_key(target)
                || self.report.is_broken("services", target)
            {
                continue;
            }
            let required = entry.node.get("required").and_then(Node::as_bool) != Some(false);
            if self.services.disabled.contains_key(target) && !required {
                continue;
            }
            let what = format!("the service `{name}` depends on");
            self.unknown_service(path, entry.key, target, &what);
        }
    }

    /// A service that is off or that nobody declares; `what` says who wants it.
    fn unknown_service(&mut self, path: &Path<'_>, at: Span, target: &str, what: &str) {
        if let Some(disabled) = self.services.disabled.get(target) {
            let profiles: Vec<&str> = disabled
                .node
                .get("profiles")
                .into_iter()
                .flat_map(Node::items)
                .filter_map(Node::as_str)
                .collect();
            let flag = profiles.first().unwrap_or(&"*");
            self.push(
                path,
                Diagnostic::error(at, format!("{what} `{target}`, which is off"))
                    .context(disabled.key, format!("its profiles are {}", quoted(&profiles)))
                    .help(format!(
                        "pass `--profile {flag}`, or make the dependency `required: false`"
                    )),
            );
            return;
        }
        let names = self.services.enabled.keys().chain(self.services.disabled.keys());
        let near = nearest(target, names.map(String::as_str));
        self.push(
            path,
            Diagnostic::error(
                at,
                format!("{what} `{target}`, which is no service of this project"),
            )
            .help_opt(near.map(|near| format!("did you mean `{near}`?"))),
        );
    }

    fn mounts(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        let mut targets: BTreeMap<&str, Span> = BTreeMap::new();
        let mut twice: Vec<(Span, Span, String)> = Vec::new();
        for item in service.get("tmpfs").into_iter().flat_map(Node::items) {
            let text = item.as_str().unwrap_or("");
            let target = text.split_once(':').map_or(text, |(target, _)| target);
            if let Some(first) = targets.insert(target, item.span) {
                twice.push((item.span, first, target.to_owned()));
            }
        }
        for mount in service.get("volumes").into_iter().flat_map(Node::items) {
            let target = mount.str_of("target").unwrap_or("");
            if let Some(first) = targets.insert(target, mount.span) {
                twice.push((mount.span, first, target.to_owned()));
            }
            if mount.str_of("type") == Some("volume")
                && let Some(source) = filled(mount, "source")
                && let Some(volume) = source.as_str()
            {
                self.reference(path, name, "volume", "volumes", volume, source.span);
            }
        }
        for (at, first, target) in twice {
            self.push(
                path,
                Diagnostic::error(at, format!("something is mounted on `{target}` already"))
                    .context(first, "mounted here"),
            );
        }
    }

    fn references(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        let sources = [
            (service.get("configs"), "config", "configs"),
            (service.get("secrets"), "secret", "secrets"),
            (service.at(["build", "secrets"]), "build secret", "secrets"),
        ];
        for (list, what, section) in sources {
            for item in list.into_iter().flat_map(Node::items) {
                let at = item.get("source").map_or(item.span, |source| source.span);
                let source = item.str_of("source").unwrap_or("");
                self.reference(path, name, what, section, source, at);
            }
        }
        for (model, entry) in service.get("models").and_then(Node::as_map).into_iter().flatten() {
            self.reference(path, name, "model", "models", model, entry.key);
        }
    }

    fn replicas(&mut self, name: &str, service: &Node, path: &Path<'_>) {
        let scale = service.get("scale");
        let replicas = service.at(["deploy", "replicas"]);
        if let (Some(scale), Some(replicas)) = (scale, replicas)
            && scale != replicas
        {
            self.push(
                path,
                Diagnostic::error(scale.span, "`scale` and `deploy.replicas` differ")
                    .context(replicas.span, "the replicas stand here"),
            );
        }
        for count in [scale, replicas].into_iter().flatten() {
            if count.as_int().is_some_and(|count| count < 0) {
                let message = "the number of containers cannot be below 0";
                self.push(path, Diagnostic::error(count.span, message));
            }
        }
        if let Some(count) = scale.or(replicas)
            && count.as_int().is_some_and(|count| count > 1)
            && let Some(container) = filled(service, "container_name")
        {
            self.push(
                path,
                Diagnostic::error(
                    container.span,
                    format!(
                        "`{name}` has several containers, so they cannot have one `container_name`"
                    ),
                )
                .context(count.span, "several containers"),
            );
        }
    }

    /// Limits that the service and its `deploy` section may state only the same.
    fn limits(&mut self, service: &Node, path: &Path<'_>) {
        for (key, section, twin) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            let Some(own) = service.get(key).filter(|own| !is_zero(own)) else {
                continue;
            };
            let Some(block) = service.at(["deploy", "resources", section]) else {
                continue;
            };
            let other = block.get(twin);
            if other.is_some_and(|other| other == own) {
                continue;
            }
            let at = other.map_or(block.span, |other| other.span);
            self.push(
                path,
                Diagnostic::error(
                    own.span,
                    format!("`{key}` and `deploy.resources.{section}.{twin}` differ"),
                )
                .context(at, "the other stands here")
                .help("keep one of them"),
            );
        }
    }

    fn watch(&mut self, service: &Node, path: &Path<'_>) {
        for trigger in service.at(["develop", "watch"]).into_iter().flat_map(Node::items) {
            let action = trigger.str_of("action").unwrap_or("");
            let syncs = Action::of_word(action).is_some_and(Action::syncs);
            if syncs && filled(trigger, "target").is_none() {
                let at = trigger.get("action").map_or(trigger.span, |action| action.span);
                self.push(
                    path,
                    Diagnostic::error(at, format!("the action `{action}` needs a `target`")),
                );
            }
        }
    }

    fn secrets(&mut self) {
        let root = Path::Root;
        let section = root.key("secrets");
        for (name, entry) in self.root.get("secrets").and_then(Node::as_map).into_iter().flatten() {
            let secret = &entry.node;
            let external = secret.get("external").and_then(Node::as_bool) == Some(true);
            if !external
                && filled(secret, "file").is_none()
                && filled(secret, "environment").is_none()
            {
                let message = format!("the secret `{name}` must have a `file` or an `environment`");
                self.push(&section.key(name), Diagnostic::error(entry.key, message));
            }
        }
    }

    fn cycles(&mut self) {
        let services =
            self.services.enabled.iter().map(|(name, entry)| (name.as_str(), &entry.node));
        let graph = Graph::of_services(services, Reason::Start);
        for cycle in graph.cycles() {
            let mut names: Vec<&str> = cycle.iter().map(|(name, _)| *name).collect();
            let shown = cycle.len().min(LONGEST_CYCLE);
            let more = format!("{} more", cycle.len() - shown);
            if shown < cycle.len() {
                names.truncate(shown);
                names.push(&more);
            }
            let Some(((first, at), rest)) = cycle.split_first() else {
                continue;
            };
            let message =
                format!("services depend on each other: {} -> {first}", names.join(" -> "));
            let mut diagnostic = Diagnostic::error(*at, message);
            for (name, at) in rest.iter().take(shown - 1) {
                diagnostic = diagnostic.context(*at, format!("`{name}` depends on the next"));
            }
            self.report.push(&Path::Root, diagnostic);
        }
    }
}

/// A cycle is shown up to this many services.
const LONGEST_CYCLE: usize = 12;

/// The value of `key` unless it is empty.
fn filled<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn is_zero(node: &Node) -> bool {
    match &node.value {
        crate::yaml::Value::Int(value) => *value == 0,
        crate::yaml::Value::Float(value) => *value == 0.0,
        crate::yaml::Value::Text(text) => text == "0",
        _ => false,
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Names of containers that two services would share.
pub(super) fn container_names(enabled: &BTreeMap<String, Entry>, report: &mut Report) {
    let root = Path::Root;
    let section = root.key("services");
    let mut seen: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for (name, entry) in enabled {
        let Some(node) = filled(&entry.node, "container_name") else {
            continue;
        };
        let Some(container) = node.as_str() else {
            continue;
        };
        if let Some((other, first)) = seen.insert(container, (name, node.span)) {
            report.push(
                &section.key(name),
                Diagnostic::error(
                    node.span,
                    format!("the container name `{container}` is taken by `{other}`"),
                )
                .context(first, "taken here"),
            );
        }
    }
}

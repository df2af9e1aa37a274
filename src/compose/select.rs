//! Profiles, the services asked for, and what is left once the others are gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::graph::{Reason, edges};
use crate::compose::loader::Loader;
use crate::compose::model::Model;
use crate::compose::report::Path;
use crate::compose::validate::{self, Services};
use crate::compose::{EnvFiles, Project};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::yaml::{Entry, Node, Value};

type Entries = BTreeMap<String, Entry>;

/// `scale` is also the number of replicas of `deploy`; they do not differ once they are checked.
fn agree_on_replicas(service: &mut Node) {
    if let Some(scale) = service.get("scale").cloned()
        && let Some(deploy) = service.get_mut("deploy")
        && deploy.get("replicas").is_none()
    {
        deploy.set("replicas", scale.span, scale);
    }
}

impl Loader<'_> {
    /// Narrows a canonical tree to what is to run, checking it on the way.
    pub(super) fn select(
        &mut self,
        mut root: Node,
        project: Project,
        names: &[String],
    ) -> Option<Model> {
        let mut all = Entries::new();
        if let Some(Value::Map(map)) = root.remove("services").map(|services| services.node.value) {
            all.extend(*map);
        }
        let mut profiles = project.profiles;
        let (mut services, mut disabled) = by_profile(all, &profiles);
        if self.steps.consistency {
            let sides = Services { enabled: &services, disabled: &disabled };
            validate::consistency(&root, sides, &mut self.report);
            for entry in services.values_mut() {
                agree_on_replicas(&mut entry.node);
            }
        }
        if self.steps.env_files == EnvFiles::Enabled {
            self.read_all_env_files(&mut services, &project.env);
        }
        for (name, entry) in &mut services {
            self.read_label_files(name, &mut entry.node);
        }
        if !names.is_empty() {
            // Naming a service turns its profiles on, for all services.
            for name in names {
                if let Some(entry) = disabled.get(name) {
                    profiles.extend(profiles_of(&entry.node).map(str::to_owned));
                }
            }
            services.append(&mut disabled);
            (services, disabled) = by_profile(services, &profiles);
            self.narrow(names, &mut services, &mut disabled)?;
        }
        if self.steps.env_files == EnvFiles::Selected {
            self.read_all_env_files(&mut services, &project.env);
        }
        if !self.steps.all_resources {
            prune(&mut root, &services, &disabled);
        }
        if self.steps.consistency {
            validate::container_names(&services, &mut self.report);
        }
        Some(Model {
            name: project.name,
            folder: project.folder,
            files: project.files,
            env_files: project.env_files,
            env: project.env,
            profiles,
            services,
            disabled,
            rest: root,
        })
    }

    fn read_all_env_files(&mut self, services: &mut Entries, env: &BTreeMap<String, String>) {
        for (name, entry) in services {
            self.read_env_files(name, &mut entry.node, env);
        }
    }

    /// Keeps the named services and what they depend on; dependencies on others are dropped.
    fn narrow(
        &mut self,
        names: &[String],
        services: &mut Entries,
        disabled: &mut Entries,
    ) -> Option<()> {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut wanted: Vec<(String, Option<Span>)> =
            names.iter().rev().map(|name| (name.clone(), None)).collect();
        while let Some((name, asked_by)) = wanted.pop() {
            if kept.contains(&name) {
                continue;
            }
            let Some(entry) = services.get(&name) else {
                if !self.report.is_broken("services", &name) {
                    self.no_such_service(&name, asked_by, services, disabled);
                }
                return None;
            };
            let dependencies = depends_on(&entry.node).filter(|_| self.steps.dependencies);
            for (target, dependency) in dependencies {
                let required =
                    dependency.node.get("required").and_then(Node::as_bool) != Some(false);
                if required || services.contains_key(target) {
                    wanted.push((target.clone(), Some(dependency.key)));
                }
            }
            kept.insert(name);
        }
        for name in
            services.keys().filter(|name| !kept.contains(*name)).cloned().collect::<Vec<_>>()
        {
            if let Some(entry) = services.remove(&name) {
                disabled.insert(name, entry);
            }
        }
        for entry in services.values_mut() {
            if let Some(map) = entry.node.get_mut("depends_on").and_then(Node::as_map_mut) {
                map.retain(|target, _| kept.contains(target));
            }
        }
        Some(())
    }

    fn no_such_service(
        &mut self,
        name: &str,
        asked_by: Option<Span>,
        services: &Entries,
        disabled: &Entries,
    ) {
        let at = asked_by.unwrap_or(Span::NOWHERE);
        let mut problem = Diagnostic::error(at, format!("no such service: {name}"));
        if let Some(entry) = disabled.get(name) {
            let profiles: Vec<&str> = profiles_of(&entry.node).collect();
            let flag = profiles.first().copied().unwrap_or("*");
            problem = problem.context(entry.key, "this service is off").help(format!(
                "its profiles are `{}`; pass `--profile {flag}`",
                profiles.join("`, `")
            ));
        } else {
            let near = nearest(name, services.keys().chain(disabled.keys()).map(String::as_str));
            problem = problem.help_opt(near.map(|near| format!("did you mean `{near}`?")));
        }
        self.error(&Path::Root, problem);
    }
}

fn depends_on(service: &Node) -> impl Iterator<Item = (&String, &Entry)> {
    service.get("depends_on").and_then(Node::as_map).into_iter().flatten()
}

/// The profiles of a service.
pub fn profiles_of(service: &Node) -> impl Iterator<Item = &str> {
    service.get("profiles").into_iter().flat_map(Node::items).filter_map(Node::as_str)
}

/// Services without profiles, or with an active one, and the others.
fn by_profile(all: Entries, active: &[String]) -> (Entries, Entries) {
    all.into_iter().partition(|(_, entry)| {
        let mut profiles = profiles_of(&entry.node).peekable();
        profiles.peek().is_none()
            || active.iter().any(|name| name == "*")
            || profiles.any(|profile| active.iter().any(|name| name == profile))
    })
}

/// The services of `disabled` that builds of `services` start from, however indirectly.
fn inputs<'a>(services: &'a Entries, disabled: &'a Entries) -> Vec<&'a Node> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut wanted: Vec<&Node> = services.values().map(|entry| &entry.node).collect();
    while let Some(service) = wanted.pop() {
        for (target, _) in edges(service).filter(|(_, edge)| edge.reason == Reason::Build) {
            if let Some(entry) = disabled.get(target).filter(|_| seen.insert(target)) {
                found.push(&entry.node);
                wanted.push(&entry.node);
            }
        }
    }
    found
}

/// Drops the resources that none of `services` uses, nor a build that they need.
fn prune(root: &mut Node, services: &Entries, disabled: &Entries) {
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in inputs(services, disabled) {
        let secrets = service.at(["build", "secrets"]).into_iter().flat_map(Node::items);
        used.entry("secrets").or_default().extend(secrets.filter_map(|it| it.str_of("source")));
    }
    for entry in services.values() {
        let service = &entry.node;
        for section in ["networks", "models"] {
            let names = service.get(section).and_then(Node::as_map).into_iter().flatten();
            used.entry(section).or_default().extend(names.map(|(name, _)| name.as_str()));
        }
        for mount in service.get("volumes").into_iter().flat_map(Node::items) {
            if mount.str_of("type") == Some("volume") {
                used.entry("volumes").or_default().extend(mount.str_of("source"));
            }
        }
        for (list, section) in [
            (service.get("secrets"), "secrets"),
            (service.at(["build", "secrets"]), "secrets"),
            (service.get("configs"), "configs"),
        ] {
            let sources = list.into_iter().flat_map(Node::items);
            used.entry(section).or_default().extend(sources.filter_map(|it| it.str_of("source")));
        }
    }
    for section in ["networks", "volumes", "secrets", "configs", "models"] {
        if let Some(map) = root.get_mut(section).and_then(Node::as_map_mut) {
            let used = used.get(section);
            map.retain(|name, _| used.is_some_and(|used| used.contains(name.as_str())));
        }
    }
}

//! Stopping and removing a project, dependents before what they depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::compose::keys::secrets::inline_files;
use crate::compose::model::Model;
use crate::compose::project::Project;
use crate::diagnostic::Diagnostic;
use crate::event::Subject;
use crate::labels;
use crate::plan::converge::{Ending, remove};
use crate::plan::{Action, Cause, OnFailure, Plan, Step, StepId, Target};
use crate::source::Span;
use crate::spec::{ContainerSpec, Hooks, InlineFile, ProgramCall};
use crate::state::observed::{Container, Observed};
use crate::yaml::Node;

/// What is known of a project that is taken down: from its files, or from labels alone.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Services and what they depend on.
    pub services: BTreeMap<String, Vec<String>>,
    /// Services that are off; their containers are no orphans, and stay.
    pub disabled: BTreeSet<String>,
    /// Keys and names of networks that are the project's own.
    pub networks: BTreeMap<String, String>,
    /// Names of volumes that are the project's own.
    pub volumes: BTreeSet<String>,
    /// What is run in the containers of services, and what is put into them before they start. Labels
    /// do not tell.
    pub hooks: BTreeMap<String, Hooks>,
    pub files: BTreeMap<String, Vec<InlineFile>>,
    /// The containers that prepare the start of services, for those who start them.
    pub pre_start: BTreeMap<String, Vec<ContainerSpec>>,
    /// What providers are called with for this command, by service.
    pub providers: BTreeMap<String, ProgramCall>,
}

impl Known {
    /// What the files say.
    #[must_use]
    pub fn of_model(model: &Model) -> Self {
        let own = |section: &str| {
            let map = model.rest.get(section).and_then(Node::as_map);
            let entries = map.into_iter().flatten();
            entries
                .filter(|(_, entry)| {
                    entry.node.get("external").and_then(Node::as_bool) != Some(true)
                })
                .filter_map(|(key, entry)| {
                    Some((key.clone(), entry.node.str_of("name")?.to_owned()))
                })
                .collect::<BTreeMap<_, _>>()
        };
        let dependencies = |service: &Node| {
            let map = service.get("depends_on").and_then(Node::as_map);
            map.into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        // Whoever stops a project does not care what else is wrong with its files.
        let project = Project::new(model).ok();
        let services = || project.iter().flat_map(|project| &project.services);
        Self {
            providers: BTreeMap::new(),
            pre_start: BTreeMap::new(),
            hooks: services().map(|(name, service)| (name.clone(), service.hooks())).collect(),
            files: services()
                .filter_map(|(name, service)| {
                    let files = inline_files(service, project.as_ref()?, &model.env);
                    Some((name.clone(), files))
                })
                .collect(),
            services: model
                .services
                .iter()
                .map(|(name, entry)| (name.clone(), dependencies(&entry.node)))
                .collect(),
            disabled: model.disabled.keys().cloned().collect(),
            networks: own("networks"),
            volumes: own("volumes").into_values().collect(),
        }
    }

    /// What the labels of a project's containers, networks and volumes say.
    #[must_use]
    pub fn of_labels(project: &str, observed: &Observed) -> Self {
        let is_own = |labels: &BTreeMap<String, String>| {
            labels.get(labels::PROJECT).is_some_and(|owner| owner == project)
        };
        let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for container in observed.containers.iter().filter(|it| !it.one_off) {
            let dependencies = services.entry(container.service.clone()).or_default();
            dependencies.extend(container.depends_on.iter().map(|it| it.service.clone()));
        }
        Self {
            services,
            hooks: BTreeMap::new(),
            files: BTreeMap::new(),
            providers: BTreeMap::new(),
            pre_start: BTreeMap::new(),
            disabled: BTreeSet::new(),
            networks: observed
                .networks
                .iter()
                .filter(|network| is_own(&network.labels))
                .filter_map(|it| Some((it.labels.get(labels::NETWORK)?.clone(), it.name.clone())))
                .collect(),
            volumes: observed
                .volumes
                .iter()
                .filter(|volume| {
                    is_own(&volume.labels) && volume.labels.contains_key(labels::VOLUME)
                })
                .map(|volume| volume.name.clone())
                .collect(),
        }
    }

    /// Takes containers of services that are not known into account.
    pub fn add_orphans(&mut self, observed: &Observed) {
        for container in &observed.containers {
            if !self.disabled.contains(&container.service) {
                self.services.entry(container.service.clone()).or_default();
            }
        }
    }

    /// Plans what the provider of a service does, if it has one.
    fn provider(
        &self,
        plan: &mut Plan,
        service: &str,
        after: &[StepId],
        [begin, end]: [&'static str; 2],
    ) -> Option<StepId> {
        let call = Box::new(self.providers.get(service)?.clone());
        let subject = Subject::Provider(service.to_owned());
        let step = Step::new(subject, Action::Run(call), Cause::Asked)
            .service(service)
            .after_end_of(after.iter().copied())
            .shows(begin, end);
        Some(plan.push(step))
    }

    pub(super) fn hooks(&self, service: &str) -> &Hooks {
        self.hooks.get(service).unwrap_or(const { &Hooks::NONE })
    }

    /// The named services (all if none are) and what they depend on, dependencies first. Labels may
    /// tell of a cycle, which is cut anywhere.
    pub(super) fn with_dependencies(&self, services: &BTreeSet<String>) -> Vec<&str> {
        fn visit<'a>(
            known: &'a Known,
            name: &str,
            seen: &mut BTreeSet<&'a str>,
            done: &mut Vec<&'a str>,
        ) {
            let Some((name, dependencies)) = known.services.get_key_value(name) else {
                return;
            };
            if seen.insert(name) {
                for dependency in dependencies {
                    visit(known, dependency, seen, done);
                }
                done.push(name);
            }
        }
        let mut seen = BTreeSet::new();
        let mut done = Vec::new();
        let wanted = |name: &&String| services.is_empty() || services.contains(*name);
        for name in self.services.keys().filter(wanted) {
            visit(self, name, &mut seen, &mut done);
        }
        done
    }

    /// All services with dependents before their dependencies.
    pub(super) fn dependents_first(&self) -> Vec<&str> {
        let mut services = self.with_dependencies(&BTreeSet::new());
        services.reverse();
        services
    }
}

/// What is removed.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// The services that were named; all if empty.
    pub services: BTreeSet<String>,
    /// Also containers of no service, and all one-offs.
    pub orphans: bool,
    /// Also volumes, and with them data.
    pub volumes: bool,
    /// Images that go as well, by the names they are known by.
    pub images: BTreeSet<String>,
    /// Between stop signal and kill.
    pub grace: Option<Duration>,
    /// All are told to stop at once, without regard to who depends on whom.
    pub at_once: bool,
}

/// Plans the removal of a project.
#[must_use]
pub fn down(project: &str, known: &Known, observed: &Observed, wanted: &Removal) -> Plan {
    let at_once = wanted.at_once;
    let mut plan = Plan { on_failure: OnFailure::GoOn, at_once, ..Plan::default() };
    let selected = |name: &str| wanted.services.is_empty() || wanted.services.contains(name);
    let mut ends: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for service in known.dependents_first().into_iter().filter(|name| selected(name)) {
        let after = ends_of_dependents(known, service, &ends);
        let mut last = Vec::new();
        for container in observed.containers.iter().filter(|it| it.service == service) {
            if container.one_off && !wanted.orphans {
                continue;
            }
            let ending = Ending {
                grace: wanted.grace,
                hooks: known.hooks(service),
                volumes: wanted.volumes,
                at_once: wanted.at_once,
            };
            last.push(remove(&mut plan, container, &ending, Cause::Asked, &after));
        }
        last.extend(known.provider(&mut plan, service, &after, ["Removing", "Removed"]));
        // A service without containers passes on what it would have waited for.
        ends.insert(service, if last.is_empty() { after } else { last });
    }
    if wanted.orphans {
        let is_known =
            |name: &str| known.services.contains_key(name) || known.disabled.contains(name);
        for container in observed.containers.iter().filter(|it| !is_known(&it.service)) {
            let (grace, at_once) = (wanted.grace, wanted.at_once);
            let ending = Ending { grace, hooks: &Hooks::NONE, volumes: false, at_once };
            remove(&mut plan, container, &ending, Cause::Orphan, &[]);
        }
    }
    let left = observed.hooks.iter().filter(|it| selected(&it.service));
    for container in left {
        let (grace, at_once) = (wanted.grace, wanted.at_once);
        let ending = Ending { grace, hooks: &Hooks::NONE, volumes: true, at_once };
        remove(&mut plan, container, &ending, Cause::Asked, &[]);
    }
    resources(project, &mut plan, known, observed, wanted);
    plan
}

/// The last steps of those that depend on a service.
pub(super) fn ends_of_dependents(
    known: &Known,
    service: &str,
    ends: &BTreeMap<&str, Vec<StepId>>,
) -> Vec<StepId> {
    let depends = |dependencies: &Vec<String>| dependencies.iter().any(|it| it == service);
    let dependents = known.services.iter().filter(|(_, dependencies)| depends(dependencies));
    dependents.filter_map(|(name, _)| ends.get(name.as_str())).flatten().copied().collect()
}

/// Plans the removal of networks and volumes, each once its last container is gone.
fn resources(project: &str, plan: &mut Plan, known: &Known, observed: &Observed, wanted: &Removal) {
    let removals: Vec<(StepId, &Container)> = plan
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| match &step.action {
            Action::Remove { container, .. } => {
                let mut all = observed.containers.iter().chain(&observed.hooks);
                let found = all.find(|it| it.id == *container)?;
                Some((StepId(index), found))
            }
            _ => None,
        })
        .collect();
    let users = |uses: &dyn Fn(&Container) -> bool| -> Vec<StepId> {
        removals.iter().filter(|(_, container)| uses(container)).map(|(step, _)| *step).collect()
    };
    for (key, name) in &known.networks {
        let own = observed.networks.iter().filter(|network| {
            let label = |label: &str| network.labels.get(label).map(String::as_str);
            network.name == *name
                && label(labels::PROJECT) == Some(project)
                && label(labels::NETWORK) == Some(key)
        });
        for network in own {
            let after =
                users(&|it| it.networks.iter().any(|it| *it == network.id || *it == network.name));
            let (id, name) = (network.id.clone(), name.clone());
            let action = Action::RemoveNetwork { id, name: name.clone(), replaced: false };
            let step = Step::new(Subject::Network(name.clone()), action, Cause::Asked)
                .after_end_of(after)
                .shows("Removing", "Removed");
            plan.push(step);
        }
    }
    // An engine keeps what a container is made of.
    let all = users(&|_| true);
    for reference in &wanted.images {
        let action = Action::RemoveImage { reference: reference.clone() };
        let step = Step::new(Subject::Image(reference.clone()), action, Cause::Asked)
            .after_end_of(all.iter().copied())
            .shows("Removing", "Removed");
        plan.push(step);
    }
    if !wanted.volumes {
        return;
    }
    for name in &known.volumes {
        let Some(found) = observed.volume(name) else { continue };
        // Data that another project has made is not ours to lose, although the peer takes it along.
        if let Some(owner) = found.labels.get(labels::PROJECT).filter(|owner| *owner != project) {
            let message = format!("volume `{name}` belongs to the project `{owner}`; it is kept");
            let warning = Diagnostic::warning(Span::NOWHERE, message)
                .help(format!("remove it with `rcompose -p {owner} down --volumes`"));
            plan.warnings.push(warning);
            continue;
        }
        let after = users(&|it| it.mounts.iter().any(|mount| mount.volume.as_ref() == Some(name)));
        let action = Action::RemoveVolume { name: name.clone(), replaced: false };
        let step = Step::new(Subject::Volume(name.clone()), action, Cause::Asked)
            .after_end_of(after)
            .shows("Removing", "Removed");
        plan.push(step);
    }
}

/// Plans the stop of services, dependents first. Containers stay.
#[must_use]
pub fn stop(
    known: &Known,
    observed: &Observed,
    services: &BTreeSet<String>,
    grace: Option<Duration>,
) -> Plan {
    let mut plan = Plan { on_failure: OnFailure::GoOn, ..Plan::default() };
    let mut ends: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for service in known.dependents_first() {
        if !services.is_empty() && !services.contains(service) {
            continue;
        }
        let after = ends_of_dependents(known, service, &ends);
        let mut last = Vec::new();
        for container in observed.replicas(service).into_iter().filter(|it| it.state.is_up()) {
            let action = Action::Stop { container: Target::Existing(container.id.clone()), grace };
            let step = Step::new(Subject::Container(container.name.clone()), action, Cause::Asked)
                .service(service)
                .after_end_of(after.iter().copied())
                .shows("Stopping", "Stopped");
            last.push(plan.push_stop(step, known.hooks(service), container).step);
        }
        last.extend(known.provider(&mut plan, service, &after, ["Stopping", "Stopped"]));
        ends.insert(service, if last.is_empty() { after } else { last });
    }
    plan
}

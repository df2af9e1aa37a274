//! The containers of a service: which are kept, replaced, made and removed.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::event::Subject;
use crate::labels;
use crate::plan::converge::{Planned, Planner, Recreate};
use crate::plan::{Action, Cause, Need, Step, StepId, Target};
use crate::spec::ContainerSpec;
use crate::state::desired::{DesiredService, set_label};
use crate::state::observed::{Container, Image, State};

impl<'a> Planner<'a> {
    /// Plans the containers of a service up to the point where they can start.
    pub(super) fn service(&mut self, service: &'a DesiredService) {
        let mut all = self.observed.replicas(&service.name);
        all.retain(|container| !self.gone.contains_key(container.id.as_str()));
        let (mut replicas, leftovers) = split_leftovers(service, all);
        let mut unfinished = BTreeMap::new();
        // The removals of what replacements that were broken off had not removed yet, by number.
        let mut replaced = BTreeMap::new();
        for container in leftovers {
            let number = container.number.unwrap_or_default();
            let old = replicas.iter().position(|it| it.number == Some(number));
            // A replacement that is still as it should be is completed: what it replaces may be on its
            // way down already.
            let is_wanted = old.is_none() || self.diverged(service, container).is_none();
            if !is_wanted || unfinished.contains_key(&number) {
                self.remove(container, Some(service), Cause::Unfinished);
                continue;
            }
            if let Some(old) = old {
                let removal = self.remove(replicas.remove(old), Some(service), Cause::Unfinished);
                replaced.insert(number, removal);
            }
            unfinished.insert(number, container);
        }
        let mut candidates: Vec<(Option<Cause>, u32, &Container)> = replicas
            .into_iter()
            .chain(unfinished.values().copied())
            .map(|it| (self.diverged(service, it), it.number.unwrap_or_default(), it))
            .collect();
        // Of too many, those go first that would be replaced anyway, then the newest.
        candidates.sort_by_key(|(cause, number, _)| (cause.is_some(), *number));
        let highest = candidates.iter().map(|(_, number, _)| *number).max().unwrap_or(0);
        let wanted = service.replicas as usize;
        let surplus = candidates.split_off(wanted.min(candidates.len()));
        for (_, _, container) in surplus {
            self.remove(container, Some(service), Cause::TooMany);
        }
        candidates.sort_by_key(|(_, number, _)| *number);
        let existing = candidates.len();
        let mut planned = Vec::with_capacity(wanted);
        for (cause, number, container) in candidates {
            planned.push(match cause {
                Some(cause) => self.replace(service, container, number, cause),
                None => self.keep(service, container, number, replaced.get(&number).copied()),
            });
        }
        for offset in 1..=u32::try_from(wanted - existing).unwrap_or(u32::MAX) {
            planned.push(self.create(service, highest + offset));
        }
        self.services.insert(&service.name, planned);
    }

    /// Why a container must be replaced, if it must.
    fn diverged(&self, service: &DesiredService, container: &Container) -> Option<Cause> {
        let targeted = self.options.targeted.as_ref().is_none_or(|it| it.contains(&service.name));
        let policy =
            if targeted { self.options.recreate } else { self.options.recreate_dependencies };
        match policy {
            Recreate::Never => return None,
            Recreate::Always => return Some(Cause::Asked),
            Recreate::Diverged => {}
        }
        for parent in service.template.parents() {
            if let Some(Target::Made(_)) = self.first_container(parent) {
                return Some(Cause::Parent(parent.to_owned()));
            }
        }
        let hash = service.hash.resolve(&|parent| match self.first_container(parent) {
            Some(Target::Existing(id)) => Some(id),
            _ => None,
        });
        if hash != container.config_hash {
            return Some(Cause::Diverged);
        }
        if self.observed.image(&service.image).is_some_and(|image| image.id != container.image) {
            return Some(Cause::NewImage);
        }
        // A network that is not there any more is none to start on; engines refuse to.
        let lost = service.networks.iter().find(|name| {
            let name = name.as_str();
            self.networks.contains_key(name) && !self.remade.contains(name)
        });
        if let Some(name) = lost.filter(|_| !self.joins_at_start(service, container)) {
            return Some(Cause::Network(name.clone()));
        }
        if container.state == State::Running {
            let missing = service.networks.iter().find(|name| {
                let id = self.observed.network(name).map(|network| &network.id);
                !container.networks.iter().any(|it| it == *name || Some(it) == id)
            });
            if let Some(name) = missing {
                return Some(Cause::Network(name.clone()));
            }
        }
        let mounted = |name: &&String| {
            container.mounts.iter().any(|mount| mount.volume.as_ref() == Some(*name))
        };
        let missing = service.volumes.iter().find(|name| !mounted(name))?;
        Some(Cause::Volume(missing.clone()))
    }

    /// Whether a container was made before its networks, which the engine looks for by their names when it
    /// starts it. Another run may be about to make them, and to start it.
    fn joins_at_start(&self, service: &DesiredService, container: &Container) -> bool {
        let is_on_none = || container.networks.iter().all(|it| service.networks.contains(it));
        self.options.networks_at_start && container.state == State::Created && is_on_none()
    }

    /// The container that stands for a service when others share something with it.
    pub(super) fn first_container(&self, service: &str) -> Option<Target> {
        if let Some(planned) = self.services.get(service) {
            return planned.first().map(|it| it.target.clone());
        }
        // A service that is not part of this run.
        let first = self.observed.replicas(service).into_iter().next()?;
        Some(Target::Existing(first.id.clone()))
    }

    /// Plans for a container that may stay; `replaced` removes the one that has its name.
    fn keep(
        &mut self,
        service: &DesiredService,
        container: &'a Container,
        number: u32,
        replaced: Option<StepId>,
    ) -> Planned {
        let name = service.template.name(number);
        let mut ready = Vec::new();
        let renamed = is_temporary(&container.name, &name);
        if renamed {
            let action = Action::Rename {
                container: Target::Existing(container.id.clone()),
                to: name.clone(),
            };
            let step = Step::new(Subject::Container(name.clone()), action, Cause::Unfinished)
                .service(&service.name)
                .after(replaced)
                .shows("Recreate", "Recreated");
            ready.push(self.plan.push(step));
        }
        ready.extend(self.rejoin(service, container, number));
        if self.joins_at_start(service, container) {
            ready.extend(service.networks.iter().filter_map(|it| self.networks.get(it.as_str())));
        }
        // Others keep the name they have, whichever tool or rule gave it.
        let name = if renamed { name } else { container.name.clone() };
        let start = match (self.stopped.get(container.id.as_str()), container.state) {
            (Some((stop, cause)), _) => {
                ready.push(*stop);
                Some(cause.clone())
            }
            (None, State::Running | State::Restarting) => {
                self.plan.running.push(Subject::Container(name.clone()));
                None
            }
            (None, _) => Some(Cause::NotRunning),
        };
        let target = Target::Existing(container.id.clone());
        Planned { name, target, ready, start, started: None }
    }

    fn create(&mut self, service: &DesiredService, number: u32) -> Planned {
        let mut spec = self.spec(service, number);
        let name = spec.name.clone();
        // What goes with a volume of its own leaves its name, and its anonymous volumes, to the next.
        let gone: Vec<(&Container, StepId)> = self
            .observed
            .replicas(&service.name)
            .into_iter()
            .filter_map(|old| Some((old, *self.gone.get(old.id.as_str())?)))
            .collect();
        let old = gone.iter().find(|(old, _)| old.number == Some(number));
        if let Some((old, _)) = old.filter(|_| !self.options.renew_volumes) {
            inherit_volumes(&mut spec, old, self.observed.image(&service.image));
        }
        let made = self.push_create(service, spec, &name, Cause::Missing);
        let after = gone.into_iter().map(|(_, removal)| (removal, Need::Success));
        self.plan.steps[made.0].after.extend(after);
        let step = &mut self.plan.steps[made.0];
        step.shows.begin = Some("Creating");
        step.shows.end = Some("Created");
        let mut ready = vec![made];
        if self.options.networks_at_start && !self.options.no_start {
            // The engine makes networks one after the other; meanwhile it makes containers.
            let new = |name: &&str| !self.remade.contains(*name);
            let names = service.networks.iter().map(String::as_str).filter(new);
            let networks: Vec<StepId> =
                names.filter_map(|name| self.networks.get(name)).copied().collect();
            step.after.retain(|(before, _)| !networks.contains(before));
            ready.extend(networks);
        }
        Planned {
            name,
            target: Target::Made(made),
            ready,
            start: Some(Cause::Missing),
            started: None,
        }
    }

    /// Plans the replacement of `old`: the new container exists before the old one goes.
    fn replace(
        &mut self,
        service: &'a DesiredService,
        old: &Container,
        number: u32,
        cause: Cause,
    ) -> Planned {
        let mut spec = self.spec(service, number);
        let name = spec.name.clone();
        spec.name = temporary_name(&old.id, &name);
        set_label(&mut spec, labels::REPLACE, &service.template.replaced_name(number));
        if !self.options.renew_volumes {
            inherit_volumes(&mut spec, old, self.observed.image(&service.image));
        }
        let before_stop = self.stop_dependents(service);
        let made = self.push_create(service, spec, &name, cause.clone());
        self.plan.steps[made.0].shows.begin = Some("Recreate");
        let subject = Subject::Container(name.clone());
        let part = |action| {
            Step::new(subject.clone(), action, Cause::ReplacedBy(made))
                .service(&service.name)
                .completes()
        };
        let sharers = self.remove_sharers(old, Some(made));
        let mut last = made;
        let stopped = self.stopped.get(old.id.as_str()).map(|(stop, _)| *stop);
        if old.state.is_up() && stopped.is_none() {
            let container = Target::Existing(old.id.clone());
            let grace = self.options.grace.or(service.template.grace());
            let stop = part(Action::Stop { container, grace })
                .after([made])
                .after(sharers.iter().copied())
                .after_end_of(before_stop);
            last = self.plan.push_stop(stop, service.template.hooks(), old).step;
        }
        let remove = Action::Remove { container: old.id.clone(), volumes: false };
        last = self.plan.push(part(remove).after([last]).after(stopped).after(sharers));
        let rename = Action::Rename { container: Target::Made(made), to: name.clone() };
        last = self.plan.push(part(rename).after([last]).ends("Recreated"));
        Planned {
            name,
            target: Target::Made(made),
            ready: vec![last],
            start: Some(cause),
            started: None,
        }
    }

    /// The container with this number, but for what is known only when its parents exist.
    fn spec(&self, service: &DesiredService, number: u32) -> ContainerSpec {
        let mut spec = service.template.container(number);
        if let Some(image) = self.observed.image(&service.image) {
            set_label(&mut spec, labels::IMAGE, &image.id);
        }
        spec
    }

    fn push_create(
        &mut self,
        service: &DesiredService,
        spec: ContainerSpec,
        name: &str,
        cause: Cause,
    ) -> StepId {
        let mut after: Vec<StepId> = Vec::new();
        after.extend(service.networks.iter().filter_map(|it| self.networks.get(it.as_str())));
        after.extend(service.volumes.iter().filter_map(|it| self.volumes.get(it.as_str())));
        let mut parents = BTreeMap::new();
        for parent in service.template.parents() {
            if let Some(target) = self.first_container(parent) {
                if let Target::Made(step) = target {
                    after.push(step);
                }
                parents.insert(parent.to_owned(), target);
            } else {
                let message = format!(
                    "`{}` shares something with a container of `{parent}`, which has none",
                    service.name
                );
                self.problems.push(Diagnostic::error(service.span, message));
            }
        }
        after.sort_unstable();
        after.dedup();
        let action = Action::Create {
            spec: Box::new(spec),
            hash: Some(Box::new(service.hash.clone())),
            parents,
        };
        let subject = Subject::Container(name.to_owned());
        self.plan.push(Step::new(subject, action, cause).service(&service.name).after(after))
    }
}

/// The name that a container has until the one it replaces is gone (the peer's, `cli.md` §3.1).
fn temporary_name(old: &str, name: &str) -> String {
    format!("{}_{name}", old.get(..12).unwrap_or(old))
}

/// Whether `name` is a temporary name for `last`.
fn is_temporary(name: &str, last: &str) -> bool {
    name.strip_suffix(last)
        .and_then(|rest| rest.strip_suffix('_'))
        .is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Sets apart the containers of replacements that were broken off.
fn split_leftovers<'a>(
    service: &DesiredService,
    replicas: Vec<&'a Container>,
) -> (Vec<&'a Container>, Vec<&'a Container>) {
    replicas.into_iter().partition(|container| {
        let number = container.number.unwrap_or_default();
        !is_temporary(&container.name, &service.template.name(number))
    })
}

/// Carries over the anonymous volumes of the container that is replaced: those the service wants,
/// and those its image wants.
fn inherit_volumes(spec: &mut ContainerSpec, old: &Container, image: Option<&Image>) {
    for mount in &old.mounts {
        let Some(volume) = &mount.volume else {
            continue;
        };
        let target = &mount.target;
        let by_image = image.is_some_and(|image| image.volumes.contains(target));
        if spec.has_anonymous_volume(target) || (by_image && !spec.mounts_at(target)) {
            spec.inherit_volume(target, volume, mount.read_only);
        }
    }
}

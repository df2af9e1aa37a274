//! Containers as they are, told to start, restart, pause, end or go: nothing is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::Subject;
use crate::labels::Dependency;
use crate::plan::pre_start::Preparation;
use crate::plan::teardown::{Known, ends_of_dependents};
use crate::plan::{Action, Cause, Need, OnFailure, Plan, Step, StepId, Target};
use crate::spec::ContainerSpec;
use crate::state::observed::{Container, Observed};

/// What is restarted, and how.
#[derive(Debug, Clone, Default)]
pub struct Restart {
    /// The services that were named; all if empty.
    pub services: BTreeSet<String>,
    /// Leave alone the services that restart with those.
    pub no_dependents: bool,
    /// Between stop signal and kill.
    pub grace: Option<Duration>,
}

/// Plans the start of containers that do not run, and of those that they depend on, in the order and on
/// the conditions that their labels tell. The services without any container are the second result.
#[must_use]
pub fn start<'a>(
    known: &'a Known,
    observed: &'a Observed,
    services: &BTreeSet<String>,
) -> (Plan, Vec<&'a str>) {
    let mut plan = Plan::default();
    let mut done = Done::default();
    let mut empty = Vec::new();
    for service in known.with_dependencies(services) {
        let containers = observed.replicas(service);
        if containers.is_empty() {
            empty.push(service);
        }
        let mut prepared = None;
        if let Some(first) = containers.first()
            && let Some(specs) = known.pre_start.get(service)
            && !containers.iter().any(|it| it.state.is_up())
        {
            let after = done.conditions(&mut plan, first, |_| true);
            prepared = prepare(specs, first, observed, after).plan(&mut plan);
        }
        for container in containers {
            if container.state.is_up() {
                done.add(service, container, None);
                continue;
            }
            let mut after = done.conditions(&mut plan, container, |_| true);
            after.extend(prepared.map(|step| (step, Need::Success)));
            if let Some(files) = known.files.get(service).filter(|files| !files.is_empty()) {
                let (container_id, files) = (existing(container), files.clone());
                let copy = step(container, Action::Copy { container: container_id, files });
                after.push((plan.push(copy), Need::Success));
            }
            let action = Action::Start { container: existing(container) };
            let step = step(container, action).shows("Starting", "Started");
            let started = plan.push_start(Step { after, ..step }, known.hooks(service));
            done.add(service, container, Some(started.last));
        }
    }
    (plan, empty)
}

/// The containers that prepare a service, the first of which is `first`.
fn prepare<'a>(
    specs: &[ContainerSpec],
    first: &'a Container,
    observed: &'a Observed,
    after: Vec<(StepId, Need)>,
) -> Preparation<'a> {
    let parents = specs.iter().flat_map(|spec| &spec.joins).filter_map(|join| {
        let parent = observed.replicas(&join.service).first().map(|it| existing(it))?;
        Some((join.service.clone(), parent))
    });
    Preparation {
        service: &first.service,
        containers: specs.to_vec(),
        left: observed.hooks_of(&first.service),
        parents: parents.collect(),
        after,
        cause: Cause::Asked,
        grace: None,
    }
}

/// Plans to wait until containers that were started, and those they depend on, are up; or have done their
/// work, if that is what others wait for.
#[must_use]
pub fn await_started(known: &Known, observed: &Observed, services: &BTreeSet<String>) -> Plan {
    let mut plan = Plan::default();
    for service in known.with_dependencies(services) {
        let mut dependencies = observed.containers.iter().flat_map(|it| &it.depends_on);
        let is_task = dependencies
            .any(|it| it.service == service && it.condition == "service_completed_successfully");
        for container in observed.replicas(service) {
            let (action, end) = if is_task {
                (Action::AwaitCompleted { container: existing(container) }, "Exited")
            } else {
                (Action::AwaitUp { container: existing(container) }, "Healthy")
            };
            plan.push(step(container, action).shows("Waiting", end));
        }
    }
    plan
}

/// Plans the restart of containers, whether they run or not, those first that others restart with.
#[must_use]
pub fn restart(known: &Known, observed: &Observed, wanted: &Restart) -> Plan {
    let mut plan = Plan { on_failure: OnFailure::GoOn, ..Plan::default() };
    let mut services = wanted.services.clone();
    let mut done = Done::default();
    for service in known.with_dependencies(&BTreeSet::new()) {
        let containers = observed.replicas(service);
        let follows = containers.iter().any(|container| {
            let mut dependencies = container.depends_on.iter();
            dependencies.any(|it| it.restart && done.begins(&it.service))
        });
        if follows && !wanted.no_dependents && !services.is_empty() {
            services.insert(service.to_owned());
        }
        if !services.is_empty() && !services.contains(service) {
            continue;
        }
        for container in containers {
            let after = done.conditions(&mut plan, container, |it| it.restart);
            let action = Action::Restart { container: existing(container), grace: wanted.grace };
            let step = step(container, action).shows("Restarting", "Started");
            let step = Step { after, ..step };
            let started = plan.push_restart(step, known.hooks(service), container);
            done.add(service, container, Some(started.last));
        }
    }
    plan
}

/// Plans a signal to all that run, one-offs too.
#[must_use]
pub fn kill(known: &Known, observed: &Observed, services: &BTreeSet<String>, signal: &str) -> Plan {
    let running = selected(known, observed, services).filter(|it| it.state.is_up());
    each(running, |it| {
        let action = Action::Kill { container: existing(it), signal: signal.to_owned() };
        step(it, action).shows("Killing", "Killed")
    })
}

/// Plans to freeze containers. Those that cannot be frozen are an error of the engine.
#[must_use]
pub fn pause(known: &Known, observed: &Observed, services: &BTreeSet<String>) -> Plan {
    let running = replicas(known, observed, services, true);
    each(running, |it| step(it, Action::Pause { container: existing(it) }).ends("Paused"))
}

/// Plans to let frozen containers go on.
#[must_use]
pub fn unpause(known: &Known, observed: &Observed, services: &BTreeSet<String>) -> Plan {
    let running = replicas(known, observed, services, true);
    each(running, |it| step(it, Action::Unpause { container: existing(it) }).ends("Unpaused"))
}

/// Plans the removal of containers that do not run, with their anonymous volumes if `volumes`. Dependents
/// go first, as some engines keep what others share something with.
#[must_use]
pub fn remove_stopped(
    known: &Known,
    observed: &Observed,
    services: &BTreeSet<String>,
    volumes: bool,
) -> Plan {
    let mut plan = Plan { on_failure: OnFailure::GoOn, ..Plan::default() };
    let mut ends: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for service in known.dependents_first() {
        let after = ends_of_dependents(known, service, &ends);
        let mut last = Vec::new();
        let stopped = replicas(known, observed, services, false);
        for container in stopped.filter(|it| it.service == service) {
            let action = Action::Remove { container: container.id.clone(), volumes };
            let remove = step(container, action).after_end_of(after.iter().copied());
            last.push(plan.push(remove.shows("Removing", "Removed")));
        }
        ends.insert(service, if last.is_empty() { after } else { last });
    }
    plan
}

/// One step for each container; none waits for another.
fn each<'a>(
    containers: impl Iterator<Item = &'a Container>,
    step: impl Fn(&Container) -> Step,
) -> Plan {
    let steps = containers.map(step).collect();
    Plan { steps, on_failure: OnFailure::GoOn, ..Plan::default() }
}

/// The replicas that run, or those that do not.
fn replicas<'a>(
    known: &'a Known,
    observed: &'a Observed,
    services: &'a BTreeSet<String>,
    up: bool,
) -> impl Iterator<Item = &'a Container> {
    let all = selected(known, observed, services);
    all.filter(move |container| container.state.is_up() == up && !container.one_off)
}

fn selected<'a>(
    known: &'a Known,
    observed: &'a Observed,
    services: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a Container> {
    observed.containers.iter().filter(|container| {
        known.services.contains_key(&container.service)
            && (services.is_empty() || services.contains(&container.service))
    })
}

fn existing(container: &Container) -> Target {
    Target::Existing(container.id.clone())
}

fn step(container: &Container, action: Action) -> Step {
    let subject = Subject::Container(container.name.clone());
    Step::new(subject, action, Cause::Asked).service(&container.service)
}

/// What was planned so far: the containers of each service, and the step that starts each.
#[derive(Default)]
struct Done<'a> {
    services: BTreeMap<&'a str, Vec<(&'a Container, Option<StepId>)>>,
    /// Waits that others may share, by the container's ID and whether it is to be healthy.
    waits: BTreeMap<(&'a str, bool), StepId>,
}

impl<'a> Done<'a> {
    fn add(&mut self, service: &'a str, container: &'a Container, start: Option<StepId>) {
        self.services.entry(service).or_default().push((container, start));
    }

    /// Whether a container of the service is told to start.
    fn begins(&self, service: &str) -> bool {
        let containers = self.services.get(service);
        containers.into_iter().flatten().any(|(_, start)| start.is_some())
    }

    /// What must have happened before `container` can start, by its dependencies that count.
    fn conditions(
        &mut self,
        plan: &mut Plan,
        container: &Container,
        counts: impl Fn(&Dependency) -> bool,
    ) -> Vec<(StepId, Need)> {
        let mut after = Vec::new();
        for dependency in container.depends_on.iter().filter(|it| counts(it)) {
            let containers = self.services.get(dependency.service.as_str());
            for (other, start) in containers.into_iter().flatten().copied() {
                let container = existing(other);
                let (action, end) = match dependency.condition.as_str() {
                    "service_healthy" => (Action::AwaitHealthy { container }, "Healthy"),
                    "service_completed_successfully" => {
                        (Action::AwaitCompleted { container }, "Exited")
                    }
                    _ => {
                        after.extend(start.map(|start| (start, Need::Success)));
                        continue;
                    }
                };
                let wait = *self.waits.entry((&other.id, end == "Healthy")).or_insert_with(|| {
                    let wait = step(other, action).shows("Waiting", end).after(start);
                    plan.push(wait)
                });
                after.push((wait, Need::Success));
            }
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::observed::State;

    /// Containers as `SERVICE STATE`, with the services they depend on behind: `DEPENDENCY:CONDITION`,
    /// and `!` at the end if they restart with it.
    fn scene(text: &str) -> (Known, Observed) {
        let mut observed = Observed::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let service = words.next().unwrap();
            let state = State::parse(words.next().unwrap());
            let depends_on = words.map(|word| {
                let (service, condition) = word.split_once(':').unwrap();
                let restart = condition.ends_with('!');
                let condition = condition.trim_end_matches('!').to_owned();
                Dependency { service: service.to_owned(), condition, restart }
            });
            observed.containers.push(Container {
                id: format!("id-{service}"),
                name: format!("p-{service}-1"),
                service: service.to_owned(),
                number: Some(1),
                one_off: false,
                state,
                config_hash: String::new(),
                image: String::new(),
                networks: Vec::new(),
                mounts: Vec::new(),
                ports: Vec::new(),
                depends_on: depends_on.collect(),
            });
        }
        (Known::of_labels("p", &observed), observed)
    }

    fn named(services: &[&str]) -> BTreeSet<String> {
        services.iter().map(|service| (*service).to_owned()).collect()
    }

    #[track_caller]
    fn check(plan: &Plan, want: &[&str]) {
        let got = plan.to_string();
        assert_eq!(got.lines().collect::<Vec<_>>(), want);
    }

    #[test]
    fn starts_bring_what_they_depend_on_in_order() {
        let (known, observed) = scene(
            "web exited db:service_healthy job:service_completed_successfully old:service_started
             db exited
             job running
             old exited
             other exited",
        );
        let (plan, empty) = start(&known, &observed, &named(&["web"]));
        assert!(empty.is_empty());
        check(
            &plan,
            &[
                "1. container p-db-1 start (asked for)",
                "2. container p-old-1 start (asked for)",
                "3. container p-db-1 await healthy (asked for) after [1]",
                "4. container p-job-1 await completed (asked for)",
                "5. container p-web-1 start (asked for) after [3, 4, 2]",
            ],
        );
    }

    #[test]
    fn what_prepares_a_service_comes_before_its_first_start() {
        let spec =
            ContainerSpec { name: "p-web-pre_start-0".to_owned(), ..ContainerSpec::default() };
        let preparing = |text: &str| {
            let (mut known, observed) = scene(text);
            known.pre_start.insert("web".to_owned(), vec![spec.clone()]);
            start(&known, &observed, &BTreeSet::new()).0
        };
        check(
            &preparing("web exited db:service_healthy\ndb running"),
            &[
                "1. container p-db-1 await healthy (asked for)",
                "2. container p-web-pre_start-0 create as p-web-pre_start-0 (asked for) after [1]",
                "3. container p-web-pre_start-0 start (asked for) after [2]",
                "4. container p-web-pre_start-0 await end of hook (asked for) after [3]",
                "5. container p-web-pre_start-0 discard (asked for) after [4]",
                "6. container p-web-1 start (asked for) after [1, 5]",
            ],
        );
        check(&preparing("web running"), &[]);
    }

    #[test]
    fn what_restarts_with_others_follows_them() {
        let (known, observed) = scene(
            "web running db:service_healthy!
             api running db:service_started
             db exited",
        );
        let wanted = Restart { services: named(&["db"]), ..Restart::default() };
        check(
            &restart(&known, &observed, &wanted),
            &[
                "1. container p-db-1 restart (asked for)",
                "2. container p-db-1 await healthy (asked for) after [1]",
                "3. container p-web-1 restart (asked for) after [2]",
            ],
        );
        let wanted = Restart { no_dependents: true, ..wanted };
        check(&restart(&known, &observed, &wanted), &["1. container p-db-1 restart (asked for)"]);
        // Order counts only between those that restart together.
        check(
            &restart(&known, &observed, &Restart::default()),
            &[
                "1. container p-db-1 restart (asked for)",
                "2. container p-api-1 restart (asked for)",
                "3. container p-db-1 await healthy (asked for) after [1]",
                "4. container p-web-1 restart (asked for) after [3]",
            ],
        );
    }

    #[test]
    fn signals_reach_what_runs_and_removals_what_does_not() {
        let (known, observed) = scene("a running\nb exited\nc paused\nd created");
        let all = BTreeSet::new();
        check(
            &kill(&known, &observed, &all, "HUP"),
            &[
                "1. container p-a-1 kill with HUP (asked for)",
                "2. container p-c-1 kill with HUP (asked for)",
            ],
        );
        check(
            &remove_stopped(&known, &observed, &all, false),
            &["1. container p-d-1 remove (asked for)", "2. container p-b-1 remove (asked for)"],
        );
        check(
            &remove_stopped(&known, &observed, &named(&["b"]), true),
            &["1. container p-b-1 remove with anonymous volumes (asked for)"],
        );
        let (shared, stopped) = scene("a exited\nb exited a:service_started!");
        check(
            &remove_stopped(&shared, &stopped, &all, false),
            &[
                "1. container p-b-1 remove (asked for)",
                "2. container p-a-1 remove (asked for) after [1?]",
            ],
        );
        check(&pause(&known, &observed, &named(&["a"])), &["1. container p-a-1 pause (asked for)"]);
        check(
            &unpause(&known, &observed, &named(&["c"])),
            &["1. container p-c-1 unpause (asked for)"],
        );
    }
}

//! Containers that prepare the start of a service.
//!
//! They run one after the other before the first container of the service starts, with its volumes and
//! networks; what has failed stays to be looked at, until the next start.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::Subject;
use crate::plan::converge::{Ending, Planned, Planner, remove};
use crate::plan::{Action, Cause, Need, Plan, Step, StepId, Target};
use crate::spec::{ContainerSpec, Hooks};
use crate::state::desired::DesiredService;
use crate::state::observed::Container;

/// The containers that prepare a service, and what they hang on.
pub(super) struct Preparation<'a> {
    pub(super) service: &'a str,
    pub(super) containers: Vec<ContainerSpec>,
    /// Containers of older hooks that have failed.
    pub(super) left: Vec<&'a Container>,
    /// The containers that they share something with, that of their own service included.
    pub(super) parents: BTreeMap<String, Target>,
    pub(super) after: Vec<(StepId, Need)>,
    pub(super) cause: Cause,
    /// Between stop signal and kill.
    pub(super) grace: Option<Duration>,
}

impl Preparation<'_> {
    /// Plans the containers one after the other; gives the last step.
    pub(super) fn plan(self, plan: &mut Plan) -> Option<StepId> {
        let mut last = None;
        let ending =
            Ending { grace: self.grace, hooks: &Hooks::NONE, volumes: true, at_once: false };
        for old in &self.left {
            let after: Vec<StepId> = last.into_iter().collect();
            last = Some(remove(plan, old, &ending, Cause::Unfinished, &after));
        }
        for (index, spec) in self.containers.iter().enumerate() {
            last = Some(self.container(plan, index, spec, last));
        }
        last
    }

    fn container(
        &self,
        plan: &mut Plan,
        index: usize,
        spec: &ContainerSpec,
        last: Option<StepId>,
    ) -> StepId {
        let subject = Subject::Container(spec.name.clone());
        let step =
            |action| Step::new(subject.clone(), action, self.cause.clone()).service(self.service);
        let files = spec.files.clone();
        let (spec, parents) = (Box::new(spec.clone()), self.parents.clone());
        let mut create =
            step(Action::Create { spec, hash: None, parents }).shows("Creating", "Created");
        create.after.extend_from_slice(&self.after);
        let create = create.after(last);
        let made = plan.push(create);
        let container = Target::Made(made);
        let copied = (!files.is_empty()).then(|| {
            let action = Action::Copy { container: container.clone(), files };
            plan.push(step(action).after([made]))
        });
        let start = step(Action::Start { container: container.clone() });
        let started = plan.push(start.after(copied.or(Some(made))).shows("Starting", "Started"));
        let ends = Action::AwaitHook { container: container.clone(), index };
        let ended = plan.push(step(ends).after([started]).shows("Waiting", "Exited"));
        plan.push(step(Action::Discard { container }).after([ended]))
    }
}

impl Planner<'_> {
    /// Plans the hooks of a service, if none of its containers runs; gives the last step.
    pub(super) fn pre_start(
        &mut self,
        service: &DesiredService,
        planned: &[Planned],
        after: &[(StepId, Need)],
    ) -> Option<StepId> {
        let first = planned.first()?;
        let containers = service.template.all_pre_start();
        if containers.is_empty() || planned.iter().any(|it| it.start.is_none()) {
            return None;
        }
        let parents = service.template.parents();
        let mut parents: BTreeMap<String, Target> = parents
            .filter_map(|parent| Some((parent.to_owned(), self.first_container(parent)?)))
            .collect();
        parents.insert(service.name.clone(), first.target.clone());
        let ready = first.ready.iter().map(|step| (*step, Need::Success));
        let preparation = Preparation {
            service: &service.name,
            containers,
            left: self.observed.hooks_of(&service.name),
            parents,
            after: ready.chain(after.iter().copied()).collect(),
            cause: first.start.clone().unwrap_or(Cause::Asked),
            grace: self.options.grace,
        };
        preparation.plan(&mut self.plan)
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{check, compare, scene};
    use crate::plan::{Known, Removal, down};

    const HOOKS: &str = "
services:
  a:
    image: i
    scale: 2
    pre_start: [{command: one}, {image: k, command: two}]
    depends_on: {db: {condition: service_healthy}}
  db: {image: j}
";

    #[test]
    fn hooks_come_one_after_the_other_before_the_first_start() {
        check(
            HOOKS,
            "networks\ndb-1 running",
            "
            -. container p-db-1 runs
            1. container p-a-1 create as p-a-1 (missing)
            2. container p-a-2 create as p-a-2 (missing)
            3. container p-db-1 await healthy (needed by a)
            4. container p-a-pre_start-0 create as p-a-pre_start-0 (missing) after [1, 3]
            5. container p-a-pre_start-0 start (missing) after [4]
            6. container p-a-pre_start-0 await end of hook (missing) after [5]
            7. container p-a-pre_start-0 discard (missing) after [6]
            8. container p-a-pre_start-1 create as p-a-pre_start-1 (missing) after [1, 3, 7]
            9. container p-a-pre_start-1 start (missing) after [8]
            10. container p-a-pre_start-1 await end of hook (missing) after [9]
            11. container p-a-pre_start-1 discard (missing) after [10]
            12. container p-a-1 start (missing) after [1, 3, 11]
            13. container p-a-2 start (missing) after [2, 3, 11]
            ",
        );
    }

    #[test]
    fn a_service_that_runs_needs_no_preparation() {
        check(
            HOOKS,
            "networks\ndb-1 running\na-1 running\na-2 exited",
            "
            -. container p-db-1 runs
            -. container p-a-1 runs
            1. container p-db-1 await healthy (needed by a)
            2. container p-a-2 start (not running) after [1]
            ",
        );
    }

    #[test]
    fn a_hook_that_was_left_goes_with_the_project() {
        let mut scene = scene("services: {a: {image: i}}", "networks\na-1 exited");
        let mut left = scene.observed.containers[0].clone();
        "p-a-pre_start-0".clone_into(&mut left.name);
        "hook".clone_into(&mut left.id);
        scene.observed.hooks.push(left);
        let known = Known::of_model(&scene.model);
        compare(
            &down("p", &known, &scene.observed, &Removal::default()).to_string(),
            "
            1. container p-a-1 remove (asked for)
            2. container p-a-pre_start-0 remove with anonymous volumes (asked for)
            3. network p_default remove (asked for) after [1?, 2?]
            ",
        );
    }
}

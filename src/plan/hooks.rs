//! Commands around starts and stops, in the containers themselves.

use crate::plan::{Action, Need, Plan, Shows, Step, StepId, Target, Turn};
use crate::spec::{Hook, Hooks};
use crate::state::observed::{Container, State};

/// What became of a step and the hooks around it.
pub(super) struct Pushed {
    /// The last hook before the step.
    pub(super) before: Option<StepId>,
    pub(super) step: StepId,
    /// The last hook behind the step, or the step.
    pub(super) last: StepId,
}

impl Plan {
    /// Adds a step that starts a container, and what is run in it then.
    pub(super) fn push_start(&mut self, step: Step, hooks: &Hooks) -> Pushed {
        self.push_between(step, &[], &hooks.post_start)
    }

    /// Adds a step that stops a container, and what is run in it before that. Nothing can be run in a
    /// container that is paused, or between two starts.
    pub(super) fn push_stop(&mut self, step: Step, hooks: &Hooks, container: &Container) -> Pushed {
        let runs = container.state == State::Running;
        let before: &[Hook] = if runs { &hooks.pre_stop } else { &[] };
        self.push_between(step, before, &[])
    }

    /// Adds a step that stops and starts a container, with the hooks of both.
    pub(super) fn push_restart(
        &mut self,
        step: Step,
        hooks: &Hooks,
        container: &Container,
    ) -> Pushed {
        let runs = container.state == State::Running;
        let before: &[Hook] = if runs { &hooks.pre_stop } else { &[] };
        self.push_between(step, before, &hooks.post_start)
    }

    /// All that the step needs is needed by the first of the hooks before it; what it shows is shown
    /// by the first and the last of all.
    fn push_between(&mut self, mut step: Step, before: &[Hook], behind: &[Hook]) -> Pushed {
        let Some(container) = step.action.target().cloned() else {
            let step = self.push(step);
            return Pushed { before: None, step, last: step };
        };
        let model = step.clone();
        let mut last = None;
        for hook in before {
            let mut command = hook_step(&model, &container, Turn::PreStop, hook);
            if let Some(earlier) = last {
                command.after.push((earlier, Need::Success));
            } else {
                command.after.clone_from(&step.after);
                command.shows.begin = step.shows.begin.take();
            }
            last = Some(self.push(command));
        }
        step.after.extend(last.map(|last| (last, Need::Success)));
        if !behind.is_empty() {
            step.shows.end = None;
        }
        let pushed = self.push(step);
        let mut end = pushed;
        for (index, hook) in behind.iter().enumerate() {
            let mut command = hook_step(&model, &container, Turn::PostStart, hook);
            command.after.push((end, Need::Success));
            if index + 1 == behind.len() {
                command.shows.end = model.shows.end;
            }
            end = self.push(command);
        }
        Pushed { before: last, step: pushed, last: end }
    }
}

/// A hook for the container of `model`, for the same reason.
fn hook_step(model: &Step, container: &Target, turn: Turn, hook: &Hook) -> Step {
    let hook = Box::new(hook.clone());
    Step {
        action: Action::Hook { container: container.clone(), turn, hook },
        after: Vec::new(),
        shows: Shows::default(),
        ..model.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{check, check_with, compare, scene};
    use crate::plan::{Known, Options, Removal, Restart, down, restart, stop};

    const HOOKS: &str = "
services:
  a:
    image: i
    post_start: [{command: one}, {command: two}]
    pre_stop: [{command: three}]
  b: {image: j, depends_on: [a]}
";

    #[test]
    fn a_start_is_over_when_its_hooks_are() {
        check(
            HOOKS,
            "networks",
            "
            1. container p-a-1 create as p-a-1 (missing)
            2. container p-b-1 create as p-b-1 (missing)
            3. container p-a-1 start (missing) after [1]
            4. container p-a-1 run post_start hook one (missing) after [3]
            5. container p-a-1 run post_start hook two (missing) after [4]
            6. container p-b-1 start (missing) after [2, 5]
            ",
        );
    }

    #[test]
    fn what_is_replaced_runs_its_last_hooks() {
        check(
            HOOKS,
            "networks\na-1 running changed\nb-1 running",
            "
            -. container p-b-1 runs
            1. container p-a-1 create as id-of-a-1_p-a-1 (configured differently)
            2. container p-a-1 run pre_stop hook three (replaced by 1) after [1]
            3. container p-a-1 stop (replaced by 1) after [1, 2]
            4. container p-a-1 remove (replaced by 1) after [3]
            5. container p-a-1 rename to p-a-1 (replaced by 1) after [4]
            6. container p-a-1 start (configured differently) after [5]
            7. container p-a-1 run post_start hook one (configured differently) after [6]
            8. container p-a-1 run post_start hook two (configured differently) after [7]
            ",
        );
    }

    #[test]
    fn a_container_that_does_not_run_has_no_last_hooks() {
        let scene = scene(HOOKS, "networks\na-1 paused\nb-1 exited");
        let known = Known::of_model(&scene.model);
        let plan = stop(&known, &scene.observed, &[].into(), None);
        compare(&plan.to_string(), "1. container p-a-1 stop (asked for)");
    }

    #[test]
    fn a_container_whose_last_hook_fails_is_not_removed() {
        let scene = scene(HOOKS, "networks\na-1 running\nb-1 exited");
        let known = Known::of_model(&scene.model);
        let plan = down("p", &known, &scene.observed, &Removal::default());
        compare(
            &plan.to_string(),
            "
            1. container p-b-1 remove (asked for)
            2. container p-a-1 run pre_stop hook three (asked for) after [1?]
            3. container p-a-1 stop (asked for) after [1?, 2]
            4. container p-a-1 remove (asked for) after [3?, 2]
            5. network p_default remove (asked for) after [1?, 4?]
            ",
        );
    }

    #[test]
    fn a_restart_has_the_hooks_of_both_sides() {
        let scene = scene(HOOKS, "networks\na-1 running\nb-1 exited");
        let known = Known::of_model(&scene.model);
        let plan = restart(&known, &scene.observed, &Restart::default());
        compare(
            &plan.to_string(),
            "
            1. container p-a-1 run pre_stop hook three (asked for)
            2. container p-a-1 restart (asked for) after [1]
            3. container p-a-1 run post_start hook one (asked for) after [2]
            4. container p-a-1 run post_start hook two (asked for) after [3]
            5. container p-b-1 restart (asked for)
            ",
        );
    }

    #[test]
    fn a_dependent_that_is_replaced_too_is_stopped_once() {
        check(
            "
services:
  web:
    image: i
    pre_stop: [{command: last}]
    depends_on: {db: {condition: service_started, restart: true}}
  db: {image: j}
",
            "networks\nweb-1 running changed\ndb-1 running changed",
            "
            1. container p-web-1 run pre_stop hook last (restarts with db)
            2. container p-web-1 stop (restarts with db) after [1]
            3. container p-db-1 create as id-of-db-1_p-db-1 (configured differently)
            4. container p-db-1 stop (replaced by 3) after [3, 2?]
            5. container p-db-1 remove (replaced by 3) after [4]
            6. container p-db-1 rename to p-db-1 (replaced by 3) after [5]
            7. container p-web-1 create as id-of-web-1_p-web-1 (configured differently)
            8. container p-web-1 remove (replaced by 7) after [7, 2]
            9. container p-web-1 rename to p-web-1 (replaced by 7) after [8]
            10. container p-db-1 start (configured differently) after [6]
            11. container p-web-1 start (configured differently) after [9, 10]
            ",
        );
    }

    #[test]
    fn files_are_copied_before_each_start_and_not_on_creation() {
        let files = "
services: {a: {image: i, configs: [text], secrets: [{source: key, target: other}]}}
configs: {text: {content: words}}
secrets: {key: {environment: KEY}}
";
        check(
            files,
            "networks\na-1 exited",
            "
            1. container p-a-1 copy /text, /run/secrets/other (not running)
            2. container p-a-1 start (not running) after [1]
            ",
        );
        check_with(
            &Options { no_start: true, ..Options::default() },
            files,
            "networks",
            "1. container p-a-1 create as p-a-1 (missing)",
        );
    }
}

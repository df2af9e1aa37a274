//! Starts, and what each of them waits for.

use crate::compose::keys::depends_on::Condition;
use crate::event::Subject;
use crate::plan::converge::Planner;
use crate::plan::{Action, Cause, Need, Plan, Step, StepId, Target};
use crate::spec::ContainerSpec;
use crate::state::desired::{Dependency, Desired, DesiredService};
use crate::state::observed::Observed;

/// Plans to wait until all containers are up, or have done the work that others wait for.
#[must_use]
pub fn wait(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    for service in &desired.services {
        let is_task = desired.services.iter().any(|other| {
            let waits = |it: &Dependency| {
                it.service == service.name && it.condition == Condition::Completed
            };
            other.dependencies.iter().any(waits)
        });
        for container in observed.replicas(&service.name) {
            let target = Target::Existing(container.id.clone());
            let (action, end) = if is_task {
                (Action::AwaitCompleted { container: target }, "Exited")
            } else {
                (Action::AwaitUp { container: target }, "Healthy")
            };
            let subject = Subject::Container(container.name.clone());
            let step = Step::new(subject, action, Cause::Asked).service(&service.name);
            plan.push(step.shows("Waiting", end));
        }
    }
    plan
}

/// Plans what a one-off container of `service` needs: its dependencies as it wants them, and then its
/// creation.
#[must_use]
pub fn one_off(service: &DesiredService, spec: ContainerSpec, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    let mut after = Vec::new();
    for dependency in &service.dependencies {
        let need = if dependency.required { Need::Success } else { Need::Settled };
        for container in observed.replicas(&dependency.service) {
            let target = Target::Existing(container.id.clone());
            let (action, end) = match dependency.condition {
                Condition::Started => continue,
                Condition::Healthy => (Action::AwaitHealthy { container: target }, "Healthy"),
                Condition::Completed => (Action::AwaitCompleted { container: target }, "Exited"),
            };
            let subject = Subject::Container(container.name.clone());
            let step = Step::new(subject, action, Cause::NeededBy(service.name.clone()))
                .service(&dependency.service)
                .shows("Waiting", end)
                .optional(!dependency.required);
            after.push((plan.push(step), need));
        }
    }
    let parents = service.template.parents().filter_map(|parent| {
        let first = observed.replicas(parent).into_iter().next()?;
        Some((parent.to_owned(), Target::Existing(first.id.clone())))
    });
    let subject = Subject::Container(spec.name.clone());
    let files = spec.files.clone();
    let action = Action::Create {
        parents: parents.collect(),
        spec: Box::new(spec),
        hash: Some(Box::new(service.hash.clone())),
    };
    let step = Step::new(subject.clone(), action, Cause::Asked).service(&service.name);
    let made = plan.push(Step { after, ..step.shows("Creating", "Created") });
    if !files.is_empty() {
        let action = Action::Copy { container: Target::Made(made), files };
        let step = Step::new(subject, action, Cause::Asked).service(&service.name);
        plan.push(step.after([made]));
    }
    plan
}

impl<'a> Planner<'a> {
    /// Stops the containers that restart with `service`, before one of its containers is replaced.
    pub(super) fn stop_dependents(&mut self, service: &'a DesiredService) -> Vec<StepId> {
        let mut stops = Vec::new();
        for dependent in &self.desired.services {
            let restarts = |it: &Dependency| it.restart && it.service == service.name;
            if !dependent.dependencies.iter().any(restarts) {
                continue;
            }
            let grace = self.options.grace.or(dependent.template.grace());
            for container in self.observed.replicas(&dependent.name) {
                if let Some((known, _)) = self.stopped.get(container.id.as_str()) {
                    stops.push(*known);
                    continue;
                }
                if !container.state.is_up() {
                    continue;
                }
                let action =
                    Action::Stop { container: Target::Existing(container.id.clone()), grace };
                let cause = Cause::RestartsWith(service.name.clone());
                let subject = Subject::Container(container.name.clone());
                let stop = Step::new(subject, action, cause.clone())
                    .service(&dependent.name)
                    .shows("Stopping", "Stopped");
                let stop = self.plan.push_stop(stop, dependent.template.hooks(), container).step;
                self.stopped.insert(&container.id, (stop, cause));
                stops.push(stop);
            }
        }
        stops
    }

    /// Plans the starts of a service, each after what it depends on.
    pub(super) fn start(&mut self, service: &'a DesiredService) {
        let Some(planned) = self.services.get(service.name.as_str()).cloned() else {
            return;
        };
        let mut dependencies = Vec::new();
        if planned.iter().any(|it| it.start.is_some()) {
            for dependency in &service.dependencies {
                dependencies.extend(self.dependency(&service.name, dependency));
            }
        }
        if let Some(prepared) = self.pre_start(service, &planned, &dependencies) {
            dependencies.push((prepared, Need::Success));
        }
        let one_by_one = service.template.publishes_ranges();
        let mut previous: Option<StepId> = None;
        for (index, container) in planned.into_iter().enumerate() {
            let subject = Subject::Container(container.name.clone());
            let attach = self.options.attach.contains(&service.name).then(|| {
                let action = Action::Attach {
                    container: container.target.clone(),
                    starts: container.start.is_some(),
                };
                let step = Step::new(subject.clone(), action, Cause::Attached).optional(true);
                let step = step.service(&service.name).after(container.ready.iter().copied());
                self.plan.push(step)
            });
            let Some(cause) = container.start else {
                continue;
            };
            let copied = (!service.template.files().is_empty()).then(|| {
                let files = service.template.files().to_vec();
                let action = Action::Copy { container: container.target.clone(), files };
                let step = Step::new(subject.clone(), action, cause.clone());
                self.plan.push(step.service(&service.name).after(container.ready.iter().copied()))
            });
            let action = Action::Start { container: container.target };
            let mut step = Step::new(subject, action, cause)
                .service(&service.name)
                .shows("Starting", "Started")
                .after(container.ready)
                .after(copied)
                .after_end_of(attach)
                // The engine gives two containers the same port of a range if they start at once.
                .after_end_of(previous.filter(|_| one_by_one));
            step.after.extend(dependencies.iter().copied());
            let started = self.plan.push_start(step, service.template.hooks());
            previous = Some(started.step);
            if let Some(planned) = self.services.get_mut(service.name.as_str()) {
                planned[index].started = Some(started.last);
            }
        }
    }

    /// What `dependent` must wait for.
    fn dependency(&mut self, dependent: &str, dependency: &Dependency) -> Vec<(StepId, Need)> {
        let Some(containers) = self.services.get(dependency.service.as_str()).cloned() else {
            return Vec::new();
        };
        let need = if dependency.required { Need::Success } else { Need::Settled };
        let mut waits = Vec::new();
        for container in containers {
            let wait = match dependency.condition {
                Condition::Started => {
                    waits.extend(container.started.map(|started| (started, Need::Success)));
                    continue;
                }
                Condition::Healthy => Action::AwaitHealthy { container: container.target.clone() },
                Condition::Completed => {
                    Action::AwaitCompleted { container: container.target.clone() }
                }
            };
            let ends = match dependency.condition {
                Condition::Completed => "Exited",
                _ => "Healthy",
            };
            let same = self.plan.steps.iter().position(|step| {
                step.optional != dependency.required
                    && step.subject.name() == container.name
                    && std::mem::discriminant(&step.action) == std::mem::discriminant(&wait)
            });
            let step = same.map_or_else(
                || {
                    let subject = Subject::Container(container.name.clone());
                    let step = Step::new(subject, wait, Cause::NeededBy(dependent.to_owned()))
                        .service(&dependency.service)
                        .shows("Waiting", ends)
                        .after(container.started)
                        .optional(!dependency.required);
                    self.plan.push(step)
                },
                StepId,
            );
            waits.push((step, need));
        }
        waits
    }
}

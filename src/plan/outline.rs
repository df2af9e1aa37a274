//! A plan as people think of it: what happens to each resource, and why.

use std::collections::BTreeMap;

use crate::event::Subject;
use crate::plan::{Action, Cause, Need, Plan, Step, StepId};

/// What happens to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Pull,
    Push,
    Build,
    Create,
    /// A new container takes the place of another one.
    Replace,
    Rename,
    Start,
    Stop,
    Restart,
    Kill,
    Pause,
    Unpause,
    Remove,
    Wait,
    /// Another program does something.
    Run,
}

impl Verb {
    /// The word for people and machines.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Build => "build",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Rename => "rename",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Remove => "remove",
            Self::Wait => "wait",
            Self::Run => "run",
        }
    }

    /// The sign before a line.
    #[must_use]
    pub fn sign(&self) -> char {
        match self {
            Self::Create | Self::Pull | Self::Push | Self::Build => '+',
            Self::Remove => '-',
            Self::Wait => ' ',
            Self::Replace
            | Self::Rename
            | Self::Start
            | Self::Stop
            | Self::Restart
            | Self::Kill
            | Self::Pause
            | Self::Unpause
            | Self::Run => '~',
        }
    }
}

/// What the start of a container waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits<'a> {
    pub container: &'a str,
    /// `started`, `healthy` or `completed`.
    pub condition: &'static str,
    /// Whether it goes on all the same if that does not come true.
    pub optional: bool,
}

/// What happens to one resource.
#[derive(Debug)]
pub struct Entry<'a> {
    pub subject: &'a Subject,
    pub service: Option<&'a str>,
    pub verb: Verb,
    /// Whether a container that is made is also started.
    pub starts: bool,
    pub cause: &'a Cause,
    /// The ID of the container that is replaced.
    pub replaced: Option<&'a str>,
    /// The step that makes it.
    pub made: Option<&'a Step>,
    pub waits: Vec<Waits<'a>>,
}

/// Sums a plan up, in the order in which resources first turn up.
#[must_use]
pub fn outline(plan: &Plan) -> Vec<Entry<'_>> {
    let mut order: Vec<&Subject> = Vec::new();
    let mut steps: BTreeMap<&Subject, Vec<&Step>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| changes(&step.action)) {
        let all = steps.entry(&step.subject).or_insert_with(|| {
            order.push(&step.subject);
            Vec::new()
        });
        all.push(step);
    }
    if order.is_empty() {
        // Only waits are left; they are all there is to say.
        return plan.steps.iter().filter(|step| condition(step).is_some()).map(wait).collect();
    }
    order.into_iter().filter_map(|subject| entry(plan, subject, &steps[subject])).collect()
}

/// Whether a plan makes any change; waits and output are none.
#[must_use]
pub fn has_changes(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| changes(&step.action))
}

fn changes(action: &Action) -> bool {
    !matches!(
        action,
        Action::Attach { .. }
            // They come with starts and stops.
            | Action::Copy { .. }
            | Action::Hook { .. }
            | Action::Connect { .. }
            | Action::Disconnect { .. }
            | Action::AwaitHealthy { .. }
            | Action::AwaitUp { .. }
            | Action::AwaitCompleted { .. }
            | Action::AwaitHook { .. }
            | Action::Discard { .. }
    )
}

fn condition(step: &Step) -> Option<&'static str> {
    match step.action {
        Action::AwaitHealthy { .. } => Some("healthy"),
        Action::AwaitUp { .. } => Some("up"),
        Action::AwaitCompleted { .. } => Some("completed"),
        _ => None,
    }
}

fn wait(step: &Step) -> Entry<'_> {
    Entry {
        subject: &step.subject,
        service: step.service.as_deref(),
        verb: Verb::Wait,
        starts: false,
        cause: &step.cause,
        replaced: None,
        made: None,
        waits: vec![Waits {
            container: step.subject.name(),
            condition: condition(step).unwrap_or("up"),
            optional: step.optional,
        }],
    }
}

fn entry<'a>(plan: &'a Plan, subject: &'a Subject, steps: &[&'a Step]) -> Option<Entry<'a>> {
    let find = |is: fn(&Action) -> bool| steps.iter().copied().find(|step| is(&step.action));
    let made = find(|it| {
        matches!(it, Action::Create { .. } | Action::CreateNetwork(_) | Action::CreateVolume(_))
    });
    let removal = find(|it| {
        matches!(
            it,
            Action::Remove { .. }
                | Action::RemoveNetwork { .. }
                | Action::RemoveVolume { .. }
                | Action::RemoveImage { .. }
        )
    });
    let start = find(|it| matches!(it, Action::Start { .. }));
    let stop = find(|it| matches!(it, Action::Stop { .. }));
    let (verb, main) = match (made, removal, start, stop) {
        (Some(made), Some(_), _, _) => (Verb::Replace, made),
        (Some(made), None, _, _) => (Verb::Create, made),
        (None, Some(removal), _, _) => (Verb::Remove, removal),
        (None, None, Some(start), Some(_)) => (Verb::Restart, start),
        (None, None, Some(start), None) => (Verb::Start, start),
        (None, None, None, Some(stop)) => (Verb::Stop, stop),
        (None, None, None, None) => {
            let only = *steps.first()?;
            (alone(&only.action), only)
        }
    };
    let replaced = removal.filter(|_| made.is_some()).and_then(|step| match &step.action {
        Action::Remove { container, .. } => Some(container.as_str()),
        _ => None,
    });
    Some(Entry {
        subject,
        service: main.service.as_deref(),
        verb,
        starts: made.is_some() && start.is_some(),
        cause: &main.cause,
        replaced,
        made,
        waits: start.map_or(Vec::new(), |start| waits(plan, start)),
    })
}

/// The verb of an action that is all that happens to its resource.
fn alone(action: &Action) -> Verb {
    match action {
        Action::Pull { .. } => Verb::Pull,
        Action::Push { .. } => Verb::Push,
        Action::Build(_) => Verb::Build,
        Action::Run(_) => Verb::Run,
        Action::CreateNetwork(_) | Action::CreateVolume(_) | Action::Create { .. } => Verb::Create,
        Action::Rename { .. } => Verb::Rename,
        Action::Start { .. } => Verb::Start,
        Action::Stop { .. } => Verb::Stop,
        Action::Restart { .. } => Verb::Restart,
        Action::Kill { .. } => Verb::Kill,
        Action::Pause { .. } => Verb::Pause,
        Action::Unpause { .. } => Verb::Unpause,
        Action::Remove { .. }
        | Action::RemoveNetwork { .. }
        | Action::RemoveVolume { .. }
        | Action::RemoveImage { .. } => Verb::Remove,
        Action::Attach { .. }
        | Action::Copy { .. }
        | Action::Hook { .. }
        | Action::Connect { .. }
        | Action::Disconnect { .. }
        | Action::AwaitHealthy { .. }
        | Action::AwaitUp { .. }
        | Action::AwaitCompleted { .. }
        | Action::AwaitHook { .. }
        | Action::Discard { .. } => Verb::Wait,
    }
}

/// What a start waits for besides what happens to its own container.
fn waits<'a>(plan: &'a Plan, start: &'a Step) -> Vec<Waits<'a>> {
    let of = |(id, need): &(StepId, Need)| {
        let step = plan.step(*id);
        let condition = match &step.action {
            Action::Start { .. } | Action::Hook { .. } if step.service != start.service => {
                "started"
            }
            _ => condition(step)?,
        };
        let optional = *need != Need::Success;
        Some(Waits { container: step.subject.name(), condition, optional })
    };
    start.after.iter().filter_map(of).collect()
}

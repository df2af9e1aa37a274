//! What other programs do before containers are planned: services of providers, and models.

use std::collections::BTreeMap;

use crate::event::Subject;
use crate::plan::{Action, Cause, Plan, Step, StepId};
use crate::spec::ProgramCall;

/// A part of the work that is done by another program.
#[derive(Debug, Clone)]
pub struct Work {
    pub subject: Subject,
    pub call: ProgramCall,
    pub begin: &'static str,
    pub end: &'static str,
    /// What must be done before, by the names of subjects.
    pub after: Vec<String>,
}

/// Plans the work of other programs; what is to be done for one subject is done in turn.
#[must_use]
pub fn work(parts: Vec<Work>) -> Plan {
    let mut plan = Plan::default();
    let mut done: BTreeMap<String, StepId> = BTreeMap::new();
    for part in parts {
        let name = part.subject.name().to_owned();
        let before = part.after.iter().chain([&name]).filter_map(|name| done.get(name).copied());
        let before: Vec<StepId> = before.collect();
        let service = matches!(part.subject, Subject::Provider(_)).then(|| name.clone());
        let mut step = Step::new(part.subject, Action::Run(Box::new(part.call)), Cause::Asked)
            .after(before)
            .shows(part.begin, part.end);
        step.service = service;
        done.insert(name, plan.push(step));
    }
    plan
}

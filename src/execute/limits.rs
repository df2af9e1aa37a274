//! How much an engine is asked for at once: more than it can do at a time only makes all of it slower.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use tokio::sync::{Semaphore, oneshot};

use crate::engine::Engine;
use crate::plan::{Action, Plan};

/// Starts and creations at once, on two processors.
const STARTS: usize = 8;
/// Stops at once, on two processors: measured with fifty containers, four or eight of them took a tenth
/// longer, two or sixteen half as long again. A stop that waits for its container counts only for a moment.
const STOPS: usize = 6;
/// Pulls and pushes at once. A registry that is asked for more at once turns some away.
const TRANSFERS: usize = 8;
/// The processors that these are for.
const PROCESSORS: usize = 2;
/// More of an engine are not counted on: its own locks hold it up by then.
const MOST: usize = 16;

/// The turns of starts, stops and transfers.
pub(super) struct Limits {
    pub(super) starts: Turns,
    pub(super) stops: Turns,
    pub(super) transfers: Semaphore,
    /// Whether so much is to be done that the engine's processors matter.
    many: [bool; 2],
}

impl Limits {
    /// As much as two processors can do, which nearly all engines have.
    pub(super) fn new(plan: &Plan) -> Self {
        let count = |counts: fn(&Action) -> bool| {
            plan.steps.iter().filter(|step| counts(&step.action)).count()
        };
        let starts = count(|action| matches!(action, Action::Start { .. }));
        let stops = count(|action| {
            matches!(action, Action::Stop { .. } | Action::Restart { .. } | Action::Remove { .. })
        });
        Self {
            starts: Turns::new(STARTS),
            stops: Turns::new(if plan.at_once { plan.steps.len() } else { STOPS }),
            transfers: Semaphore::new(TRANSFERS),
            many: [starts > STARTS, stops > STOPS && !plan.at_once],
        }
    }

    /// Gives as many turns as the engine's processors are good for. Small plans do not ask.
    pub(super) async fn follow(&self, engine: &Engine) {
        if self.many.contains(&true)
            && let Ok(about) = engine.about().await
            && let Ok(processors @ 1..) = usize::try_from(about.cpus)
        {
            self.adapt(processors);
        }
    }

    fn adapt(&self, processors: usize) {
        let turns = [(&self.starts, STARTS), (&self.stops, STOPS)];
        for ((turns, now), many) in turns.into_iter().zip(self.many) {
            if many {
                turns.resize(now, now * processors.min(MOST) / PROCESSORS);
            }
        }
    }
}

/// Who is first when a turn is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It brings something to its end.
    High,
    /// It only makes more to do.
    Low,
}

/// So many at once, those first that are urgent, else in the order in which they came.
pub(super) struct Turns {
    /// How many more may have one; negative if too many have one for now.
    free: Cell<isize>,
    urgent: RefCell<VecDeque<oneshot::Sender<()>>>,
    others: RefCell<VecDeque<oneshot::Sender<()>>>,
}

/// The right to ask the engine for something, until it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    fn new(most: usize) -> Self {
        Self {
            free: Cell::new(isize::try_from(most).unwrap_or(isize::MAX)),
            urgent: RefCell::default(),
            others: RefCell::default(),
        }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self, urgency: Urgency) -> Turn<'_> {
        if self.free.get() > 0 {
            self.free.set(self.free.get() - 1);
            return Turn(self);
        }
        let (sender, told) = oneshot::channel();
        let queue = if urgency == Urgency::High { &self.urgent } else { &self.others };
        queue.borrow_mut().push_back(sender);
        let mut waiting = Waiting { turns: self, told };
        // The sender is kept until it is used, with a turn that is meant for us.
        let _ = (&mut waiting.told).await;
        Turn(self)
    }

    /// Gives free turns to those who wait.
    fn hand_out(&self) {
        while self.free.get() > 0 {
            let next = self.urgent.borrow_mut().pop_front();
            let Some(next) = next.or_else(|| self.others.borrow_mut().pop_front()) else { return };
            // Who has given up waiting needs none.
            if next.send(()).is_ok() {
                self.free.set(self.free.get() - 1);
            }
        }
    }

    fn resize(&self, before: usize, now: usize) {
        let [before, now] = [before, now].map(|it| isize::try_from(it).unwrap_or(isize::MAX));
        self.free.set(self.free.get() + (now - before));
        self.hand_out();
    }
}

/// Somebody who may give up waiting.
struct Waiting<'a> {
    turns: &'a Turns,
    told: oneshot::Receiver<()>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.told.close();
        // A turn that was given a moment ago goes to the next.
        if self.told.try_recv().is_ok() {
            drop(Turn(self.turns));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.free.set(self.0.free.get() + 1);
        self.0.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_processors() {
        let adapted = |processors, many| {
            let limits = Limits { many, ..Limits::new(&Plan::default()) };
            limits.adapt(processors);
            (limits.starts.free.get(), limits.stops.free.get())
        };
        assert_eq!(adapted(1, [true, true]), (4, 3));
        assert_eq!(adapted(2, [true, true]), (8, 6));
        assert_eq!(adapted(8, [true, false]), (32, 6));
        assert_eq!(adapted(8, [false, true]), (8, 24));
        assert_eq!(adapted(256, [true, true]), (64, 48));
    }

    #[test]
    fn what_is_urgent_has_its_turn_first() {
        use futures_util::FutureExt as _;
        let turns = Turns::new(1);
        let held = turns.take(Urgency::Low).now_or_never().unwrap();
        let mut low = Box::pin(turns.take(Urgency::Low));
        let mut left = Box::pin(turns.take(Urgency::High));
        let mut high = Box::pin(turns.take(Urgency::High));
        for waiting in [&mut low, &mut left, &mut high] {
            assert!(waiting.now_or_never().is_none());
        }
        drop(left);
        let mut late = Box::pin(turns.take(Urgency::High));
        assert!((&mut late).now_or_never().is_none());
        drop(held);
        assert!((&mut low).now_or_never().is_none());
        drop(high.now_or_never().unwrap());
        // It has been given a turn that it does not take.
        drop(late);
        assert!(low.now_or_never().is_some());
        assert_eq!(turns.free.get(), 1);
    }

    #[test]
    fn turns_that_are_too_many_are_not_given_again() {
        use futures_util::FutureExt as _;
        let turns = Turns::new(2);
        let two = [(); 2].map(|()| turns.take(Urgency::High).now_or_never().unwrap());
        turns.resize(2, 1);
        let mut third = Box::pin(turns.take(Urgency::High));
        let [first, second] = two;
        drop(first);
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        assert!(third.now_or_never().is_some());
    }
}

//! How much an engine is asked for at once: more than it can do at a time only makes all of it slower.

use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::plan::{Action, Plan};

/// Starts and creations at once, on two processors.
const STARTS: usize = 8;
/// Stops at once, on two processors: measured with fifty containers, four or eight of them took a tenth
/// longer, two or sixteen half as long again. A stop that waits for its container counts only for a moment.
const STOPS: usize = 6;
/// The processors that these are for.
const PROCESSORS: usize = 2;
/// More of an engine are not counted on: its own locks hold it up by then.
const MOST: usize = 16;

/// The turns of starts and stops.
pub(super) struct Limits {
    pub(super) starts: Semaphore,
    pub(super) stops: Semaphore,
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
            starts: Semaphore::new(STARTS),
            stops: Semaphore::new(if plan.at_once { Semaphore::MAX_PERMITS } else { STOPS }),
            many: [starts > STARTS, stops > STOPS && !plan.at_once],
        }
    }

    /// Gives as many turns as the engine's processors are good for. Small plans do not ask.
    pub(super) async fn follow(&self, engine: &Engine) {
        if self.many.contains(&true)
            && let Ok(about) = engine.about().await
            && let Ok(processors @ 1..) = usize::try_from(about.cpus)
        {
            self.adapt(processors).await;
        }
    }

    async fn adapt(&self, processors: usize) {
        let turns = [(&self.starts, STARTS), (&self.stops, STOPS)];
        for ((turns, now), many) in turns.into_iter().zip(self.many) {
            let wanted = now * processors.min(MOST) / PROCESSORS;
            if !many {
                continue;
            }
            if let Some(more) = wanted.checked_sub(now) {
                turns.add_permits(more);
            } else if let Ok(less) = u32::try_from(now - wanted)
                && let Ok(taken) = turns.acquire_many(less).await
            {
                taken.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_processors() {
        let adapted = |processors, many| {
            let limits = Limits { many, ..Limits::new(&Plan::default()) };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(limits.adapt(processors));
            (limits.starts.available_permits(), limits.stops.available_permits())
        };
        assert_eq!(adapted(1, [true, true]), (4, 3));
        assert_eq!(adapted(2, [true, true]), (8, 6));
        assert_eq!(adapted(8, [true, false]), (32, 6));
        assert_eq!(adapted(8, [false, true]), (8, 24));
        assert_eq!(adapted(256, [true, true]), (64, 48));
    }
}

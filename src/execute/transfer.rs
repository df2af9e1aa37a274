//! Pulls and pushes, which are tried again where that may help.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::engine::{self, Engine};
use crate::event::{Event, Status};
use crate::execute::Reports;
use crate::plan::{Action, Step};

/// How often something is tried.
const TRIES: u32 = 5;
/// The wait after the first try; each of the next ones is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Nothing is tried again after this time: engines have tests of patience of their own.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pulls or pushes the image of a step, when it is its turn.
pub(super) async fn run(
    engine: &Engine,
    turns: &Semaphore,
    reports: &Reports,
    step: &Step,
) -> Result<(), engine::Error> {
    let _turn = turns.acquire().await;
    // Nobody listens any more when the user has left.
    let tell = |layer| drop(reports.events.send(Event::Layer { of: step.subject.clone(), layer }));
    match &step.action {
        Action::Pull { reference, platform } => {
            let platform = platform.as_deref();
            again(reports, step, || engine.pull(reference, platform, &tell)).await
        }
        Action::Push { reference } => again(reports, step, || engine.push(reference, &tell)).await,
        _ => Ok(()),
    }
}

/// Tries until it works, or until there is no hope.
async fn again<T: Future<Output = Result<(), engine::Error>>>(
    reports: &Reports,
    step: &Step,
    mut attempt: impl FnMut() -> T,
) -> Result<(), engine::Error> {
    let begin = Instant::now();
    let mut tries = 1;
    loop {
        let Err(error) = attempt().await else {
            return Ok(());
        };
        let wait = wait_after(tries);
        let passes = error.transient().filter(|_| tries < TRIES && begin.elapsed() < PATIENCE);
        let Some(reason) = passes else {
            return Err(error);
        };
        let text = format!("Retrying in {} s: {reason}", wait.as_secs_f64());
        let _ = reports.events.send(Event::progress(&step.subject, Status::Working, text));
        tokio::time::sleep(wait).await;
        tries += 1;
    }
}

/// The wait after so many tries.
fn wait_after(tries: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let waits: Vec<u128> = [1, 2, 3, 4, 7, 99].map(|it| wait_after(it).as_millis()).to_vec();
        assert_eq!(waits, [500, 1000, 2000, 4000, 30_000, 30_000]);
    }
}

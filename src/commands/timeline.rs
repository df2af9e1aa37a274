//! What the time of a run was spent on: the chains of steps that led to each container being ready,
//! and a trace for viewers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::commands::exit::Error;
use crate::event::Subject;
use crate::execute::{Outcome, Report};
use crate::plan::{Action, Plan};

/// Chains that are shown; the others ended sooner.
const MOST_CHAINS: usize = 5;

/// Something that took time.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub subject: Subject,
    pub service: Option<String>,
    /// What had come true at its end: `created`, `healthy` …
    pub done: &'static str,
    /// Since the beginning of the timeline.
    pub begin: Duration,
    pub end: Duration,
    /// The pieces that it could not begin before, by position.
    pub after: Vec<usize>,
}

/// Pieces of several plans that were carried out one after the other.
#[derive(Debug)]
pub(super) struct Timeline {
    start: Instant,
    pieces: Vec<Piece>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), pieces: Vec::new() }
    }

    /// A timeline of what happened before.
    pub(super) fn of(pieces: Vec<Piece>) -> Self {
        Self { start: Instant::now(), pieces }
    }

    /// How long it has been running: when the next plan begins.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Adds the steps of a plan that was carried out, `offset` after the beginning.
    pub(super) fn add(&mut self, offset: Duration, plan: &Plan, report: &Report) {
        let earlier = self.pieces.len();
        let mut places = vec![None; plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            let (Some(done), Some(times)) = (done(&step.action), report.times.get(index)) else {
                continue;
            };
            let (Some(begin), Some(end)) = (times.begin, times.end) else {
                continue;
            };
            if matches!(report.outcomes[index], Outcome::Skipped) {
                continue;
            }
            let mut after: Vec<usize> =
                step.after.iter().filter_map(|(id, _)| places[id.0]).collect();
            if after.is_empty() {
                after.extend(self.before(&step.subject, earlier));
            }
            places[index] = Some(self.pieces.len());
            self.pieces.push(Piece {
                subject: step.subject.clone(),
                service: step.service.clone(),
                done,
                begin: offset + begin,
                end: offset + end,
                after,
            });
        }
    }

    /// What a piece without predecessors in its own plan follows: what was last done to the same
    /// subject by earlier plans, or else the last that they did.
    fn before(&self, subject: &Subject, earlier: usize) -> Option<usize> {
        let pieces = &self.pieces[..earlier];
        let own = pieces.iter().rposition(|piece| piece.subject == *subject);
        own.or_else(|| (0..earlier).max_by_key(|index| pieces[*index].end))
    }

    /// When the last piece of each service was done.
    pub(super) fn ready(&self) -> BTreeMap<String, Duration> {
        let mut ready = BTreeMap::new();
        for piece in &self.pieces {
            if let Some(service) = &piece.service {
                let end: &mut Duration = ready.entry(service.clone()).or_default();
                *end = piece.end.max(*end);
            }
        }
        ready
    }

    /// The chains of pieces that led to the last piece of each container, the longest first. Each piece
    /// is there because of the one before it, which ended last of all that it had to wait for.
    pub(super) fn chains(&self) -> Vec<Vec<&Piece>> {
        let mut followed: BTreeSet<usize> = BTreeSet::new();
        for piece in &self.pieces {
            followed.extend(&piece.after);
        }
        let mut ends: Vec<usize> =
            (0..self.pieces.len()).filter(|index| !followed.contains(index)).collect();
        ends.sort_by_key(|index| std::cmp::Reverse(self.pieces[*index].end));
        ends.into_iter()
            .map(|end| {
                let mut chain = vec![&self.pieces[end]];
                let mut last = end;
                while let Some(before) =
                    self.pieces[last].after.iter().copied().max_by_key(|it| self.pieces[*it].end)
                {
                    chain.push(&self.pieces[before]);
                    last = before;
                }
                chain.reverse();
                chain
            })
            .collect()
    }

    /// The chains for people to read.
    pub(super) fn text(&self) -> String {
        let chains = self.chains();
        let mut out = String::new();
        let Some(last) = chains.first().and_then(|chain| chain.last()) else {
            return "nothing had to be done\n".to_owned();
        };
        let _ = writeln!(out, "all done after {}; what it was spent on:", seconds(last.end));
        for chain in chains.iter().take(MOST_CHAINS) {
            out.push('\n');
            let mut since = Duration::ZERO;
            for piece in chain {
                // Between two pieces of a chain a step waits for its turn, or for the engine's lists.
                let waited = piece.begin.saturating_sub(since);
                let turn = match waited.as_millis() {
                    0..=9 => String::new(),
                    _ => format!("  (after waiting {} for its turn)", seconds(waited)),
                };
                let _ = writeln!(
                    out,
                    "{:>10}  +{:<9} {} {}{turn}",
                    seconds(piece.begin),
                    seconds(piece.end.saturating_sub(piece.begin)),
                    piece.subject,
                    piece.done
                );
                since = piece.end;
            }
        }
        if let Some(next) = chains.get(MOST_CHAINS).and_then(|chain| chain.last()) {
            let more = chains.len() - MOST_CHAINS;
            let _ = writeln!(out, "\n{more} more were done after {}", seconds(next.end));
        }
        out
    }

    /// The pieces as a trace in the JSON form that viewers of Chromium's traces read: one row for each
    /// subject, times in microseconds.
    pub(super) fn trace(&self, project: &str) -> Value {
        let mut rows: Vec<&Subject> = Vec::new();
        let mut events = vec![json!({
            "name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": project},
        })];
        for piece in &self.pieces {
            let row = rows.iter().position(|it| *it == &piece.subject).unwrap_or_else(|| {
                rows.push(&piece.subject);
                events.push(json!({
                    "name": "thread_name", "ph": "M", "pid": 1, "tid": rows.len(),
                    "args": {"name": piece.subject.to_string()},
                }));
                rows.len() - 1
            });
            events.push(json!({
                "name": piece.done,
                "cat": piece.subject.kind(),
                "ph": "X",
                "ts": micros(piece.begin),
                "dur": micros(piece.end.saturating_sub(piece.begin)),
                "pid": 1,
                "tid": row + 1,
                "args": {"name": piece.subject.name(), "service": piece.service},
            }));
        }
        json!({ "displayTimeUnit": "ms", "traceEvents": events })
    }
}

/// Writes the trace of a timeline to a file.
///
/// # Errors
/// A file that cannot be written.
#[expect(clippy::disallowed_methods, reason = "the user names the file to write")]
pub(super) fn write_trace(path: &str, timeline: &Timeline, project: &str) -> Result<(), Error> {
    let text = format!("{}\n", timeline.trace(project));
    std::fs::write(path, text).map_err(|error| Error::Write { path: path.to_owned(), error })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// What has come true when an action is done.
fn done(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Pull { .. } => "pulled",
        Action::Push { .. } => "pushed",
        Action::Build(_) => "built",
        Action::CreateNetwork(_) | Action::CreateVolume(_) | Action::Create { .. } => "created",
        Action::Rename { .. } => "renamed",
        Action::Start { .. } => "started",
        Action::Stop { .. } => "stopped",
        Action::Restart { .. } => "restarted",
        Action::Kill { .. } => "killed",
        Action::Pause { .. } => "paused",
        Action::Unpause { .. } => "unpaused",
        Action::Remove { .. }
        | Action::RemoveNetwork { .. }
        | Action::RemoveVolume { .. }
        | Action::RemoveImage { .. } => "removed",
        Action::AwaitHealthy { .. } => "healthy",
        Action::AwaitUp { .. } => "up",
        Action::AwaitCompleted { .. } => "completed",
        Action::Copy { .. } => "given its files",
        Action::Hook { .. } => "done with its hook",
        Action::AwaitHook { .. } => "ended",
        Action::Discard { .. } => "removed",
        Action::Run(_) => "done",
        Action::Connect { .. } => "connected",
        Action::Disconnect { .. } => "disconnected",
        Action::Attach { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(name: &str, done: &'static str, begin: u64, end: u64, after: &[usize]) -> Piece {
        Piece {
            subject: Subject::Container(name.to_owned()),
            service: None,
            done,
            begin: Duration::from_millis(begin),
            end: Duration::from_millis(end),
            after: after.to_vec(),
        }
    }

    #[test]
    fn the_longest_chain_comes_first() {
        let timeline = Timeline::of(vec![
            piece("db", "created", 0, 40, &[]),
            piece("db", "started", 40, 200, &[0]),
            piece("db", "healthy", 200, 2200, &[1]),
            piece("web", "created", 0, 50, &[]),
            piece("web", "started", 2230, 2400, &[2, 3]),
            piece("cron", "created", 0, 60, &[]),
            piece("cron", "started", 60, 210, &[5]),
        ]);
        let want = "\
all done after 2.400 s; what it was spent on:

   0.000 s  +0.040 s   Container db created
   0.040 s  +0.160 s   Container db started
   0.200 s  +2.000 s   Container db healthy
   2.230 s  +0.170 s   Container web started  (after waiting 0.030 s for its turn)

   0.000 s  +0.060 s   Container cron created
   0.060 s  +0.150 s   Container cron started
";
        assert_eq!(timeline.text(), want);
        let trace = timeline.trace("p");
        let events = trace["traceEvents"].as_array().unwrap();
        assert_eq!(events.len(), 1 + 3 + 7);
        assert_eq!(events.last().unwrap()["dur"], 150_000);
        assert_eq!(Timeline::of(Vec::new()).text(), "nothing had to be done\n");
    }
}

//! Gathers what happens to files until it is quiet: one save is one change, and a branch switch is few.
//!
//! It has no clock; times are given to it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So long it must be quiet after a change.
const QUIET: Duration = Duration::from_millis(4);

/// So long after many changes at once, or when something has gone away: it may come back.
const BURST_QUIET: Duration = Duration::from_millis(25);

/// So many paths are a burst.
const BURST: usize = 4;

/// Nothing waits longer, but for files that are being written.
const LONGEST: Duration = Duration::from_millis(100);

/// After so long without a write, a file that is still open counts as written.
const PAUSE: Duration = Duration::from_millis(100);

/// A file that is written again and again counts so often.
const LONGEST_WRITE: Duration = Duration::from_secs(1);

/// What has happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It has been made or written to, and may be written to yet.
    Open,
    /// It is complete.
    Closed,
    /// It is complete, and new, and may be there for a moment only before it takes the place of another.
    Passing,
    /// Something about it has changed that is not its content.
    Other,
    /// It is no longer there.
    Gone,
}

#[derive(Debug, Clone, Copy)]
struct Touched {
    since: Instant,
    last: Instant,
    state: Touch,
}

/// The paths to which something has happened.
#[derive(Debug, Default)]
pub struct Batch {
    paths: HashMap<PathBuf, Touched>,
}

impl Batch {
    pub fn add(&mut self, path: &Path, touch: Touch, now: Instant) {
        match self.paths.get_mut(path) {
            Some(it) => {
                it.last = now;
                // What is open stays so until it is closed.
                if touch != Touch::Other || it.state == Touch::Gone {
                    it.state = touch;
                }
            }
            None => {
                self.paths.insert(path.to_owned(), Touched { since: now, last: now, state: touch });
            }
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// When there is something to be taken; `None` if there is nothing at all.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let open = self.open().map(|(_, it)| open_due(it)).min();
        let closed = self.closed_due();
        open.into_iter().chain(closed).min()
    }

    fn open(&self) -> impl Iterator<Item = (&PathBuf, &Touched)> {
        self.paths.iter().filter(|(_, it)| it.state == Touch::Open)
    }

    fn closed_due(&self) -> Option<Instant> {
        let closed = || self.paths.values().filter(|it| it.state != Touch::Open);
        let (first, last) = (closed().map(|it| it.since).min()?, closed().map(|it| it.last).max()?);
        let is_burst = self.paths.len() > BURST || closed().any(may_change);
        let quiet = if is_burst { BURST_QUIET } else { QUIET };
        Some((last + quiet).min(first + LONGEST))
    }

    /// Takes the paths that need wait no longer, with when the first thing happened to one of them.
    pub fn take(&mut self, now: Instant) -> Option<(Instant, Vec<PathBuf>)> {
        let takes_closed = self.closed_due().is_some_and(|due| due <= now);
        let is_due = |it: &Touched| match it.state {
            Touch::Open => open_due(it) <= now,
            Touch::Closed | Touch::Passing | Touch::Other | Touch::Gone => takes_closed,
        };
        let taken: Vec<(PathBuf, Touched)> = self.paths.extract_if(|_, it| is_due(it)).collect();
        let since = taken.iter().map(|(_, it)| it.since).min()?;
        let mut paths: Vec<PathBuf> = taken.into_iter().map(|(path, _)| path).collect();
        paths.sort_unstable();
        Some((since, paths))
    }
}

/// Whether it is likely that there is more to come.
fn may_change(it: &Touched) -> bool {
    matches!(it.state, Touch::Gone | Touch::Passing)
}

fn open_due(it: &Touched) -> Instant {
    (it.last + PAUSE).min(it.since + LONGEST_WRITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events as `ms path state`, and what is taken when, as `ms paths`.
    #[track_caller]
    fn check(events: &[(u64, &str, Touch)], want: &[(u64, &str)]) {
        let begin = Instant::now();
        let mut batch = Batch::default();
        let mut taken = Vec::new();
        let mut events = events.iter().peekable();
        for millisecond in 0..3000 {
            let now = begin + Duration::from_millis(millisecond);
            while let Some((_, path, touch)) = events.next_if(|it| it.0 <= millisecond) {
                batch.add(Path::new(path), *touch, now);
            }
            if batch.due().is_some_and(|due| due <= now) {
                let (_, paths) = batch.take(now).unwrap();
                let paths: Vec<String> =
                    paths.iter().map(|path| path.display().to_string()).collect();
                taken.push((millisecond, paths.join(" ")));
            }
        }
        assert!(batch.is_empty() && batch.due().is_none());
        let taken: Vec<(u64, &str)> = taken.iter().map(|(at, it)| (*at, it.as_str())).collect();
        assert_eq!(taken, want);
    }

    use Touch::{Closed, Gone, Open, Other, Passing};

    #[test]
    fn one_change_leaves_soon() {
        check(&[(10, "a", Closed)], &[(14, "a")]);
        check(&[(10, "a", Closed), (13, "b", Closed)], &[(17, "a b")]);
        check(&[(10, "a", Closed), (20, "a", Closed)], &[(14, "a"), (24, "a")]);
    }

    #[test]
    fn saves_of_editors_are_one_change() {
        // Truncated, written, closed; with a slow disk between.
        check(&[(0, "a", Open), (1, "a", Open), (60, "a", Closed)], &[(64, "a")]);
        // Renamed to a backup, written anew, the backup removed.
        check(
            &[
                (0, "a", Gone),
                (0, "a~", Closed),
                (1, "a", Open),
                (40, "a", Closed),
                (41, "a", Other),
                (41, "a~", Gone),
            ],
            &[(4, "a~"), (66, "a a~")],
        );
        // A temporary file, renamed.
        check(
            &[(0, "t", Open), (1, "t", Closed), (2, "t", Gone), (2, "a", Closed)],
            &[(27, "a t")],
        );
        // The same by two programs, one of which has to be started first.
        check(
            &[(0, "t", Open), (1, "t", Passing), (15, "t", Closed), (15, "a", Closed)],
            &[(19, "a t")],
        );
        // Removed, and made anew a little later.
        check(&[(0, "a", Gone), (15, "a", Open), (16, "a", Closed)], &[(20, "a")]);
    }

    #[test]
    fn what_is_only_told_of_does_not_end_a_write() {
        check(&[(0, "a", Open), (5, "a", Other), (20, "a", Closed)], &[(24, "a")]);
        check(&[(0, "a", Gone), (5, "a", Other)], &[(9, "a")]);
    }

    #[test]
    fn bursts_are_gathered() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let events: Vec<(u64, &str, Touch)> =
            (0..).zip(names).map(|(at, name)| (at * 10, name, Closed)).collect();
        // The first four come one at a time.
        let first: Vec<(u64, &str)> =
            vec![(4, "a"), (14, "b"), (24, "c"), (34, "d"), (44, "e"), (54, "f")];
        check(&events, &first);
        let events: Vec<(u64, &str, Touch)> = names.map(|name| (0, name, Closed)).to_vec();
        check(&events, &[(25, "a b c d e f")]);
        // Without end, it is cut.
        let names: Vec<String> = (0..300).map(|number| format!("{number:03}")).collect();
        let mut events: Vec<(u64, &str, Touch)> =
            names[..5].iter().map(|it| (0, &**it, Closed)).collect();
        events.extend((1..).zip(&names[5..]).map(|(at, it)| (at, &**it, Closed)));
        let begin = Instant::now();
        let mut batch = Batch::default();
        for (at, name, touch) in events.iter().take_while(|it| it.0 <= 100) {
            batch.add(Path::new(name), *touch, begin + Duration::from_millis(*at));
        }
        assert_eq!(batch.due(), Some(begin + LONGEST));
    }

    #[test]
    fn what_stays_open_is_taken_all_the_same() {
        check(&[(0, "log", Open)], &[(100, "log")]);
        let events: Vec<(u64, &str, Touch)> = (0..150).map(|at| (at * 10, "log", Open)).collect();
        check(&events, &[(1000, "log"), (1590, "log")]);
        // Nobody else waits for it.
        check(&[(0, "log", Open), (5, "a", Closed), (50, "log", Open)], &[(9, "a"), (150, "log")]);
    }
}

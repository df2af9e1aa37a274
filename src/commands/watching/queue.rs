//! What waits to be done for a service that is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::commands::watching::jobs::Order;
use crate::event::{Event, WatchState};
use crate::watch::batch::{Batch, Touch};
use crate::watch::rules::Rule;
use crate::watch::tree::{Item, Tree};

/// When it is tried again to send what could not be sent, at first and at the latest.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A path of a rule, by the rule's position.
pub(super) type Place = (usize, Box<[u8]>);

/// A service that has rules.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) rules: Vec<usize>,
    pub(super) batch: Batch,
    /// When the first of what waits has happened.
    pub(super) since: Option<Instant>,
    /// What has to be looked at.
    pub(super) waiting: BTreeSet<Place>,
    /// What has to be sent whether or not it has changed, as nobody knows whether it has arrived.
    pub(super) owed: BTreeSet<Place>,
    /// All that has been sent: what a new container does not have.
    pub(super) given: BTreeSet<Place>,
    /// The containers that are known to have all that has been sent.
    pub(super) known: BTreeSet<String>,
    /// Those that do not, and why.
    pub(super) fresh: BTreeMap<String, &'static str>,
    /// Whether what is owed is only so because the watch begins.
    pub(super) is_first: bool,
    pub(super) is_busy: bool,
    /// When containers were last restarted or replaced at our wish: until then they have ended for us.
    pub(super) stirred: Option<Timestamp>,
    /// Why it was not brought up to date the last time, and when that is tried again.
    pub(super) problem: Option<(String, Instant, Duration)>,
    pub(super) rebuild: Rebuild,
    /// Since when it has to be made anew.
    pub(super) wants_rebuild: Option<Instant>,
}

/// How far the image of a service is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Rebuild {
    #[default]
    No,
    /// It is being built; the containers are as they were.
    Building(Instant),
    /// The containers are being replaced, and get nothing.
    Replacing(Instant),
}

impl Queue {
    /// Takes note of what has happened to a path, if that counts.
    pub(super) fn touched(
        &mut self,
        path: &Path,
        touch: Touch,
        now: std::time::Instant,
        rules: &[Rule],
        trees: &[Tree],
    ) {
        let mut counts = false;
        let mut is_known = false;
        for index in &self.rules {
            let (rule, tree) = (&rules[*index], &trees[*index]);
            if let Some(inner) = rule.inner(path).map(|inner| inner.as_os_str().as_bytes()) {
                is_known |= tree.get(inner).is_some() || tree.has_below(inner);
                counts |= is_known || rule.sieve.leaves_out(inner).is_none();
            }
        }
        if counts {
            let touch = match touch {
                // What was there for a moment only does not come back.
                Touch::Gone if !is_known => Touch::Closed,
                Touch::Closed if !is_known && looks_passing(path) => Touch::Passing,
                touch => touch,
            };
            self.batch.add(path, touch, now);
        }
    }

    /// Has looked at what needs wait no longer.
    pub(super) fn gather(&mut self, now: std::time::Instant, rules: &[Rule]) {
        if self.batch.due().is_none_or(|due| due > now) {
            return;
        }
        let Some((since, paths)) = self.batch.take(now) else { return };
        self.since.get_or_insert(Instant::from_std(since));
        for path in paths {
            for index in &self.rules {
                if let Some(inner) = rules[*index].inner(&path) {
                    self.waiting.insert((*index, inner.as_os_str().as_bytes().into()));
                }
            }
        }
    }

    /// What is to be done next, if anything is.
    pub(super) fn order(&mut self, name: &str, rules: &[Rule], trees: &[Tree]) -> Option<Order> {
        let fresh = std::mem::take(&mut self.fresh);
        let mut catching_up = Vec::new();
        if !fresh.is_empty() {
            // A new container has what its image has.
            let mut missing = self.given.clone();
            for index in self.rules.iter().filter(|index| rules[**index].initial_sync) {
                let tree = &trees[*index];
                let all = tree.paths().filter(|path| !tree.has_below(path));
                missing.extend(all.map(|path| (*index, path.into())));
            }
            catching_up = items(&missing, &BTreeSet::new(), true, trees);
        }
        let is_due = self.problem.as_ref().is_none_or(|(_, next, _)| *next <= Instant::now())
            || !self.waiting.is_empty()
            || !catching_up.is_empty();
        let owed = if is_due { std::mem::take(&mut self.owed) } else { BTreeSet::new() };
        let waiting = std::mem::take(&mut self.waiting);
        let since = self.since.take();
        if catching_up.is_empty() && owed.is_empty() && waiting.is_empty() {
            self.known.extend(fresh.into_keys());
            return None;
        }
        let all = items(&waiting, &owed, false, trees);
        Some(Order {
            service: name.to_owned(),
            items: all,
            containers: self.known.iter().cloned().collect(),
            fresh,
            is_first: std::mem::take(&mut self.is_first),
            catching_up,
            since: since.unwrap_or_else(Instant::now),
        })
    }

    /// Takes note of how a job has ended; gives what is to be told of it.
    pub(super) fn settle(
        &mut self,
        problem: Option<String>,
        mut told: Vec<Event>,
        has_sent: bool,
    ) -> Vec<Event> {
        self.is_busy = false;
        let Some(problem) = problem else {
            if has_sent {
                self.problem = None;
            }
            return told;
        };
        let pause = match &self.problem {
            Some((_, _, pause)) => (*pause * 2).min(LONGEST_RETRY),
            None => RETRY,
        };
        // It is told once.
        if self.problem.as_ref().is_some_and(|(last, ..)| *last == problem) {
            let is_it = |it: &Event| matches!(it, Event::Watched { what: WatchState::Failed(text), .. } if *text == problem);
            told.retain(|it| !is_it(it));
        }
        self.problem = Some((problem, Instant::now() + pause, pause));
        told
    }
}

/// What is looked at, with what is known of it.
fn items(
    paths: &BTreeSet<Place>,
    owed: &BTreeSet<Place>,
    are_owed: bool,
    trees: &[Tree],
) -> Vec<(usize, Item)> {
    let all: BTreeSet<&Place> = paths.iter().chain(owed).collect();
    all.into_iter()
        .map(|path| {
            let tree = &trees[path.0];
            let item = Item {
                path: path.1.clone(),
                was: tree.get(&path.1).cloned(),
                had_below: tree.has_below(&path.1),
                is_owed: are_owed || owed.contains(path),
            };
            (path.0, item)
        })
        .collect()
}

/// Whether a new file has the kind of name that files have before they take the place of others.
fn looks_passing(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStrExt::as_bytes);
    name.starts_with(b".") || name.windows(3).any(|some| some == b"tmp")
}

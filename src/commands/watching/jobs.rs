//! The work that a watch does for a service: files are looked at, and what has changed is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::commands::watching::means::Means;
use crate::engine::Engine;
use crate::event::{Event, WatchAction, WatchState};
use crate::execute::{Reports, hook};
use crate::watch::pack::Entry;
use crate::watch::rules::{Action, Rule};
use crate::watch::sync::{Delivery, Error};
use crate::watch::tree::{self, Change, Form, Item, Looked, Seen, look};

/// So many files are read in one go.
pub(in crate::commands) const READ_AT_ONCE: usize = 256;

/// So many paths are named; more are counted.
const NAMED: usize = 3;

/// What is to be done for a service.
pub(in crate::commands) struct Order {
    pub service: String,
    /// What may have changed, by the positions of its rules.
    pub items: Vec<(usize, Item)>,
    /// The containers that have all but that.
    pub containers: Vec<String>,
    /// Those that have what their images have, and why.
    pub fresh: BTreeMap<String, &'static str>,
    /// What those lack besides.
    pub catching_up: Vec<(usize, Item)>,
    /// Whether it is sent because the watch begins: nothing has changed.
    pub is_first: bool,
    /// When the first of it has happened.
    pub since: Instant,
}

/// What a job has done.
pub(in crate::commands) enum Done {
    /// It is known now what is in these files.
    Read {
        index: usize,
        read: Vec<(Box<[u8]>, Seen)>,
    },
    Sent(Box<Sent>),
    Built {
        service: String,
        result: Result<(), String>,
    },
    Replaced {
        service: String,
        result: Result<(), String>,
    },
}

/// What a service has been sent.
#[derive(Default)]
pub(in crate::commands) struct Sent {
    pub service: String,
    pub looked: Vec<(usize, Looked)>,
    /// The containers that are up to date now.
    pub containers: Vec<String>,
    /// The containers that are no longer there.
    pub gone: Vec<String>,
    /// Why some are not up to date.
    pub problem: Option<String>,
    /// Whether that may pass, so that it is to be tried again.
    pub is_passing: bool,
    pub has_restarted: bool,
    /// Since when its image should be made anew.
    pub wants_rebuild: Option<Instant>,
    pub told: Vec<Event>,
}

/// Reads files, so that it is known what is in them.
pub(in crate::commands) fn read(
    rule: &Rule,
    files: Vec<(Box<[u8]>, Seen)>,
) -> Vec<(Box<[u8]>, Seen)> {
    let read = files.into_iter().filter_map(|(path, seen)| {
        let read = tree::read(&tree::joined(&rule.path, &path), seen).ok()?;
        Some((path, read))
    });
    read.collect()
}

/// As [`read`], while others go on.
pub(in crate::commands) async fn read_some(
    rules: Arc<[Rule]>,
    index: usize,
    files: Vec<(Box<[u8]>, Seen)>,
) -> Done {
    let read = spawn_blocking(move || read(&rules[index], files)).await.unwrap_or_default();
    Done::Read { index, read }
}

/// Looks at what may have changed, and does what the rules say.
pub(in crate::commands) async fn sync(
    engine: &Engine,
    means: &Means<'_>,
    rules: Arc<[Rule]>,
    order: Order,
    reports: Reports,
) -> Done {
    let Order { service, items, containers, fresh, catching_up, is_first, since } = order;
    let looked = look_at_all(&rules, items).await;
    let missing = look_at_all(&rules, catching_up).await;
    let mut job = Job { engine, means, service: &service, reports: &reports, told: Vec::new() };
    let mut sent = Sent { service: service.clone(), ..Sent::default() };
    for (index, looked) in &looked {
        if let Some(error) = &looked.problem {
            let path = means.shown(&tree::joined(&rules[*index].path, &looked.path));
            let what = WatchState::Failed(format!("cannot read {path}: {error}"));
            job.tell(WatchAction::Sync, what, since);
        }
    }
    let changes = Changes::new(&rules, &looked);
    let mut ids = containers;
    if !fresh.is_empty() {
        let all = Changes::new(&rules, missing.iter().chain(&looked));
        let why = format!("{}: ", fresh.values().next().copied().unwrap_or(""));
        let new: Vec<String> = fresh.into_keys().collect();
        let what = Told { action: WatchAction::Resync, why, since: Instant::now() };
        job.deliver(all, &new, what, &mut sent).await;
        sent.containers.extend(new);
    }
    let acts = if is_first { Acts::default() } else { Acts::new(&rules, &looked) };
    if acts.rebuilds {
        sent.wants_rebuild = Some(since);
    }
    let what = Told { action: WatchAction::Sync, why: String::new(), since };
    job.deliver(changes, &ids, what, &mut sent).await;
    ids.extend(sent.containers.iter().cloned());
    if acts.restarts && sent.problem.is_none() {
        let began = Instant::now();
        sent.has_restarted = true;
        let what = match means.restart(engine, &service, &reports).await {
            Ok(()) => WatchState::Done("restarted".to_owned()),
            Err(problem) => WatchState::Failed(format!("cannot be restarted: {problem}")),
        };
        job.tell(WatchAction::Restart, what, if acts.syncs { began } else { since });
    }
    if sent.problem.is_none() {
        for index in acts.commands {
            job.run(&rules[index], &ids).await;
        }
    }
    sent.told = job.told;
    sent.looked = missing.into_iter().chain(looked).collect();
    Done::Sent(Box::new(sent))
}

async fn look_at_all(rules: &Arc<[Rule]>, items: Vec<(usize, Item)>) -> Vec<(usize, Looked)> {
    let few = items.len() <= 8;
    let rules = Arc::clone(rules);
    let mut by_rule: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
    for (index, item) in items {
        by_rule.entry(index).or_default().push(item);
    }
    let look_at = move || {
        let all = by_rule.into_iter().flat_map(|(index, items)| {
            let looked = look(&rules[index], items);
            looked.into_iter().map(move |looked| (index, looked))
        });
        all.collect()
    };
    // Another thread takes longer than a few small files do.
    if few { look_at() } else { spawn_blocking(look_at).await.unwrap_or_default() }
}

/// What the rules want to be done besides.
#[derive(Default)]
struct Acts {
    syncs: bool,
    restarts: bool,
    rebuilds: bool,
    /// The rules whose commands are to be run.
    commands: BTreeSet<usize>,
}

impl Acts {
    fn new(rules: &[Rule], looked: &[(usize, Looked)]) -> Self {
        let mut acts = Self::default();
        for (index, _) in looked.iter().filter(|(_, looked)| looked.change.is_some()) {
            let action = rules[*index].action;
            acts.syncs |= action.syncs();
            acts.restarts |= action.restarts();
            acts.rebuilds |= action == Action::Rebuild;
            if action == Action::SyncExec {
                acts.commands.insert(*index);
            }
        }
        acts
    }
}

/// What is to be different in the containers.
#[derive(Default)]
struct Changes {
    delivery: Delivery,
    /// On this machine.
    synced: Vec<PathBuf>,
    removed: Vec<PathBuf>,
}

impl Changes {
    fn new<'a>(rules: &[Rule], looked: impl IntoIterator<Item = &'a (usize, Looked)>) -> Self {
        let mut changes = Self::default();
        let mut removals: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        let mut gone: BTreeSet<PathBuf> = BTreeSet::new();
        for (index, looked) in looked {
            let rule = &rules[*index];
            if rule.target.is_none() {
                continue;
            }
            if rule.is_volatile && looked.change.is_some() && changes.delivery.volatile.is_none() {
                changes.delivery.volatile.clone_from(&rule.target);
            }
            let inner = Path::new(OsStr::from_bytes(&looked.path));
            let from = tree::joined(&rule.path, &looked.path);
            let to = rule.inside(inner);
            let mut remove = || {
                // What is in a folder goes with it.
                let is_new = !to.ancestors().any(|above| gone.contains(above));
                if is_new {
                    removals.entry(rule.inside(Path::new(""))).or_default().push(inner.to_owned());
                    gone.insert(to.clone());
                }
                is_new
            };
            match &looked.change {
                None => {}
                Some(Change::Gone) if remove() => changes.removed.push(from),
                Some(Change::Gone) => {}
                Some(Change::There { form, mode, modified, owner, replaces }) => {
                    if *replaces {
                        remove();
                    }
                    let (form, mode, modified, owner) = (form.clone(), *mode, *modified, *owner);
                    // A folder that a rule watches is the target, which is as the image has it.
                    if looked.path.is_empty() && form == Form::Folder {
                        continue;
                    }
                    changes.synced.push(from.clone());
                    changes.delivery.entries.push(Entry { to, from, form, mode, modified, owner });
                }
            }
        }
        changes.delivery.removals = removals.into_iter().collect();
        changes
    }

    /// In a few words, such as `synced a.js, b.js, removed 4 paths`.
    fn text(&self, means: &Means<'_>) -> String {
        let list = |verb: &str, paths: &[PathBuf]| match paths.len() {
            0 => None,
            count if count <= NAMED => {
                let names: Vec<String> = paths.iter().map(|path| means.shown(path)).collect();
                Some(format!("{verb} {}", names.join(", ")))
            }
            count => Some(format!("{verb} {count} paths")),
        };
        let parts = [list("synced", &self.synced), list("removed", &self.removed)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// What a delivery is told as.
struct Told {
    action: WatchAction,
    /// What stands before it.
    why: String,
    since: Instant,
}

struct Job<'a> {
    engine: &'a Engine,
    means: &'a Means<'a>,
    service: &'a str,
    reports: &'a Reports,
    told: Vec<Event>,
}

impl Job<'_> {
    fn tell(&mut self, action: WatchAction, what: WatchState, since: Instant) {
        let service = self.service.to_owned();
        self.told.push(Event::Watched { service, action, what, taken: since.elapsed() });
    }

    /// Brings containers up to date, and tells how that went.
    async fn deliver(&mut self, changes: Changes, ids: &[String], told: Told, sent: &mut Sent) {
        if changes.delivery.is_empty() {
            return;
        }
        let text = changes.text(self.means);
        let Told { action, why, since } = told;
        let (delivery, reach) = (changes.delivery, self.means.reach());
        let all = ids.iter().map(|id| delivery.bring(self.engine, reach, id));
        let results: Vec<Result<(), Error>> = join_all(all).await;
        let mut first = None;
        let mut is_there = false;
        for (id, result) in ids.iter().zip(results) {
            match result {
                // One that is gone is followed by a new one, which is told.
                Err(error) if error.is_gone() => sent.gone.push(id.clone()),
                Err(error) => drop(first.get_or_insert(error)),
                Ok(()) => is_there = true,
            }
        }
        let what = if let Some(problem) = first {
            sent.is_passing = problem.is_passing();
            let problem = format!("cannot be synced: {problem}");
            sent.problem = Some(problem.clone());
            WatchState::Failed(problem)
        } else if !is_there {
            // Those that follow them get it.
            WatchState::Done(format!("{} once there is a container", later(&text)))
        } else {
            WatchState::Done(format!("{why}{text}"))
        };
        self.tell(action, what, since);
    }

    /// Runs the command of a rule in all containers.
    async fn run(&mut self, rule: &Rule, ids: &[String]) {
        let Some(hook) = &rule.exec else { return };
        let began = Instant::now();
        let all = ids.iter().map(async |id| {
            let container = self.engine.inspect(id).await?;
            if container.status != "running" {
                return Ok(());
            }
            let name = crate::names::short(self.means.project(), self.service, &container.name);
            hook::run(self.engine, self.reports, id, &format!("{name} ->"), hook).await
        });
        let results: Vec<Result<(), crate::execute::Error>> = join_all(all).await;
        let command = hook.command.join(" ");
        let what = match results.into_iter().find_map(Result::err) {
            None => WatchState::Done(format!("ran {command}")),
            Some(problem) => WatchState::Failed(format!("cannot run {command}: {problem}")),
        };
        self.tell(WatchAction::Exec, what, began);
    }
}

/// `synced a` as what is yet to come.
fn later(text: &str) -> String {
    text.replacen("synced", "to be synced:", 1).replacen("removed", "to be removed:", 1)
}

//! What of a watch is under way: hints of the system, changes that wait, and work for each service.
//!
//! A service has its own queue. Its files are looked at and sent by one job at a time, and its image is
//! made by another, so that neither waits for other services. All that is told comes out of
//! [`Watching::next`], which may be dropped at any moment and called again.

pub(in crate::commands) mod jobs;
pub(in crate::commands) mod lock;
pub(in crate::commands) mod means;
mod queue;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, sleep_until};

use crate::commands::exit::Error;
use crate::commands::watch::check_targets;
use crate::commands::watching::jobs::{Done, Sent};
use crate::commands::watching::means::Means;
use crate::commands::watching::queue::{Place, Queue, Rebuild};
use crate::engine::{Engine, EngineEvent, Events};
use crate::event::{Event, WatchAction, WatchState};
use crate::execute::Reports;
use crate::labels;
use crate::watch::batch::Touch;
use crate::watch::fs::{self, Happening, Watcher};
use crate::watch::rules::Rule;
use crate::watch::tree::{self, Scan, Seen, Tree};

/// How often is looked for changes where the system tells of none.
const LOOKS: Duration = Duration::from_secs(2);

/// How often is tried to hear from an engine that is gone.
const RETRIES: Duration = Duration::from_millis(250);

/// For so long files are read before the watch counts as begun; the rest is read meanwhile.
const READING: Duration = Duration::from_millis(40);

/// Files of a rule that nobody has read.
type Unread = (usize, Vec<(Box<[u8]>, Seen)>);

/// A watch that is under way.
pub(in crate::commands) struct Watching<'a> {
    engine: &'a Engine,
    means: &'a Means<'a>,
    rules: Arc<[Rule]>,
    watcher: Watcher,
    trees: Vec<Tree>,
    services: BTreeMap<String, Queue>,
    /// `None` while the engine is not heard from.
    events: Option<Events>,
    jobs: FuturesUnordered<LocalBoxFuture<'a, Done>>,
    reports: Reports,
    heard: UnboundedReceiver<Event>,
    told: VecDeque<Event>,
    /// The files that are read, so that it is known what is in them.
    unread: VecDeque<Unread>,
    /// Folders that cannot be read, which has been told.
    unreadable: BTreeSet<PathBuf>,
    /// When all has to be looked at: the system tells of no changes in some folders.
    next_look: Option<Instant>,
}

impl<'a> Watching<'a> {
    /// Begins to watch: sends what the rules want to be sent first.
    ///
    /// # Errors
    /// A system or an engine that has no ear for us; targets that cannot be.
    pub(in crate::commands) async fn begin(
        rules: Vec<Rule>,
        engine: &'a Engine,
        means: &'a Means<'a>,
    ) -> Result<Self, Error> {
        // Whatever happens from now on is told.
        let events = engine.events(means.project()).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        let (attached, _) = mpsc::unbounded_channel();
        let mut services: BTreeMap<String, Queue> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            services.entry(rule.service.clone()).or_default().rules.push(index);
        }
        let mut watching = Self {
            engine,
            means,
            trees: rules.iter().map(|_| Tree::default()).collect(),
            rules: rules.into(),
            watcher: Watcher::new().map_err(Error::Files)?,
            services,
            events: Some(events),
            jobs: FuturesUnordered::new(),
            reports: Reports { events: sender, attached },
            heard,
            told: VecDeque::new(),
            unread: VecDeque::new(),
            unreadable: BTreeSet::new(),
            next_look: None,
        };
        let rows = engine.containers(means.project()).await?;
        // What there is to be warned of has been told before.
        let checked = check_targets(&watching.rules, &rows, engine, means.reach()).await;
        checked.map_err(Error::Project)?;
        for row in rows {
            if let Some(service) = watching.services.get_mut(row.label(labels::SERVICE))
                && !row.is_one_off()
            {
                service.known.insert(row.id.clone());
            }
        }
        watching.scan_all();
        watching.sync_at_first().await?;
        watching.read_at_first();
        Ok(watching)
    }

    /// Sends all of the rules that ask for it.
    async fn sync_at_first(&mut self) -> Result<(), Error> {
        let rules = Arc::clone(&self.rules);
        for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.initial_sync) {
            let tree = &self.trees[index];
            // Folders come with what is in them.
            let is_sent = |path: &&[u8]| !tree.has_below(path);
            let all: Vec<Place> =
                tree.paths().filter(is_sent).map(|path| (index, path.into())).collect();
            if let Some(service) = self.services.get_mut(&rule.service) {
                service.since.get_or_insert_with(Instant::now);
                service.owed.extend(all);
                service.is_first = true;
            }
        }
        self.launch();
        while !self.jobs.is_empty() {
            tokio::select! {
                Some(done) = self.jobs.next() => self.done(done),
                Some(event) = self.heard.recv() => self.told.push_back(event),
            }
            self.launch();
        }
        Ok(())
    }

    /// Reads as many files as there is time for; the rest is read later.
    fn read_at_first(&mut self) {
        let begin = Instant::now();
        for index in 0..self.rules.len() {
            let mut unread = self.trees[index].unread();
            unread.reverse();
            while begin.elapsed() < READING
                && let Some((path, seen)) = unread.pop()
            {
                let read = jobs::read(&self.rules[index], vec![(path, seen)]);
                for (path, seen) in read {
                    self.trees[index].learn(&path, seen);
                }
            }
            for some in unread.chunks(jobs::READ_AT_ONCE) {
                self.unread.push_back((index, some.to_vec()));
            }
        }
        self.read_more();
    }

    fn read_more(&mut self) {
        if let Some((index, some)) = self.unread.pop_front() {
            let rules = Arc::clone(&self.rules);
            self.jobs.push(Box::pin(jobs::read_some(rules, index, some)));
        }
    }

    /// What has been told by now.
    pub(in crate::commands) fn told(&mut self) -> impl Iterator<Item = Event> {
        self.told.drain(..)
    }

    /// Whether containers go at our own wish, to be started again or to be followed by others.
    pub(in crate::commands) fn is_stirring(&self) -> bool {
        // What has been done already may have to be told yet.
        !self.told.is_empty() || self.services.keys().any(|service| self.stirs(service, None))
    }

    /// The same of those of one service, or whether they did at that time: engines tell of it later.
    pub(in crate::commands) fn stirs(&self, service: &str, time: Option<Timestamp>) -> bool {
        self.services.get(service).is_some_and(|it| {
            if time.is_some_and(|time| it.stirred.is_some_and(|stirred| time <= stirred)) {
                return true;
            }
            let restarts = || it.rules.iter().any(|index| self.rules[*index].action.restarts());
            matches!(it.rebuild, Rebuild::Replacing(_)) || it.is_busy && restarts()
        })
    }

    /// Works on until there is something to tell.
    ///
    /// # Errors
    /// A system that is no longer heard from.
    pub(in crate::commands) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Ok(event);
            }
            self.launch();
            let due = self.services.values().filter_map(|service| service.batch.due()).min();
            let retries = self.services.values().filter(|it| !it.owed.is_empty() && !it.is_busy);
            let retry =
                retries.filter_map(|it| it.problem.as_ref().map(|(_, next, _)| *next)).min();
            let due =
                due.map(Instant::from_std).into_iter().chain(self.next_look).chain(retry).min();
            let is_deaf = self.events.is_none();
            tokio::select! {
                biased;
                Some(event) = self.heard.recv() => return Ok(event),
                happenings = self.watcher.next() => {
                    let happenings = happenings.map_err(Error::Files)?;
                    self.happened(happenings);
                }
                Some(done) = self.jobs.next() => self.done(done),
                event = next_event(&mut self.events) => self.engine_told(event),
                () = wait_until(due) => self.look_if_due(),
                () = tokio::time::sleep(RETRIES), if is_deaf => self.listen().await,
            }
        }
    }

    /// Takes note of what has happened to files.
    fn happened(&mut self, happenings: Vec<Happening>) {
        let now = std::time::Instant::now();
        for happening in happenings {
            match happening {
                Happening::Touched(path, touch) => self.touched(&path, touch, now),
                Happening::Folder(path) => self.appeared(&path, now),
                Happening::Lost => {
                    self.look_at_all();
                    let text = "more happened to files than the system tells of: all that is watched was looked at again";
                    self.told.push_back(Event::Warning(text.to_owned()));
                }
            }
        }
    }

    fn touched(&mut self, path: &Path, touch: Touch, now: std::time::Instant) {
        for service in self.services.values_mut() {
            service.touched(path, touch, now, &self.rules, &self.trees);
        }
    }

    /// A folder has appeared, with all that is in it by now.
    fn appeared(&mut self, path: &Path, now: std::time::Instant) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let Some(inner) = rule.inner(path) else { continue };
            let inner = inner.as_os_str().as_bytes();
            if rule.sieve.is_open(inner) || inner.is_empty() {
                // What was in a folder of that name may be gone.
                found.extend(self.trees[index].below(inner).map(|it| tree::joined(&rule.path, it)));
                self.scan(index, inner, &mut |path, _| {
                    found.push(tree::joined(&rule.path, path));
                });
            }
        }
        found.sort_unstable();
        found.dedup();
        for path in found {
            self.touched(&path, Touch::Closed, now);
        }
    }

    /// Walks through what a rule watches, and has all folders there watched.
    fn scan(&mut self, index: usize, inner: &[u8], found: &mut dyn FnMut(&[u8], Seen)) {
        let rules = Arc::clone(&self.rules);
        let rule = &rules[index];
        let mut problem = None;
        let mut add = |watcher: &mut Watcher, folder: &Path| {
            if let Err(error) = watcher.add(folder) {
                problem.get_or_insert((folder.to_owned(), error));
            }
        };
        if inner.is_empty()
            && let Some(parent) = rule.path.parent()
        {
            // The path itself may be replaced, or go away and come back.
            add(&mut self.watcher, parent);
        }
        let watcher = &mut self.watcher;
        let mut entering = |folder: &Path| add(watcher, folder);
        let (root, sieve) = (&rule.path, &rule.sieve);
        let mut scan = Scan { root, sieve, entering: &mut entering, found, problems: Vec::new() };
        scan.run(inner);
        let unreadable = scan.problems;
        for (path, error) in unreadable {
            let text = format!("`{}` is not watched: {error}", path.display());
            // It is told once.
            if self.unreadable.insert(path) {
                self.told.push_back(Event::Warning(text));
            }
        }
        let Some((path, error)) = problem.filter(|_| self.next_look.is_none()) else {
            return;
        };
        self.next_look = Some(Instant::now() + LOOKS);
        let seconds = LOOKS.as_secs();
        let help = match error {
            fs::Error::Limit => {
                "; raise the limit: sysctl fs.inotify.max_user_watches=1048576".to_owned()
            }
            fs::Error::Other(_) => String::new(),
        };
        let text = format!(
            "`{}` cannot be watched: {error}. All files are looked at every {seconds} s instead{help}",
            path.display()
        );
        self.told.push_back(Event::Warning(text));
    }

    fn scan_all(&mut self) {
        for index in 0..self.rules.len() {
            let mut tree = Tree::default();
            self.scan(index, b"", &mut |path, seen| tree.set(path, seen));
            self.trees[index] = tree;
        }
    }

    /// Has all looked at, as nobody has told what has changed.
    fn look_at_all(&mut self) {
        let rules = Arc::clone(&self.rules);
        for (index, rule) in rules.iter().enumerate() {
            let mut all: BTreeSet<Place> =
                self.trees[index].paths().map(|path| (index, path.into())).collect();
            self.scan(index, b"", &mut |path, _| {
                all.insert((index, path.into()));
            });
            if let Some(service) = self.services.get_mut(&rule.service) {
                service.since.get_or_insert_with(Instant::now);
                service.waiting.extend(all);
            }
        }
    }

    fn look_if_due(&mut self) {
        if self.next_look.is_some_and(|next| next <= Instant::now()) {
            self.look_at_all();
            self.next_look = Some(Instant::now() + LOOKS);
        }
    }

    /// Starts all work that can be started.
    fn launch(&mut self) {
        let now = Instant::now();
        for (name, service) in &mut self.services {
            service.gather(now.into_std(), &self.rules);
            let replaces = matches!(service.rebuild, Rebuild::Replacing(_));
            if !service.is_busy
                && !replaces
                && self.events.is_some()
                && let Some(order) = service.order(name, &self.rules, &self.trees)
            {
                service.is_busy = true;
                let (engine, means) = (self.engine, self.means);
                let (rules, reports) = (Arc::clone(&self.rules), self.reports.clone());
                self.jobs.push(Box::pin(jobs::sync(engine, means, rules, order, reports)));
            }
            if service.rebuild == Rebuild::No
                && let Some(since) = service.wants_rebuild.take()
            {
                service.rebuild = Rebuild::Building(since);
                let (means, engine, name) = (self.means, self.engine, name.clone());
                let reports = self.reports.clone();
                let what = WatchState::Begun("rebuilding".to_owned());
                self.told.push_back(rebuild(&name, what, since));
                self.jobs.push(Box::pin(async move {
                    let result = means.build(engine, &name, &reports).await;
                    Done::Built { service: name, result }
                }));
            }
        }
    }

    /// Takes note of what a job has done.
    fn done(&mut self, done: Done) {
        match done {
            Done::Read { index, read } => {
                for (path, seen) in read {
                    self.trees[index].learn(&path, seen);
                }
                self.read_more();
            }
            Done::Sent(sent) => self.sent(*sent),
            Done::Built { service: name, result } => {
                let Some(service) = self.services.get_mut(&name) else { return };
                let Rebuild::Building(since) = service.rebuild else { return };
                match result {
                    Ok(()) => {
                        service.rebuild = Rebuild::Replacing(since);
                        let (means, engine, name) = (self.means, self.engine, name);
                        let reports = self.reports.clone();
                        self.jobs.push(Box::pin(async move {
                            let result = means.replace(engine, &name, &reports).await;
                            Done::Replaced { service: name, result }
                        }));
                    }
                    Err(problem) => {
                        service.rebuild = Rebuild::No;
                        self.told.push_back(rebuild(&name, WatchState::Failed(problem), since));
                    }
                }
            }
            Done::Replaced { service: name, result } => {
                let Some(service) = self.services.get_mut(&name) else { return };
                let Rebuild::Replacing(since) = service.rebuild else { return };
                service.rebuild = Rebuild::No;
                service.stirred = Some(Timestamp::now());
                let what = match result {
                    Ok(()) => WatchState::Done("rebuilt".to_owned()),
                    Err(problem) => WatchState::Failed(problem),
                };
                self.told.push_back(rebuild(&name, what, since));
            }
        }
    }

    /// Takes note of what a service has been sent.
    fn sent(&mut self, sent: Sent) {
        let Some(service) = self.services.get_mut(&sent.service) else { return };
        if sent.has_restarted {
            service.stirred = Some(Timestamp::now());
        }
        let is_owed = sent.problem.is_some() && sent.is_passing;
        let told = service.settle(sent.problem, sent.told, !sent.looked.is_empty());
        for (index, looked) in sent.looked {
            let (rule, tree) = (&self.rules[index], &mut self.trees[index]);
            let path = (index, looked.path.clone());
            // Rules that send all at first send all to new containers as well.
            let is_sent_anyway = rule.initial_sync && looked.now.is_some();
            if looked.change.is_some() && rule.target.is_some() && !is_sent_anyway {
                service.given.insert(path.clone());
            }
            if is_owed && looked.change.is_some() {
                service.owed.insert(path);
            }
            match looked.now {
                Some(seen) => tree.set(&looked.path, seen),
                None => tree.remove(&looked.path),
            }
        }
        service.known.extend(sent.containers);
        service.known.retain(|id| !sent.gone.contains(id));
        if let Some(since) = sent.wants_rebuild {
            service.wants_rebuild.get_or_insert(since);
        }
        self.told.extend(told);
    }

    /// Takes note of what has happened to containers.
    fn engine_told(&mut self, event: Option<EngineEvent>) {
        let Some(event) = event else {
            self.events = None;
            return;
        };
        let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
        if attribute(labels::ONE_OFF) == "True" || !attribute(labels::HOOK).is_empty() {
            return;
        }
        let Some(service) = self.services.get_mut(attribute(labels::SERVICE)) else { return };
        match event.action.as_str() {
            "start" => {
                self.means.reach().forget(&event.id);
                if let Some((_, next, _)) = &mut service.problem {
                    *next = Instant::now();
                }
                let loses = service.rules.iter().any(|index| self.rules[*index].is_volatile);
                if !service.known.contains(&event.id) {
                    service.fresh.insert(event.id, "a new container");
                } else if loses {
                    service.known.remove(&event.id);
                    service.fresh.insert(event.id, "its container has started again");
                }
            }
            "destroy" | "remove" => {
                service.known.remove(&event.id);
                service.fresh.remove(&event.id);
                self.means.reach().forget(&event.id);
            }
            _ => {}
        }
    }

    /// Listens to the engine again, if it can be reached.
    async fn listen(&mut self) {
        let project = self.means.project();
        let Ok(events) = self.engine.events(project).await else { return };
        let Ok(rows) = self.engine.containers(project).await else { return };
        for service in self.services.values_mut() {
            service.known.clear();
            service.fresh.clear();
        }
        // What was on its way may have got lost.
        for row in rows {
            if let Some(service) = self.services.get_mut(row.label(labels::SERVICE))
                && !row.is_one_off()
            {
                service.fresh.insert(row.id.clone(), "the engine was gone");
            }
        }
        self.events = Some(events);
        let text = "the engine was gone for a while: what had been sent is sent again";
        self.told.push_back(Event::Warning(text.to_owned()));
    }
}

fn rebuild(service: &str, what: WatchState, since: Instant) -> Event {
    let service = service.to_owned();
    Event::Watched { service, action: WatchAction::Rebuild, what, taken: since.elapsed() }
}

async fn next_event(events: &mut Option<Events>) -> Option<EngineEvent> {
    match events {
        Some(events) => events.next().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

//! What jobs hold, and what is left of those that were killed.
#![expect(clippy::disallowed_methods, reason = "the system tells of processes in files")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::compose::units::nanoseconds;
use crate::engine::{Engine, Leased};
use crate::labels::Lease;
use crate::plan::{self, Known, Plan, Removal};
use crate::report::table;

/// How old something must be whose holder nobody here can look for: no job takes so long.
pub(in crate::commands) const OLD: &str = "6h";

/// How often is looked for what the engine has made since on behalf of a job that was killed, or what
/// another sweep is removing.
const ROUNDS: usize = 20;

/// As often, where nothing has failed: what is in use by others stays.
const CALM_ROUNDS: usize = 3;

/// Between two such looks.
pub(super) const SOON: Duration = Duration::from_millis(250);

/// A lease of this process.
pub(super) fn new(kept: bool) -> Lease {
    let process = std::process::id();
    Lease {
        place: place().unwrap_or_default(),
        process,
        start: match look(process) {
            Sign::Runs(start) => start,
            Sign::Gone | Sign::Unknown => 0,
        },
        since: Timestamp::now().as_second(),
        kept,
    }
}

/// Where our numbers of processes mean the same: containers have their own.
fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let namespace = namespace.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.to_owned();
    Some(format!("{}/{namespace}", boot.trim()))
}

/// What can be seen of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// It runs, and started at this tick.
    Runs(u64),
    Gone,
    /// It may run, but is hidden from us.
    Unknown,
}

fn look(process: u32) -> Sign {
    if let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) {
        return read(&text);
    }
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    match id.map(test_kill_process) {
        Some(Ok(()) | Err(Errno::PERM)) => Sign::Unknown,
        _ => Sign::Gone,
    }
}

/// Reads what the system says of a process. Its name, in parentheses, may have any character.
fn read(text: &str) -> Sign {
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let words: Vec<&str> = after.split_whitespace().collect();
    match (words.first(), words.get(19).and_then(|word| word.parse().ok())) {
        // One that has ended, of which nobody has taken note yet.
        (Some(&("Z" | "X" | "x")), _) => Sign::Gone,
        (Some(_), Some(tick)) => Sign::Runs(tick),
        _ => Sign::Unknown,
    }
}

/// Which leases are over.
struct Judge {
    /// Where we are; empty if that is not known.
    place: String,
    now: i64,
    /// Seconds.
    patience: i64,
}

impl Judge {
    /// Whether a lease is over: its holder is gone or, if that cannot be seen from here, it is old.
    fn is_over(&self, lease: &Lease, look: impl Fn(u32) -> Sign) -> bool {
        let is_old = self.now.saturating_sub(lease.since) > self.patience;
        if lease.place.is_empty() || lease.place != self.place {
            return is_old;
        }
        match look(lease.process) {
            Sign::Runs(start) if start == lease.start => false,
            // Another process has its number now.
            Sign::Runs(_) | Sign::Gone => !lease.kept || is_old,
            Sign::Unknown => is_old,
        }
    }
}

/// Reads `--older-than`.
pub(in crate::commands) fn patience(text: &str) -> Result<Duration, Error> {
    let time = nanoseconds(text).and_then(|it| u64::try_from(it).ok());
    time.map(Duration::from_nanos).ok_or_else(|| {
        Error::Usage(format!(
            "invalid --older-than option \"{text}\": use a duration such as 90m or 6h"
        ))
    })
}

/// What a sweep has removed.
#[derive(Debug, Default)]
pub(in crate::commands) struct Swept {
    pub projects: BTreeSet<String>,
    /// What was in them.
    containers: BTreeSet<String>,
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
    images: BTreeSet<String>,
}

impl Swept {
    fn add(&mut self, it: &Leased) {
        self.projects.insert(it.project.clone());
        let containers = it.observed.containers.iter().chain(&it.observed.hooks);
        self.containers.extend(containers.map(|it| it.id.clone()));
        self.networks.extend(it.observed.networks.iter().map(|it| it.id.clone()));
        self.volumes.extend(it.observed.volumes.iter().map(|it| it.name.clone()));
        self.images.extend(it.images.iter().cloned());
    }

    /// `2 containers, 1 network`.
    pub(in crate::commands) fn text(&self) -> String {
        let mut parts = Vec::new();
        for (count, what) in [
            (self.containers.len(), "container"),
            (self.networks.len(), "network"),
            (self.volumes.len(), "volume"),
            (self.images.len(), "image"),
        ] {
            if count > 0 {
                parts.push(table::counted(count, what));
            }
        }
        parts.join(", ")
    }
}

/// Removes what is left of jobs that are gone; a dry run shows it, and changes nothing.
///
/// # Errors
/// Those of the engine, and what could not be removed.
pub(in crate::commands) async fn sweep(
    engine: &Engine,
    patience: Duration,
    context: &mut Context,
    signals: &mut Signals,
) -> Result<Swept, Error> {
    let judge = Judge {
        place: place().unwrap_or_default(),
        now: Timestamp::now().as_second(),
        patience: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
    };
    let mut swept = Swept::default();
    for round in 0..ROUNDS {
        let mut over = engine.leased().await?;
        over.retain(|it| Lease::parse(&it.lease).is_some_and(|it| judge.is_over(&it, look)));
        if over.is_empty() {
            break;
        }
        let mut problem = None;
        for it in &over {
            swept.add(it);
            let plan =
                removal(it, Known::of_labels(&it.project, &it.observed), Some(Duration::ZERO));
            let removed =
                session::carry_out(&plan, &it.project, None, engine, context, signals).await;
            match removed {
                Ok(_) => {}
                Err(Error::Project(problems)) => problem = Some(Error::Project(problems)),
                Err(error) => return Err(error),
            }
        }
        if context.options.dry_run {
            break;
        }
        // What one sweep cannot remove, another one may have, or may be about to.
        match problem {
            Some(error) if round + 1 == ROUNDS => return Err(error),
            None if round + 1 >= CALM_ROUNDS => break,
            _ if !is_left(engine, &over).await? => break,
            _ => tokio::time::sleep(SOON).await,
        }
    }
    Ok(swept)
}

/// Whether anything of these holders is left.
async fn is_left(engine: &Engine, gone: &[Leased]) -> Result<bool, Error> {
    let is_of =
        |it: &Leased, other: &Leased| it.lease == other.lease && it.project == other.project;
    let left = engine.leased().await?;
    Ok(left.iter().any(|it| gone.iter().any(|other| is_of(it, other))))
}

/// Plans the removal of all that a holder has, in the order of `down`.
pub(super) fn removal(leased: &Leased, mut known: Known, grace: Option<Duration>) -> Plan {
    known.add_orphans(&leased.observed);
    let wanted = Removal {
        services: BTreeSet::new(),
        orphans: true,
        volumes: true,
        images: leased.images.clone(),
        grace,
        at_once: grace == Some(Duration::ZERO),
    };
    plan::down(&leased.project, &known, &leased.observed, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_run() {
        let lease = new(false);
        assert!(!lease.place.is_empty() && lease.start > 0);
        assert_eq!(look(lease.process), Sign::Runs(lease.start));
        assert_eq!(look(u32::MAX), Sign::Gone);
    }

    #[test]
    fn what_the_system_says_of_processes() {
        let rest = "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        assert_eq!(read(&format!("7 (a) R b) S {rest}")), Sign::Runs(4711));
        assert_eq!(read(&format!("7 (x) Z {rest}")), Sign::Gone);
        assert_eq!(read("7 (x"), Sign::Unknown);
    }

    #[test]
    fn leases_that_are_over() {
        let judge = Judge { place: "here".to_owned(), now: 10_000, patience: 3_600 };
        let check = |place: &str, since: i64, kept: bool, sign: Sign, want: bool| {
            let lease = Lease { place: place.to_owned(), process: 7, start: 5, since, kept };
            assert_eq!(judge.is_over(&lease, |_| sign), want, "{lease} {sign:?}");
        };
        // Here its holder counts, whatever the age.
        check("here", 0, false, Sign::Runs(5), false);
        check("here", 9_999, false, Sign::Runs(6), true);
        check("here", 9_999, false, Sign::Gone, true);
        check("here", 9_999, false, Sign::Unknown, false);
        check("here", 0, false, Sign::Unknown, true);
        // What is kept stays for a while, and for as long as its holder.
        check("here", 9_999, true, Sign::Gone, false);
        check("here", 0, true, Sign::Gone, true);
        check("here", 0, true, Sign::Runs(5), false);
        // Elsewhere the age counts, whoever has that number here.
        for place in ["there", ""] {
            check(place, 9_999, false, Sign::Gone, false);
            check(place, 6_400, false, Sign::Gone, false);
            check(place, 6_399, false, Sign::Runs(5), true);
        }
    }

    #[test]
    fn durations_of_the_flag() {
        assert_eq!(patience("90m").unwrap(), Duration::from_secs(5_400));
        assert_eq!(patience(OLD).unwrap(), Duration::from_secs(21_600));
        assert_eq!(patience("0").unwrap(), Duration::ZERO);
        for text in ["", "often", "-1h", "5"] {
            assert!(patience(text).is_err(), "{text}");
        }
    }
}

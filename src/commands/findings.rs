//! What can be found out about a container that is not as it should be, in words.

use std::time::Duration;

use crate::compose::units::go_duration;
use crate::engine::{Engine, HealthRun, Inspected, LogOptions};
use crate::execute::Probe;
use crate::state::observed::State;

/// Lines of a container's output that are shown.
pub(super) const TAIL: usize = 10;

/// Runs of a health check that are shown.
const RUNS: usize = 3;

/// A container with its last words.
pub(super) struct Findings {
    pub container: Inspected,
    /// The last lines that it wrote; empty if it wrote nothing, or if its output is kept elsewhere.
    pub output: String,
}

impl Findings {
    /// Looks at a container; `None` if it is gone.
    pub(super) async fn of(engine: &Engine, id: &str) -> Option<Self> {
        let container = engine.inspect(id).await.ok()?;
        let output = last_lines(engine, id, container.tty).await.unwrap_or_default();
        Some(Self { container, output })
    }

    /// What there is to say, each without the container's name: how it ended, what its health check
    /// said, what it wrote.
    pub(super) fn notes(&self, probe: Option<&Probe>) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.end());
        notes.extend(self.health(probe));
        if !self.output.is_empty() {
            notes.push(format!("{} last wrote:{}", self.container.name, indented(&self.output)));
        }
        notes
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(State::parse(&self.container.status), State::Exited | State::Dead)
    }

    /// What the exit code means, where it means something.
    fn end(&self) -> Option<String> {
        let container = &self.container;
        if !self.is_over() {
            return (container.restart_count > 0).then(|| {
                let count = container.restart_count;
                format!("the engine has started it again {count} times; {}", self.code())
            });
        }
        let restarts = match container.restart_count {
            0 => String::new(),
            count => format!(", {count} restarts"),
        };
        Some(format!("{}{restarts}", self.code()))
    }

    /// The exit code with its meaning.
    fn code(&self) -> String {
        let code = self.container.exit_code;
        match meaning(code, self.container.out_of_memory) {
            Some(meaning) => format!("exit code {code}: {meaning}"),
            None => format!("exit code {code}"),
        }
    }

    fn health(&self, probe: Option<&Probe>) -> Option<String> {
        let container = &self.container;
        let check = container.health_test.as_ref()?;
        let health = container.health.as_deref().unwrap_or("unknown");
        if health == "healthy" {
            return None;
        }
        let mut text = format!(
            "its health check is `{}`, every {}, at most {} each",
            check.command.join(" "),
            go(check.interval),
            go(check.timeout)
        );
        let log = &container.health_log;
        let runs = log[log.len().saturating_sub(RUNS)..].iter().map(run);
        let mut lines: Vec<String> = runs.collect();
        if let Some(probe) = probe {
            lines.push(match probe.code {
                Some(code) => run(&HealthRun {
                    exit_code: code,
                    output: probe.output.clone(),
                    ..HealthRun::default()
                }),
                None => format!("no answer within {}", go(check.timeout)),
            });
        }
        // The same answer again and again is one answer.
        lines.dedup();
        for line in &lines {
            text = format!("{text}\nthe health check said: {line}");
        }
        Some(text)
    }

    /// What to do about it, where that is known.
    pub(super) fn help(&self) -> Option<&'static str> {
        let container = &self.container;
        if !self.is_over() {
            return None;
        }
        if container.out_of_memory {
            return Some("raise `mem_limit`, or let it use less memory");
        }
        match container.exit_code {
            126 => Some("make its command executable, and build it for the engine's platform"),
            127 => Some("check `command` and `entrypoint`: the image has no such program"),
            0 => Some(
                "give it a command that stays in the foreground, or wait for it with `service_completed_successfully`",
            ),
            _ => None,
        }
    }
}

fn run(run: &HealthRun) -> String {
    match (run.output.as_str(), run.exit_code) {
        ("", code) => format!("nothing, with exit code {code}"),
        (output, 1) => output.to_owned(),
        (output, code) => format!("{output} (exit code {code})"),
    }
}

fn go(time: Duration) -> String {
    go_duration(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// What an exit code says, as shells and engines use them.
pub(super) fn meaning(code: i64, out_of_memory: bool) -> Option<&'static str> {
    Some(match code {
        _ if out_of_memory => "killed, as it used more memory than it may",
        0 => "its main process finished",
        125 => "the engine could not start it",
        126 => "its command cannot be run",
        127 => "its command was not found",
        129 => "ended by SIGHUP",
        130 => "ended by SIGINT",
        131 => "ended by SIGQUIT",
        132 => "ended by SIGILL: a program for another processor",
        134 => "ended by SIGABRT: it gave up itself",
        135 => "ended by SIGBUS",
        136 => "ended by SIGFPE",
        137 => "killed by SIGKILL: it did not stop in time, or ran out of memory",
        139 => "ended by SIGSEGV: a memory fault of the program",
        141 => "ended by SIGPIPE",
        143 => "ended by SIGTERM: it was asked to stop",
        _ => return None,
    })
}

/// Text after a colon: one line behind it, several below.
pub(super) fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n{text}").replace('\n', "\n  ") } else { format!(" {text}") }
}

/// The last lines that a container wrote, if any.
async fn last_lines(engine: &Engine, id: &str, tty: bool) -> Option<String> {
    let options = LogOptions { tail: Some(TAIL.to_string()), ..LogOptions::default() };
    let mut stream = engine.logs(id, tty, &options).await.ok()?;
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk.bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(container: Inspected) -> Findings {
        Findings {
            container: Inspected { name: "p-a-1".to_owned(), ..container },
            output: "one\ntwo".to_owned(),
        }
    }

    #[test]
    fn an_end_is_told_with_its_meaning() {
        let ended = |exit_code, out_of_memory| {
            let status = "exited".to_owned();
            findings(Inspected { status, exit_code, out_of_memory, ..Inspected::default() })
        };
        assert_eq!(
            ended(127, false).notes(None),
            ["exit code 127: its command was not found", "p-a-1 last wrote:\n  one\n  two"]
        );
        assert_eq!(ended(3, false).notes(None)[0], "exit code 3");
        assert!(ended(137, true).notes(None)[0].contains("more memory than it may"));
        assert!(ended(137, true).help().unwrap().contains("mem_limit"));
        assert_eq!(ended(3, false).help(), None);
    }

    #[test]
    fn health_checks_are_told_with_what_they_said() {
        let test = crate::engine::HealthTest {
            command: vec!["test".to_owned(), "-e".to_owned(), "/x".to_owned()],
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(1),
        };
        let bad = HealthRun { exit_code: 1, output: "no".to_owned(), ..HealthRun::default() };
        let sick = findings(Inspected {
            status: "running".to_owned(),
            health: Some("unhealthy".to_owned()),
            health_test: Some(test),
            health_log: vec![bad.clone(), bad],
            ..Inspected::default()
        });
        let want = "its health check is `test -e /x`, every 30s, at most 1s each\n\
                    the health check said: no";
        assert_eq!(sick.notes(None)[0], want);
        let late = Probe { code: None, output: String::new() };
        assert!(sick.notes(Some(&late))[0].ends_with("said: no answer within 1s"));
    }
}

//! What a job says and writes of how it went.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::commands::dossier::{self, Case, Verdict};
use crate::commands::exit::Error;
use crate::commands::explain;
use crate::commands::findings::Findings;
use crate::commands::job::{Job, Logs, Task, absolute, exports, say, speaks};
use crate::commands::options::Context;

/// How far a job has come, and how it went.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// How long it took until the stack was ready, or could not be.
    pub start: Duration,
    pub is_ready: bool,
    /// What was wrong, in one line and in full.
    pub problem: Option<(String, String)>,
    /// The exit code of what was to be run.
    pub code: Option<u8>,
    /// How long that took.
    pub taken: Duration,
    pub interrupted: bool,
}

impl Story {
    pub(super) fn has_failed(&self) -> bool {
        self.interrupted || self.code != Some(0)
    }
}

/// Output that may look like commands to the CI system is kept from it by this word.
struct Guard<'a>(Option<&'a str>);

impl Guard<'_> {
    fn begin(&self, title: &str) -> String {
        match self.0 {
            Some(word) => format!("::group::{title}\n::stop-commands::{word}\n"),
            None => format!("==> {title} <==\n"),
        }
    }

    fn end(&self) -> String {
        self.0.map_or("\n".to_owned(), |word| format!("::{word}::\n::endgroup::\n"))
    }
}

impl Job<'_> {
    /// Says and writes how it went.
    ///
    /// # Errors
    /// Files that cannot be written, and those of the engine.
    pub(super) async fn tell(&self, story: &Story, context: &mut Context) -> Result<(), Error> {
        if speaks(context) && !story.interrupted {
            let wanted = match self.flags.logs {
                Logs::Always => true,
                Logs::Failure => story.has_failed(),
                Logs::Never => false,
            };
            if wanted {
                self.show_logs(context).await?;
            }
            if story.has_failed() {
                self.show_report(context).await?;
            }
        }
        let cases = self.cases(story).await?;
        say(&self.summary(story, &cases), context);
        if let Some(path) = context.env.non_empty("GITHUB_STEP_SUMMARY") {
            exports::append(&absolute(path, context), &self.markdown(story, &cases))?;
        }
        if let Some(path) = &self.flags.junit {
            let path = absolute(path, context);
            exports::make_parent(&path)?;
            dossier::write_junit(&path, &self.title, &cases)?;
        }
        if let Some(folder) = &self.flags.report {
            dossier::keep(folder, self.project(), self.engine).await?;
            dossier::write_junit(&Path::new(folder).join("junit.xml"), &self.title, &cases)?;
        }
        Ok(())
    }

    fn guard(&self, context: &Context) -> Guard<'_> {
        let is_github = context.env.get("GITHUB_ACTIONS") == Some("true");
        Guard(is_github.then_some(&self.word))
    }

    /// Shows what each service has written.
    async fn show_logs(&self, context: &mut Context) -> Result<(), Error> {
        let guard = self.guard(context);
        let observed = self.engine.observe_containers(self.project()).await?;
        for (service, containers) in dossier::services(&observed) {
            let terminal = &mut context.terminal;
            terminal.err(&guard.begin(&format!("Logs of {service}")));
            let mut last = b'\n';
            let write = &mut |bytes: &[u8]| {
                last = bytes.last().copied().unwrap_or(last);
                terminal.err_bytes(bytes);
                Ok(())
            };
            dossier::output(self.project(), self.engine, &containers, write).await?;
            let line_end = if last == b'\n' { "" } else { "\n" };
            terminal.err(&format!("{line_end}{}", guard.end()));
        }
        Ok(())
    }

    /// Shows what there is to say of each service.
    async fn show_report(&self, context: &mut Context) -> Result<(), Error> {
        let planning = self.up.planning();
        let services: Vec<&str> =
            planning.desired.services.iter().map(|service| service.name.as_str()).collect();
        if services.is_empty() {
            return Ok(());
        }
        let model = &planning.model;
        let text = explain::tell(self.project(), &services, model, self.engine, context).await?;
        let guard = self.guard(context);
        context.terminal.err(&format!("{}{text}{}", guard.begin("Services"), guard.end()));
        Ok(())
    }

    /// What was to succeed: the start, each service, and what was run.
    async fn cases(&self, story: &Story) -> Result<Vec<Case>, Error> {
        let start = Case {
            name: "start".to_owned(),
            taken: story.start,
            result: match &story.problem {
                Some((what, text)) if !story.is_ready => {
                    Verdict::Failed(what.clone(), text.clone())
                }
                _ if story.is_ready => Verdict::Passed,
                _ => Verdict::Skipped("interrupted".to_owned()),
            },
            output: String::new(),
        };
        let mut cases = vec![start];
        let ready = self.up.timeline().ready();
        cases.extend(dossier::cases(self.project(), self.engine, &ready).await?);
        let result = match (story.code, &story.problem) {
            _ if story.interrupted => Verdict::Skipped("interrupted".to_owned()),
            (Some(0), _) => Verdict::Passed,
            (Some(code), _) => Verdict::Failed(format!("ended with code {code}"), String::new()),
            (None, Some((what, text))) if story.is_ready => {
                Verdict::Failed(what.clone(), text.clone())
            }
            (None, _) => Verdict::Skipped("the stack did not start".to_owned()),
        };
        let output = self.last_words().await;
        cases.push(Case { name: self.task.title(), taken: story.taken, result, output });
        Ok(cases)
    }

    /// What the container that was run has last written.
    async fn last_words(&self) -> String {
        let Task::Service(one_off) = &self.task else { return String::new() };
        let observed = self.engine.observe_containers(self.project()).await.unwrap_or_default();
        let mut all = observed.containers.iter();
        let own = all.find(|it| it.one_off && it.service == one_off.service);
        match own {
            Some(container) => {
                let findings = Findings::of(self.engine, &container.id).await;
                findings.map_or(String::new(), |it| it.output)
            }
            None => String::new(),
        }
    }

    fn headline(&self, story: &Story) -> String {
        let start = seconds(story.start);
        let title = self.task.title().replace('`', "'");
        match (story.is_ready, story.code) {
            _ if story.interrupted => format!("`{title}` was interrupted"),
            (true, Some(code)) => {
                let taken = seconds(story.taken);
                format!("`{title}` ended with code {code} after {taken}; ready after {start}")
            }
            (true, None) => format!("`{title}` could not be run; ready after {start}"),
            (false, _) => format!("`{title}` was not run: the stack did not start, in {start}"),
        }
    }

    /// For people at a terminal.
    fn summary(&self, story: &Story, cases: &[Case]) -> String {
        let mut text = format!("{}\n", self.headline(story));
        let width = services(cases).map(|case| case.name.len()).max().unwrap_or_default();
        for case in services(cases) {
            let _ = writeln!(text, "  {:width$}  {}", case.name, state(case));
        }
        format!("{text}\n{}", self.up.timeline().text())
    }

    /// For a page of the CI system.
    fn markdown(&self, story: &Story, cases: &[Case]) -> String {
        let mut text = format!("### {}\n\n| service | state |\n|---|---|\n", self.headline(story));
        for case in services(cases) {
            let state = state(case).replace('|', "\\|").replace('\n', " ");
            let _ = writeln!(text, "| `{}` | {state} |", case.name);
        }
        if let Some((_, problem)) = &story.problem {
            let _ = writeln!(text, "\n````text\n{}\n````", problem.trim_end());
        }
        let _ = writeln!(
            text,
            "\n<details><summary>Until it was ready</summary>\n\n```text\n{}```\n\n</details>\n",
            self.up.timeline().text()
        );
        text
    }
}

/// Those in the middle: the start is before them, and behind them what was run.
fn services(cases: &[Case]) -> impl Iterator<Item = &Case> {
    cases.iter().skip(1).take(cases.len().saturating_sub(2))
}

fn state(case: &Case) -> String {
    match &case.result {
        Verdict::Passed => format!("ready after {}", seconds(case.taken)),
        Verdict::Failed(what, _) => format!("failed: {what}"),
        Verdict::Skipped(why) => why.clone(),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

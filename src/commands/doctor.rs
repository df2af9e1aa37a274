//! `doctor`: which engines there are, which one is used, and what is wrong with it.

use std::fmt::Write as _;

use serde_json::json;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::discover::{self, Attempt};
use crate::engine::facts::Api;
use crate::engine::{About, DockerConfig, Engine};
use crate::report::table;

/// Show which engines there are, which one is used, and what is wrong
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Format of the output: pretty or json
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    format: String,
}

/// A place where an engine may be.
struct Place {
    address: String,
    whose: String,
    /// What answers there, or why nobody does.
    found: Result<String, String>,
}

/// Something that is wrong, and what to do about it.
struct Problem {
    message: String,
    help: String,
}

/// All that was found out.
struct Report {
    places: Vec<Place>,
    /// The engine that commands use.
    used: Option<(String, Api, About)>,
    problems: Vec<Problem>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let as_json = match args.format.as_str() {
        "pretty" => false,
        "json" => true,
        other => return Err(Error::Usage(format!("unsupported format {other:?}"))),
    };
    let report = session::block_on(examine(context))?;
    let text = if as_json { report.json() } else { report.pretty() };
    context.terminal.out(&text)?;
    Ok(if report.used.is_some() { Exit::Success } else { Exit::Failure })
}

async fn examine(context: &Context) -> Result<Report, Error> {
    let mut report = Report { places: Vec::new(), used: None, problems: Vec::new() };
    if let Some(message) = DockerConfig::find(&context.env).problem() {
        let help = "mend the file, or remove it; contexts and credentials in it are not used";
        report.problems.push(Problem { message, help: help.to_owned() });
    }
    let attempts = match discover::survey(&context.env, &context.engine()).await {
        Ok(attempts) => attempts,
        Err(error) => {
            let help = error.help().unwrap_or_default();
            report.problems.push(Problem { message: error.to_string(), help });
            return Ok(report);
        }
    };
    for attempt in attempts {
        report.note(&attempt);
    }
    // What commands would use is what they would do, down to an engine that is started for them.
    let wanted = context.engine();
    match Engine::connect(&context.env, &wanted, None).await {
        Ok(engine) => {
            let about = engine.about().await?;
            report.problems.extend(shortcomings(&engine, &about));
            report.used = Some((engine.address(), engine.facts().api, about));
        }
        Err(error) => {
            let help = error.help().unwrap_or_default();
            report.problems.push(Problem { message: error.to_string(), help });
        }
    }
    Ok(report)
}

/// What the engine lacks for some projects.
fn shortcomings(engine: &Engine, about: &About) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |message: &str, help: &str| {
        problems.push(Problem { message: message.to_owned(), help: help.to_owned() });
    };
    for warning in &about.warnings {
        let text = warning.trim_start_matches("WARNING: ");
        say(&format!("the engine warns: {text}"), "see the documentation of the engine");
    }
    if !about.checks_health {
        say(
            "health checks are left to timers of systemd",
            "without systemd they are run only while a command of rcompose waits for them",
        );
    } else if engine.facts().api < Api(1, 44) {
        say(
            "it cannot test a starting container more often (`start_interval`)",
            "upgrade to Docker 25 or later",
        );
    }
    if !about.buildkit {
        say(
            "it builds images without BuildKit",
            "builds that need a session (secrets of the client, its ssh agent) need Docker 23 or later",
        );
    }
    if about.rootless && about.cgroups.starts_with("v1") {
        say(
            "without root and with version 1 of control groups, limits of memory, processors and \
             processes have no effect, and nothing can be paused",
            "boot with `systemd.unified_cgroup_hierarchy=1`, or run the engine as root",
        );
    }
    problems
}

impl Report {
    /// Takes in how an engine was looked for.
    fn note(&mut self, attempt: &Attempt) {
        let address = attempt.candidate.endpoint.to_string();
        let whose = attempt.candidate.whose.clone();
        let found = match &attempt.outcome {
            Ok((_, facts)) => Ok(facts.summary()),
            Err(error) => {
                if let (true, Some(help)) = (attempt.is_denied(), error.help()) {
                    let message = format!("{address}: permission denied");
                    self.problems.push(Problem { message, help });
                }
                Err(attempt.problem())
            }
        };
        self.places.push(Place { address, whose, found });
    }

    fn is_used(&self, place: &Place) -> bool {
        self.used.as_ref().is_some_and(|(address, ..)| *address == place.address)
    }

    fn pretty(&self) -> String {
        let mut text = "Engines:\n".to_owned();
        let rows: Vec<[String; 4]> = self
            .places
            .iter()
            .map(|place| {
                let mark = match &place.found {
                    Ok(_) if self.is_used(place) => "* used",
                    Ok(_) => "  there",
                    Err(_) => "  -",
                };
                let found = match &place.found {
                    Ok(found) => found,
                    Err(why) => why,
                };
                [mark.to_owned(), place.address.clone(), place.whose.clone(), found.clone()]
            })
            .collect();
        text.push_str(&table::aligned(&rows, 0, 2));
        if let Some((address, api, about)) = &self.used {
            let _ = writeln!(text, "\nUsed: {address}");
            let rows = details(*api, about).map(|(name, value)| [format!("  {name}"), value]);
            text.push_str(&table::aligned(&rows, 0, 2));
        }
        text.push_str("\nProblems:\n");
        if self.problems.is_empty() {
            text.push_str("  none\n");
        }
        for Problem { message, help } in &self.problems {
            let _ = writeln!(text, "  {message}\n    help: {help}");
        }
        text
    }

    fn json(&self) -> String {
        let places: Vec<_> = self
            .places
            .iter()
            .map(|place| {
                json!({
                    "address": place.address,
                    "whose": place.whose,
                    "answers": place.found.is_ok(),
                    "used": place.found.is_ok() && self.is_used(place),
                    "found": place.found.as_ref().ok(),
                    "problem": place.found.as_ref().err(),
                })
            })
            .collect();
        let used = self.used.as_ref().map(|(address, api, about)| {
            json!({
                "address": address,
                "name": about.name,
                "api": api.to_string(),
                "system": about.system,
                "platform": about.platform,
                "cpus": about.cpus,
                "memory": about.memory,
                "rootless": about.rootless,
                "storage": about.storage,
                "folder": about.folder,
                "cgroups": about.cgroups,
                "logging": about.logging,
                "buildkit": about.buildkit,
                "checks_health": about.checks_health,
            })
        });
        let problems: Vec<_> = self
            .problems
            .iter()
            .map(|problem| json!({"message": problem.message, "help": problem.help}))
            .collect();
        format!("{}\n", json!({"engines": places, "engine": used, "problems": problems}))
    }
}

fn details(api: Api, about: &About) -> [(&'static str, String); 9] {
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let memory = about.memory / (1 << 20);
    [
        ("engine", format!("{}, API {api}", about.name)),
        ("system", format!("{}, {}", about.system, about.platform)),
        ("resources", format!("{} processors, {memory} MiB of memory", about.cpus)),
        ("rootless", word(about.rootless)),
        ("storage", format!("{} in {}", about.storage, about.folder)),
        ("cgroups", about.cgroups.clone()),
        ("logging", if about.logging.is_empty() { "default" } else { &about.logging }.to_owned()),
        ("BuildKit", word(about.buildkit)),
        (
            "health",
            if about.checks_health { "by the engine" } else { "by systemd, or rcompose" }
                .to_owned(),
        ),
    ]
}

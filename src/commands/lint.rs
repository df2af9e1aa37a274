//! `lint`: what reviewers would say of the files of a project.

use std::collections::BTreeMap;
use std::path::Path;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::compose::files::Files;
use crate::compose::{EnvFiles, Steps, paths};
use crate::context;
use crate::diagnostic::{Diagnostics, Format, Severity, nearest};
use crate::lint::read::Measure;
use crate::lint::{self, Level, Levels, Rule, manual, read, sarif};
use crate::report::table;

/// Show what reviewers would flag in the Compose files and their Dockerfiles
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose lint                                          All findings, with reasons
  rcompose lint --format sarif                           For code scanning
  rcompose lint --allow floating-tag --fail-on warning   Strict, but for one rule
  rcompose lint --explain leaked-secret                  Why a rule is one")]
pub(super) struct Args {
    /// Services to look at (all, whatever their profiles, if none are named)
    services: Vec<String>,
    /// Do not look for this rule
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,
    /// Make findings of this rule warnings
    #[arg(long, value_name = "RULE")]
    warn: Vec<String>,
    /// Make findings of this rule errors
    #[arg(long, value_name = "RULE")]
    deny: Vec<String>,
    /// Findings of this weight or more end it with exit code 1: error, warning, info or never
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    fail_on: String,
    /// Format of the output: plain, json (an object a line), sarif or github
    #[arg(long, value_name = "FORMAT", default_value = "plain")]
    format: String,
    /// List all rules
    #[arg(long)]
    rules: bool,
    /// Say why a rule is one, and what to do instead
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    Sarif,
    Github,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = match args.format.as_str() {
        "plain" => Form::Plain,
        "json" => Form::Json,
        "sarif" => Form::Sarif,
        "github" => Form::Github,
        other => return Err(Error::Usage(format!("unsupported format {other:?}"))),
    };
    let worst = match args.fail_on.as_str() {
        "error" => Some(Severity::Error),
        "warning" => Some(Severity::Warning),
        "info" => Some(Severity::Info),
        "never" => None,
        other => {
            let message = "expected error, warning, info or never";
            return Err(Error::Usage(format!("unknown --fail-on value {other:?}: {message}")));
        }
    };
    let levels = levels(args)?;
    if args.rules {
        context.terminal.out(&table::aligned(&manual::rows(), 0, 2))?;
        return Ok(Exit::Success);
    }
    if let Some(id) = &args.explain {
        context.terminal.out(&manual::explain(rule(id)?))?;
        return Ok(Exit::Success);
    }
    let findings = findings(args, &levels, context)?;
    let text = match form {
        Form::Sarif => sarif::document(&findings, &context.sources, &levels),
        Form::Json => findings.render(&context.sources, Format::Json),
        Form::Github => findings.render(&context.sources, Format::Github),
        Form::Plain if context.terminal.colours_output() => {
            findings.render(&context.sources, Format::Coloured)
        }
        Form::Plain => findings.render(&context.sources, Format::Plain),
    };
    context.terminal.out(&text)?;
    if form == Form::Plain {
        context.terminal.err(&sum(&findings));
    }
    let fails = worst.is_some_and(|worst| findings.iter().any(|it| it.severity >= worst));
    Ok(if fails { Exit::Failure } else { Exit::Success })
}

/// What the flags make of the rules; the strictest that is said of one holds.
fn levels(args: &Args) -> Result<Levels, Error> {
    let mut levels = Levels::default();
    let named =
        [(&args.allow, Level::Off), (&args.warn, Level::Warning), (&args.deny, Level::Error)];
    for (ids, level) in named {
        for id in ids.iter().flat_map(|ids| ids.split(',')) {
            levels.set(rule(id)?, level);
        }
    }
    Ok(levels)
}

fn rule(id: &str) -> Result<&'static Rule, Error> {
    lint::rule(id).ok_or_else(|| {
        let near = nearest(id, lint::rules::RULES.iter().map(|rule| rule.id));
        let hint = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
        Error::Usage(format!("no such rule: {id}{hint}"))
    })
}

fn findings(args: &Args, levels: &Levels, context: &mut Context) -> Result<Diagnostics, Error> {
    // Env files may hold secrets, and say nothing of the files that are looked at.
    let steps = Steps {
        env_files: EnvFiles::Unread,
        dependencies: false,
        all_resources: true,
        required_variables: false,
        ..context.steps()
    };
    let model = context.load(&args.services, &steps)?;
    // A profile that is off is no reason to look away.
    let whole = args.services.is_empty();
    let cwd = paths::clean(&context.env.working_directory().to_string_lossy());
    let images = read::read(&model, whole, &Files::Disk, &cwd, &mut context.sources, &measure);
    Ok(lint::lint(&model, whole, &images, &context.sources, levels))
}

/// So many files are counted at the most: who copies more has seen enough.
const MOST_COUNTED: u64 = 100_000;

/// What travels of a context; `None` if it cannot be read, which the build will say.
fn measure(folder: &str, dockerfile: Option<&str>) -> Option<Measure> {
    let folder = Path::new(folder);
    let ignored = context::ignore_file(folder, dockerfile.map(Path::new)).ok()?;
    if ignored.is_some_and(|file| !file.patterns.is_empty()) {
        return Some(Measure { is_filtered: true, ..Measure::default() });
    }
    let mut measure = Measure::default();
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for entry in context::open(folder, context::Filter::default()).ok()? {
        let entry = entry.ok()?;
        let bytes = if entry.kind == context::Kind::File { entry.size } else { 0 };
        measure.bytes += bytes;
        measure.files += u64::from(entry.kind != context::Kind::Folder);
        if let Some(top) = entry.path.components().next() {
            *sizes.entry(top.as_os_str().to_string_lossy().into_owned()).or_default() += bytes;
        }
        if measure.files == MOST_COUNTED {
            measure.is_cut = true;
            break;
        }
    }
    measure.largest = sizes.into_iter().collect();
    measure.largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Some(measure)
}

/// The last line for people.
fn sum(findings: &Diagnostics) -> String {
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let counts = [
        (count(Severity::Error), "error", "errors"),
        (count(Severity::Warning), "warning", "warnings"),
        (count(Severity::Info), "remark", "remarks"),
    ];
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    if parts.is_empty() {
        "nothing to flag\n".to_owned()
    } else {
        format!("{}\n", parts.join(", "))
    }
}

//! `ls`: the projects of the engine.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::ProjectRow;
use crate::report::table;
use crate::source::Span;
use crate::state::observed::State;

/// List projects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose ls -a                   Also projects of which nothing runs
  rcompose ls --filter name=shop   By name")]
pub(super) struct Args {
    /// Also projects of which nothing runs
    #[arg(short, long)]
    all: bool,
    /// Only projects with this name, or a name that this expression finds (name=EXPRESSION)
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Format of the output: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Names alone
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let as_json = listing::is_json(&args.format)?;
    let wanted: Vec<Name> =
        args.filter.iter().map(|filter| Name::parse(filter)).collect::<Result<_, _>>()?;
    let projects = session::block_on(async { Ok(context.connect().await?.projects().await?) })?;
    let mut warnings = Diagnostics::default();
    let rows: Vec<(String, String, String)> = projects
        .into_iter()
        .filter(|project| wanted.is_empty() || wanted.iter().any(|it| it.finds(&project.name)))
        .filter_map(|project| {
            let status = status(&project, args.all)?;
            let files = project.config_files.map_or_else(
                || {
                    let name = &project.name;
                    let message = format!("a container of project `{name}` does not say its files");
                    warnings.push(Diagnostic::warning(Span::NOWHERE, message));
                    "N/A".to_owned()
                },
                |files| files.join(","),
            );
            Some((project.name, status, files))
        })
        .collect();
    context.show(&warnings);
    let text = if args.quiet {
        table::lines(rows.iter().map(|(name, ..)| name))
    } else if as_json {
        let rows: Vec<Entry<'_>> = rows
            .iter()
            .map(|(name, status, config_files)| Entry { name, status, config_files })
            .collect();
        format!("{}\n", serde_json::to_string(&rows).unwrap_or_default())
    } else {
        let mut cells = vec![["NAME", "STATUS", "CONFIG FILES"].map(str::to_owned)];
        cells.extend(rows.into_iter().map(|(name, status, files)| [name, status, files]));
        table::columns(&cells, 20)
    };
    context.terminal.out(&text)?;
    Ok(Exit::Success)
}

/// As JSON has it, with the keys of the peer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    name: &'a str,
    status: &'a str,
    config_files: &'a str,
}

/// What `--filter` asks of a name.
struct Name {
    text: String,
    expression: regex_lite::Regex,
}

impl Name {
    fn parse(filter: &str) -> Result<Self, Error> {
        let Some((key, text)) = filter.split_once('=') else {
            let message = format!("bad format of filter {filter:?}: use name=EXPRESSION");
            return Err(Error::Usage(message));
        };
        if key.trim().to_lowercase() != "name" {
            return Err(Error::Usage(format!("invalid filter '{key}'")));
        }
        let text = text.trim().to_owned();
        let expression = regex_lite::Regex::new(&text)
            .map_err(|error| Error::Usage(format!("invalid filter {filter:?}: {error}")))?;
        Ok(Self { text, expression })
    }

    fn finds(&self, name: &str) -> bool {
        self.text == name || self.expression.is_match(name)
    }
}

/// The states of a project's containers with their numbers; `None` if it is not to be listed.
fn status(project: &ProjectRow, all: bool) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for state in project.states.iter().filter(|state| all || State::parse(state).is_up()) {
        *counts.entry(state).or_default() += 1;
    }
    let words: Vec<String> =
        counts.iter().map(|(state, count)| format!("{state}({count})")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

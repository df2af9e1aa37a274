//! `ls`: the projects of the engine.

use std::collections::BTreeMap;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::ProjectRow;
use crate::report::table;
use crate::state::observed::State;

/// List projects
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also projects of which nothing runs
    #[arg(short, long)]
    all: bool,
    /// Format of the output: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Names alone
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let as_json = match args.format.as_str() {
        "table" => false,
        "json" => true,
        other => {
            let message = format!("format value {other:?} could not be parsed: use table or json");
            return Err(Error::Usage(message));
        }
    };
    let projects = session::block_on(async { Ok(context.connect().await?.projects().await?) })?;
    let rows: Vec<(String, String, String)> = projects
        .into_iter()
        .filter_map(|project| {
            let status = status(&project, args.all)?;
            Some((project.name, status, project.config_files))
        })
        .collect();
    let text = if args.quiet {
        table::lines(rows.iter().map(|(name, ..)| name))
    } else if as_json {
        let rows: Vec<serde_json::Value> = rows
            .iter()
            .map(|(name, status, files)| {
                serde_json::json!({"Name": name, "Status": status, "ConfigFiles": files})
            })
            .collect();
        format!("{}\n", serde_json::Value::from(rows))
    } else {
        let mut cells = vec![["NAME", "STATUS", "CONFIG FILES"].map(str::to_owned)];
        cells.extend(rows.into_iter().map(|(name, status, files)| [name, status, files]));
        table::columns(&cells, 20)
    };
    context.terminal.out(&text)?;
    Ok(Exit::Success)
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

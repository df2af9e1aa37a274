//! `ps`: the containers of a project.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing::{self, Form};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::{ContainerRow, DockerConfig, Engine, Inspected};
use crate::labels;
use crate::report::time::Timestamp;
use crate::report::{containers, table};
use crate::state::observed::State;

/// States that `--status` knows.
pub(super) const STATES: [&str; 7] =
    ["paused", "restarting", "removing", "running", "dead", "created", "exited"];

/// List containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose ps                                          Running containers
  rcompose ps -a --format json                         All of them, for programs
  rcompose ps --format 'table {{.Name}} {{.Status}}'   Columns of your choice")]
pub(super) struct Args {
    /// Services to list (all, if none are named)
    services: Vec<String>,
    /// Also containers that do not run, and one-off containers
    #[arg(short, long)]
    all: bool,
    /// Format of the output: table, json, raw, TEMPLATE or `table TEMPLATE`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Only containers in this state
    #[arg(long, value_name = "STATE")]
    status: Vec<String>,
    /// Only containers in this state (status=STATE)
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// IDs alone
    #[arg(short, long)]
    quiet: bool,
    /// Names of services alone
    #[arg(long = "services")]
    list_services: bool,
    /// Also containers of services that are not in the files
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    orphans: bool,
    /// Cut nothing short
    #[arg(long)]
    no_trunc: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = match args.format.as_str() {
        "" => {
            DockerConfig::find(&context.env).text("psFormat").unwrap_or_else(|| "table".to_owned())
        }
        other => other.to_owned(),
    };
    let form = Form::parse(&form, containers::FORMS, context)?;
    let mut states: BTreeSet<&str> = args.status.iter().map(String::as_str).collect();
    for filter in &args.filter {
        match filter.split_once('=') {
            Some(("status", state)) => states.insert(state),
            Some((key, _)) => return Err(Error::Usage(format!("unknown filter {key}"))),
            None => {
                let message = "arguments to --filter should be in form KEY=VAL";
                return Err(Error::Usage(message.to_owned()));
            }
        };
    }
    if let Some(unknown) = states.iter().find(|state| !STATES.contains(state)) {
        let message = format!("there is no state `{unknown}`: use {}", STATES.join(", "));
        return Err(Error::Usage(message));
    }
    let (project, model) = context.project_or_name(&args.services)?;
    let declared = model.as_ref().filter(|_| !args.orphans);
    let is_wanted = |row: &ContainerRow| {
        let service = row.label(labels::SERVICE);
        if args.services.is_empty() {
            declared.is_none_or(|model| model.services.contains_key(service))
        } else {
            args.services.iter().any(|wanted| wanted == service)
        }
    };
    let rows = session::block_on(async {
        let engine = context.connect().await?;
        let mut rows = engine.containers_with_health(&project).await?;
        let all = args.all || !states.is_empty();
        rows.retain(|row| {
            let shown = all || (!row.is_one_off() && listing::is_listed(row));
            // Engines have words of their own for some.
            let state = State::parse(&row.state);
            let asked = states.is_empty() || states.iter().any(|it| State::parse(it) == state);
            shown && asked && is_wanted(row)
        });
        rows.sort_by(|a, b| a.name().cmp(b.name()));
        let must_look = containers::INSPECTED.iter().any(|field| form.asks_for(field));
        if must_look && !args.quiet && !args.list_services {
            inspect_all(&engine, rows).await
        } else {
            Ok(rows.into_iter().map(|row| (row, Inspected::default())).collect())
        }
    })?;
    let text = if args.quiet {
        table::lines(rows.iter().map(|(row, _)| &row.id))
    } else if args.list_services {
        let mut names: Vec<&str> = Vec::new();
        for (row, _) in &rows {
            if !names.contains(&row.label(labels::SERVICE)) {
                names.push(row.label(labels::SERVICE));
            }
        }
        format!("{}\n", names.join("\n"))
    } else {
        let now = Timestamp::now();
        let rows = rows
            .into_iter()
            .map(|(row, state)| containers::row(row, &state, &project, !args.no_trunc, now));
        form.render(containers::TITLES, rows, context)?
    };
    context.terminal.out(&text)?;
    // The program is about to end: giving large trees back piece by piece would only take time.
    std::mem::forget(model);
    Ok(Exit::Success)
}

/// Adds what only a look at each container tells.
async fn inspect_all(
    engine: &Engine,
    rows: Vec<ContainerRow>,
) -> Result<Vec<(ContainerRow, Inspected)>, Error> {
    let states = join_all(rows.iter().map(|row| engine.inspect(&row.id))).await;
    let mut both = Vec::with_capacity(rows.len());
    for (row, state) in rows.into_iter().zip(states) {
        match state {
            Ok(state) => both.push((row, state)),
            // It went while we were looking.
            Err(crate::engine::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(both)
}

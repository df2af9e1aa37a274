//! `top`: the processes of containers.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::{self, ContainerRow, Processes};
use crate::labels;
use crate::report::table;
use crate::state::observed::State;

/// Show the processes of containers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let project = context.name()?;
    let found = session::block_on(async {
        let engine = context.connect().await?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(|row| {
            let service = row.label(labels::SERVICE);
            State::parse(&row.state).is_up()
                && (args.services.is_empty() || args.services.iter().any(|it| it == service))
        });
        rows.sort_by(|a, b| a.name().cmp(b.name()));
        let mut found = Vec::new();
        for row in rows {
            match engine.top(&row.id).await {
                Ok(processes) => found.push((row, processes)),
                // It has ended since it was listed.
                Err(engine::Error::NotFound(_) | engine::Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    })?;
    context.terminal.out(&table(&found))?;
    Ok(Exit::Success)
}

/// One row for each process. Containers may know different columns; the command stands last.
fn table(found: &[(ContainerRow, Processes)]) -> String {
    let mut titles: Vec<&str> = Vec::new();
    for title in found.iter().flat_map(|(_, processes)| &processes.titles) {
        if !titles.contains(&title.as_str()) {
            titles.push(title);
        }
    }
    if titles.is_empty() {
        return String::new();
    }
    titles.sort_by_key(|title| matches!(*title, "CMD" | "COMMAND"));
    let mut rows =
        vec![["SERVICE", "#"].iter().chain(&titles).map(|it| (*it).to_owned()).collect()];
    for (row, processes) in found {
        for process in &processes.processes {
            let own =
                [labels::SERVICE, labels::CONTAINER_NUMBER].map(|it| row.label(it).to_owned());
            let cells = titles.iter().map(|title| {
                let column = processes.titles.iter().position(|it| it == title);
                column.and_then(|at| process.get(at)).map_or("-", String::as_str).to_owned()
            });
            let cells: Vec<String> = own.into_iter().chain(cells).collect();
            rows.push(cells);
        }
    }
    table::aligned(&rows, 4, 2)
}

//! `images`: the images that containers were made from.

use futures_util::future::join_all;
use serde::Serialize;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::{self, ContainerRow, ImageRow, familiar};
use crate::labels;
use crate::report::time::Timestamp;
use crate::report::{size, table};

/// List images of containers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Format of the output: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// IDs alone
    #[arg(short, long)]
    quiet: bool,
}

/// As JSON has it, with the keys of the peer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    container_name: &'a str,
    repository: &'a str,
    tag: &'a str,
    platform: String,
    size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tag_time: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let as_json = listing::is_json(&args.format)?;
    let project = context.name()?;
    let found = session::block_on(async {
        let engine = context.connect().await?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(|row| {
            let service = row.label(labels::SERVICE);
            args.services.is_empty() || args.services.iter().any(|it| it == service)
        });
        rows.sort_by(|a, b| a.name().cmp(b.name()));
        let images = join_all(rows.iter().map(|row| engine.image_row(&row.image))).await;
        let mut found = Vec::with_capacity(rows.len());
        for (row, image) in rows.into_iter().zip(images) {
            let image = match image {
                Ok(image) => image,
                // The container outlives its image.
                Err(engine::Error::NotFound(_)) => {
                    ImageRow { id: row.image_id.clone(), ..ImageRow::default() }
                }
                Err(error) => return Err(error.into()),
            };
            found.push((row, image));
        }
        Ok(found)
    })?;
    let text = if args.quiet {
        let mut ids: Vec<&str> = Vec::new();
        for (_, image) in &found {
            let id = image.id.split_once(':').map_or(&*image.id, |(_, id)| id);
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        table::lines(ids)
    } else if as_json {
        json(&found)
    } else {
        table(&found)
    };
    context.terminal.out(&text)?;
    Ok(Exit::Success)
}

fn json(found: &[(ContainerRow, ImageRow)]) -> String {
    let entries: Vec<Entry<'_>> = found
        .iter()
        .map(|(row, image)| {
            let (repository, tag) = familiar(&row.image);
            Entry {
                id: &image.id,
                container_name: row.name(),
                repository,
                tag,
                platform: image.platform(),
                size: image.size,
                last_tag_time: image.tagged().map(|time| time.to_string()),
            }
        })
        .collect();
    // As the peer: nothing is not an empty list, and a blank line follows.
    match serde_json::to_string(&entries) {
        Ok(text) if !entries.is_empty() => format!("{text}\n\n"),
        _ => "null\n\n".to_owned(),
    }
}

fn table(found: &[(ContainerRow, ImageRow)]) -> String {
    let header = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];
    let mut cells = vec![header.map(str::to_owned)];
    let or_none = |text: &str| if text.is_empty() { "<none>".to_owned() } else { text.to_owned() };
    let now = Timestamp::now();
    cells.extend(found.iter().map(|(row, image)| {
        let (repository, tag) = familiar(&row.image);
        let id = image.id.split_once(':').map_or(&*image.id, |(_, id)| id);
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let bytes = image.size as f64;
        let created = image.tagged().map_or_else(
            || "N/A".to_owned(),
            |time| Timestamp::from_seconds(time.as_second()).ago(now),
        );
        [
            row.name().to_owned(),
            or_none(repository),
            or_none(tag),
            image.platform(),
            id.get(..12).unwrap_or(id).to_owned(),
            size::decimal(bytes),
            created,
        ]
    }));
    table::columns(&cells, 20)
}

//! `volumes`: the volumes of a project.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::exit::{Error, Exit};
use crate::commands::listing::{self, Form};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::VolumeRow;
use crate::labels;
use crate::report::format::Named;
use crate::report::table;
use crate::report::template::{Labels, Row, Value};

/// List volumes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Services whose volumes are listed (all, if none are named)
    services: Vec<String>,
    /// Format of the output: table, json, raw, TEMPLATE or `table TEMPLATE`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Names alone
    #[arg(short, long)]
    quiet: bool,
}

const FORMS: Named = Named {
    table: "{{.Driver}}\\t{{.Name}}",
    raw: Some("name: {{.Name}}\\ndriver: {{.Driver}}\\n"),
};

const TITLES: [(&str, &str); 10] = [
    ("Availability", "AVAILABILITY"),
    ("Driver", "DRIVER"),
    ("Group", "GROUP"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
    ("Size", "SIZE"),
    ("Status", "STATUS"),
];

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = Form::parse(&args.format, FORMS, context)?;
    let (project, _) = context.project_or_name(&args.services)?;
    let volumes = session::block_on(async {
        let engine = context.connect().await?;
        let mut volumes = engine.volume_rows(&project).await?;
        if !args.services.is_empty() {
            // Those that are mounted where something runs.
            let mut containers = engine.containers(&project).await?;
            containers.retain(|row| {
                let service = row.label(labels::SERVICE);
                listing::is_listed(row) && args.services.iter().any(|it| it == service)
            });
            let mounts = containers.iter().flat_map(|row| &row.mounts);
            let mounted: BTreeSet<&str> = mounts.map(|mount| mount.name.as_str()).collect();
            volumes.retain(|volume| mounted.contains(volume.name.as_str()));
        }
        Ok(volumes)
    })?;
    let text = if args.quiet {
        table::lines(volumes.iter().map(|volume| &volume.name))
    } else {
        form.render(&TITLES, volumes.iter().map(row), context)?
    };
    context.terminal.out(&text)?;
    Ok(Exit::Success)
}

fn row(volume: &VolumeRow) -> Row {
    let labels: Vec<String> =
        volume.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // What one machine alone does not have, or a list does not tell.
    let unknown = || Value::from("N/A");
    let fields = [
        ("Availability", unknown()),
        ("Driver", volume.driver.as_str().into()),
        ("Group", unknown()),
        ("Labels", labels.join(",").into()),
        ("Links", unknown()),
        ("Mountpoint", volume.mountpoint.as_str().into()),
        ("Name", volume.name.as_str().into()),
        ("Scope", volume.scope.as_str().into()),
        ("Size", unknown()),
        ("Status", unknown()),
    ];
    Row {
        what: "a volume",
        fields: BTreeMap::from(fields),
        labels: Labels::Of(volume.labels.clone()),
    }
}

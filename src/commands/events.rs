//! `events`: what happens to containers, as it happens.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::EngineEvent;
use crate::labels;
use crate::report::template::escape_html;
use crate::report::time::Timestamp;

/// Show what happens to containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose events --json                   As they happen, an object a line
  rcompose events --since 1h --until 10m   Those of a time")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Show each event as a line of JSON
    #[arg(long)]
    json: bool,
    /// Also what happened since this time, or age such as 42m
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// End at this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// As JSON has it, with the keys of the peer.
#[derive(Serialize)]
struct Line<'a> {
    action: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    id: &'a str,
    service: &'a str,
    time: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let since = listing::moment("--since", args.since.as_deref())?;
    let until = listing::moment("--until", args.until.as_deref())?;
    let (project, _) = context.project_or_name(&args.services)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let mut events = tokio::select! {
            events = engine.events_between(&project, since, until) => events?,
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        loop {
            let event = tokio::select! {
                event = events.next() => event?,
                () = signals.next() => return Ok(Exit::Interrupted),
            };
            let Some(event) = event else {
                return Ok(Exit::Success);
            };
            if let Some(text) = line(&event, args) {
                context.terminal.out(&text)?;
                context.terminal.flush()?;
            }
        }
    })
}

/// An event as it is shown, if it is.
fn line(event: &EngineEvent, args: &Args) -> Option<String> {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    let service = attribute(labels::SERVICE);
    if attribute(labels::ONE_OFF) == "True"
        || !(args.services.is_empty() || args.services.iter().any(|it| it == service))
    {
        return None;
    }
    let attributes: BTreeMap<&str, &str> = event
        .attributes
        .iter()
        .filter(|(name, _)| !labels::is_own(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let action = match &event.health {
        Some(health) => &*format!("{}: {health}", event.action),
        None => &event.said,
    };
    let time = Timestamp::from(event.time);
    if args.json {
        let time = time.go_rfc3339(&TimeZone::system());
        let line = Line { action, attributes, id: &event.id, service, time, kind: "container" };
        return serde_json::to_string(&line).ok().map(|line| format!("{}\n", escape_html(&line)));
    }
    let attributes: Vec<String> =
        attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (time, id, attributes) =
        (time.go_micros(&TimeZone::system()), &event.id, attributes.join(", "));
    // A blank line follows, as with the peer.
    Some(format!("{time} container {action} {id} ({attributes})\n\n"))
}

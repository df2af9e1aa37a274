//! `stats`: what containers use of the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::stream::FuturesUnordered;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing::{self, Form};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::{DockerConfig, Engine, StatsStream, Usage};
use crate::labels;
use crate::report::format::Named;
use crate::report::size;
use crate::report::template::{Labels, Row, Value};

/// Show what containers use of the machine, again and again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose stats --no-stream   Once
  rcompose stats web           One service, again and again")]
pub(super) struct Args {
    /// Service (all, if none is named)
    service: Option<String>,
    /// Also containers that do not run
    #[arg(short, long)]
    all: bool,
    /// Format of the output: table, json, TEMPLATE or `table TEMPLATE`
    #[arg(long, value_name = "FORMAT", default_value = "", hide_default_value = true)]
    format: String,
    /// Show it once
    #[arg(long)]
    no_stream: bool,
    /// Cut nothing short
    #[arg(long)]
    no_trunc: bool,
}

const FORMS: Named = Named {
    table: "{{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}",
    raw: None,
};

const TITLES: [(&str, &str); 9] = [
    ("BlockIO", "BLOCK I/O"),
    ("CPUPerc", "CPU %"),
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET I/O"),
    ("PIDs", "PIDS"),
];

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// What has not been heard of for so long is not known any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// The engine looks twice, a second apart, before it says something once.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = match args.format.as_str() {
        "" => DockerConfig::find(&context.env)
            .text("statsFormat")
            .unwrap_or_else(|| "table".to_owned()),
        other => other.to_owned(),
    };
    let form = Form::parse(&form, FORMS, context)?;
    let project = context.name()?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let live = Live { args, project: &project, engine: &engine, form: &form };
        let shown = async {
            if args.no_stream { live.once(context).await } else { live.stream(context).await }
        };
        tokio::select! {
            shown = shown => shown.map(|()| Exit::Success),
            () = signals.next() => Ok(Exit::Interrupted),
        }
    })
}

struct Live<'a> {
    args: &'a Args,
    project: &'a str,
    engine: &'a Engine,
    form: &'a Form,
}

/// What was last heard of containers, by name and ID.
type Latest = BTreeMap<(String, String), Option<Usage>>;

impl<'a> Live<'a> {
    /// Names and IDs of the containers.
    async fn containers(&self) -> Result<Vec<(String, String)>, Error> {
        let mut rows = self.engine.containers(self.project).await?;
        rows.retain(|row| {
            (self.args.all || listing::is_listed(row))
                && self.args.service.as_ref().is_none_or(|it| it == row.label(labels::SERVICE))
        });
        Ok(rows.into_iter().map(|row| (row.name().to_owned(), row.id)).collect())
    }

    async fn once(&self, context: &mut Context) -> Result<(), Error> {
        let containers = self.containers().await?;
        let usages = join_all(containers.iter().map(|(_, id)| async move {
            let usage = async { self.engine.stats(id, false).await?.next().await };
            tokio::time::timeout(FIRST_PATIENCE, usage).await.ok()?.ok().flatten()
        }));
        let latest: Latest = containers.iter().cloned().zip(usages.await).collect();
        let text = self.render(&latest, context)?;
        context.terminal.out(&text)?;
        Ok(())
    }

    /// Shows what is known twice a second, and takes in containers that start meanwhile.
    async fn stream(&self, context: &mut Context) -> Result<(), Error> {
        let mut events = self.engine.events(self.project).await?;
        let mut latest = Latest::new();
        let mut streams: FuturesUnordered<LocalBoxFuture<'a, Heard>> = FuturesUnordered::new();
        for key in self.containers().await? {
            streams.push(Box::pin(open(self.engine, key.clone())));
            latest.insert(key, None);
        }
        // The first picture is whole.
        let mut unheard = latest.len();
        let begun = tokio::time::Instant::now();
        let mut pictures = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                biased;
                Some(mut heard) = streams.next(), if !streams.is_empty() => {
                    unheard = unheard.saturating_sub(usize::from(heard.first));
                    heard.first = false;
                    // It may have gone meanwhile.
                    if let Some(known) = latest.get_mut(&heard.key) {
                        known.clone_from(&heard.usage);
                        if heard.stream.is_some() {
                            streams.push(Box::pin(wait(heard)));
                        }
                    }
                }
                event = events.next() => {
                    let Some(event) = event? else { return Ok(()) };
                    match event.action.as_str() {
                        "start" | "create" | "destroy" => {}
                        "die" if !self.args.all => {}
                        _ => continue,
                    }
                    let there = self.containers().await?;
                    latest.retain(|key, _| there.contains(key));
                    for key in there {
                        if event.action == "start" && event.id == key.1 || !latest.contains_key(&key) {
                            streams.push(Box::pin(open(self.engine, key.clone())));
                            latest.entry(key).or_default();
                        }
                    }
                }
                _ = pictures.tick(), if unheard == 0 || begun.elapsed() > PATIENCE => {
                    let text = self.render(&latest, context)?;
                    context.terminal.redraw(&text)?;
                }
            }
        }
    }

    fn render(&self, latest: &Latest, context: &mut Context) -> Result<String, Error> {
        let rows = latest
            .iter()
            .map(|((name, id), usage)| row(name, id, usage.as_ref(), self.args.no_trunc));
        self.form.render(&TITLES, rows, context)
    }
}

/// A stream and what it last told; without a stream it has ended.
struct Heard {
    key: (String, String),
    usage: Option<Usage>,
    stream: Option<StatsStream>,
    first: bool,
}

async fn open(engine: &Engine, key: (String, String)) -> Heard {
    let stream = engine.stats(&key.1, true).await.ok();
    wait(Heard { key, usage: None, stream, first: true }).await
}

async fn wait(mut heard: Heard) -> Heard {
    heard.usage = None;
    if let Some(stream) = &mut heard.stream {
        match tokio::time::timeout(PATIENCE, stream.next()).await {
            Ok(Ok(Some(usage))) => heard.usage = Some(usage),
            // It may say something yet.
            Err(_) => {}
            Ok(_) => heard.stream = None,
        }
    }
    heard
}

fn row(name: &str, id: &str, usage: Option<&Usage>, whole: bool) -> Row {
    let text = |of: fn(&Usage) -> String, unknown: &str| -> Value {
        usage.map_or_else(|| unknown.to_owned(), of).into()
    };
    let pair = |[a, b]: [f64; 2]| format!("{} / {}", size::decimal(a), size::decimal(b));
    let fields = [
        ("BlockIO", usage.map_or_else(|| "--".to_owned(), |it| pair(it.blocks)).into()),
        ("CPUPerc", text(|it| format!("{:.2}%", it.cpu), "--")),
        ("Container", id.into()),
        ("ID", if whole { id } else { id.get(..12).unwrap_or(id) }.into()),
        ("MemPerc", text(|it| format!("{:.2}%", share(it)), "--")),
        (
            "MemUsage",
            text(
                |it| format!("{} / {}", size::binary(it.memory), size::binary(it.memory_limit)),
                "-- / --",
            ),
        ),
        ("Name", name.into()),
        ("NetIO", usage.map_or_else(|| "--".to_owned(), |it| pair(it.network)).into()),
        ("PIDs", text(|it| it.processes.to_string(), "--")),
    ];
    Row { what: "a container's usage", fields: BTreeMap::from(fields), labels: Labels::None }
}

fn share(usage: &Usage) -> f64 {
    if usage.memory_limit > 0.0 { usage.memory / usage.memory_limit * 100.0 } else { 0.0 }
}

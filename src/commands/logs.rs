//! `logs`: what containers have written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use futures_util::future::join_all;

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::outputs::{Order, Output, Outputs};
use crate::commands::session::{self, Signals};
use crate::compose::model::Model;
use crate::engine::{self, ContainerRow, Engine, LogOptions};
use crate::labels;
use crate::names;
use crate::report::logs::{LogPrinter, Style};
use crate::report::{Reporter, Streams};
use crate::state::observed::State;

/// View output of containers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose logs -f web db                Follow two services
  rcompose logs --since 10m --tail 100   The last minutes, at most 100 lines each
  rcompose logs --no-log-prefix web      One service, without its name in each line")]
pub(super) struct Args {
    /// Services to show (all, if none are named)
    services: Vec<String>,
    /// Go on with what containers write from now on
    #[arg(short, long)]
    follow: bool,
    /// Number of lines from the end of each container's output, or all
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all")]
    tail: String,
    /// Only what was written since then: a time (2013-01-02T13:23:37Z) or how long ago (42m)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what was written until then: a time (2013-01-02T13:23:37Z) or how long ago (42m)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Show the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// The container with this number, of one service
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
    /// Show output without colours
    #[arg(long)]
    no_color: bool,
    /// Show output without the names of containers
    #[arg(long)]
    no_log_prefix: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    if args.index > 0 && args.services.len() != 1 {
        return Err(Error::Usage("--index requires one service to be selected".to_owned()));
    }
    let (project, model) = context.project_or_name(&args.services)?;
    session::block_on(show(args, &project, model.as_ref(), context))
}

/// Which containers are shown.
struct Selection {
    /// `None`: of all services.
    services: Option<BTreeSet<String>>,
    index: u32,
}

impl Selection {
    fn new(args: &Args, model: Option<&Model>) -> Self {
        let services = match model {
            _ if !args.services.is_empty() => Some(args.services.iter().cloned().collect()),
            None => None,
            Some(model) => {
                let attach = |name: &str| model.node(&["services", name, "attach"]);
                let shown = |name: &&String| {
                    attach(name).and_then(crate::yaml::Node::as_bool) != Some(false)
                };
                Some(model.services.keys().filter(shown).cloned().collect())
            }
        };
        Self { services, index: args.index }
    }

    fn has(&self, service: &str, number: &str) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
            && (self.index == 0 || number.parse() == Ok(self.index))
    }
}

async fn show(
    args: &Args,
    project: &str,
    model: Option<&Model>,
    context: &mut Context,
) -> Result<Exit, Error> {
    let options = LogOptions {
        follow: args.follow,
        timestamps: true,
        tail: Some(args.tail.clone()),
        since: listing::moment("--since", args.since.as_deref())?,
        until: listing::moment("--until", args.until.as_deref())?,
    };
    let engine = context.connect().await?;
    let selection = Selection::new(args, model);
    let mut rows = engine.containers(project).await?;
    rows.retain(|row| {
        let number = row.label(labels::CONTAINER_NUMBER);
        !row.is_one_off() && selection.has(row.label(labels::SERVICE), number)
    });
    rows.sort_by(|a, b| a.name().cmp(b.name()));
    if args.index > 0 && rows.is_empty() {
        let message =
            format!("service \"{}\" is not running container #{}", args.services[0], args.index);
        return Err(Error::Usage(message));
    }
    let style = Style {
        colours: !args.no_color && context.terminal.colours_output(),
        no_prefix: args.no_log_prefix,
        timestamps: false,
    };
    let mut printer = LogPrinter::new(style);
    let sources: Vec<&str> = rows.iter().map(|row| source(project, row)).collect();
    printer.expect(sources);
    let mut signals = Signals::new(&context.terminal)?;
    let mut reporter = Reporter::new(&mut context.terminal, printer, Streams::Joined);
    let logs =
        Logs { project, engine: &engine, selection: &selection, options, stamps: args.timestamps };
    tokio::select! {
        shown = async {
            if args.follow { logs.follow(&rows, &mut reporter).await } else { logs.print(&rows, &mut reporter).await }
        } => shown.map(|()| Exit::Success),
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

fn source<'a>(project: &str, row: &'a ContainerRow) -> &'a str {
    names::short(project, row.label(labels::SERVICE), row.name())
}

struct Logs<'a> {
    project: &'a str,
    engine: &'a Engine,
    selection: &'a Selection,
    options: LogOptions,
    /// Whether lines are shown with their times.
    stamps: bool,
}

impl Logs<'_> {
    /// Prints what there is, in the order in which it was written.
    async fn print(&self, rows: &[ContainerRow], reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let mut outputs = Outputs::new(self.engine, Order::Time).with_stamps(self.stamps);
        self.begin(rows, &mut outputs).await?;
        while !outputs.is_empty() {
            tell(outputs.next().await, reporter)?;
        }
        reporter.flush()?;
        match outputs.broken() {
            Some(error) => Err(error.into()),
            // Output that ends because the engine does looks like any other.
            None => Ok(self.engine.ping().await?),
        }
    }

    /// Begins to read the output of containers; tells which of them run, by ID.
    async fn begin(
        &self,
        rows: &[ContainerRow],
        outputs: &mut Outputs<'_>,
    ) -> Result<BTreeMap<String, bool>, Error> {
        let mut running = BTreeMap::new();
        let found = join_all(rows.iter().map(|row| self.look(&row.id))).await;
        for (row, container) in rows.iter().zip(found) {
            let Some(container) = container? else { continue };
            let source = source(self.project, row);
            outputs.begin(&row.id, source, container.tty, self.options.clone());
            running.insert(row.id.clone(), State::parse(&container.status).is_up());
        }
        Ok(running)
    }

    /// Prints what there is and what comes, until no container is left that could write.
    async fn follow(
        &self,
        rows: &[ContainerRow],
        reporter: &mut Reporter<'_>,
    ) -> Result<(), Error> {
        let mut events = self.engine.events(self.project).await?;
        let mut outputs = Outputs::new(self.engine, Order::Live).with_stamps(self.stamps);
        let mut running = self.begin(rows, &mut outputs).await?;
        while !outputs.is_empty() || running.values().any(|up| *up) {
            tokio::select! {
                biased;
                event = session::next_event(&mut events) => {
                    let event = event?;
                    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
                    let service = attribute(labels::SERVICE);
                    let number = attribute(labels::CONTAINER_NUMBER);
                    if attribute(labels::ONE_OFF) == "True" || !self.selection.has(service, number) {
                        continue;
                    }
                    match event.action.as_str() {
                        "start" => {
                            let Some(container) = self.look(&event.id).await? else { continue };
                            running.insert(event.id.clone(), true);
                            let source = names::short(self.project, service, attribute("name"));
                            let base = container.last_output_since();
                            outputs.follow(&event.id, source, container.tty, base);
                        }
                        "die" => {
                            outputs.ended(&event.id, event.time);
                            let state = self.look(&event.id).await?.map_or(State::Dead, |container| {
                                State::parse(&container.status)
                            });
                            running.insert(event.id.clone(), state.is_up());
                        }
                        _ => {}
                    }
                }
                output = outputs.next() => tell(output, reporter)?,
            }
        }
        reporter.flush()?;
        Ok(())
    }

    /// Looks at a container that may be gone.
    async fn look(&self, id: &str) -> Result<Option<engine::Inspected>, Error> {
        match self.engine.inspect(id).await {
            Ok(container) => Ok(Some(container)),
            Err(engine::Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn tell(output: Output, reporter: &mut Reporter<'_>) -> io::Result<()> {
    match output {
        Output::Event(_, event) => reporter.on(&event),
        Output::Idle => reporter.flush(),
    }
}

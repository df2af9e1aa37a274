//! Jobs: a stack that is there for one command, and goes with it.
//!
//! Whatever a job makes carries a lease, so that what a killed one leaves can be told from everything
//! else, and be removed by the next.

mod child;
mod exports;
mod free;
pub(super) mod lease;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::commands::exit::{self, Error, Exit};
use crate::commands::fetching;
use crate::commands::job::exports::Exports;
use crate::commands::job::outcome::Story;
use crate::commands::options::Context;
use crate::commands::plan as plan_command;
use crate::commands::planning::{self, ImageFlags, Planning};
use crate::commands::preview::Form;
use crate::commands::programs::{self, Verb};
use crate::commands::run as one_off;
use crate::commands::session::{self, Signals};
use crate::commands::up::{self, Up};
use crate::diagnostic::{Diagnostic, Diagnostics, Format};
use crate::engine::{Engine, Leased};
use crate::labels::Lease;
use crate::plan::Known;
use crate::report::Progress;
use crate::source::Span;
use crate::yaml::Node;

/// Flags of `ci` and `test`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Flags {
    /// Let the engine choose all published ports, and leave out `container_name`, so that several jobs can
    /// run side by side
    #[arg(long)]
    free_ports: bool,
    /// Write ports and names of the services to this file, as variables
    #[arg(long, value_name = "FILE")]
    env_file: Option<String>,
    /// Write the outcome to this file, as `JUnit`
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
    /// Write output, containers and outcome of all services to this folder
    #[arg(long, value_name = "FOLDER")]
    report: Option<String>,
    /// When the output of all services is shown
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    logs: Logs,
    /// Leave all there at the end, for a look
    #[arg(long)]
    keep: bool,
    /// Leave what other jobs have left
    #[arg(long)]
    no_gc: bool,
    /// Age of what is removed where its holder cannot be looked for
    #[arg(long, value_name = "TIME", default_value = lease::OLD)]
    older_than: String,
    /// Seconds to wait at the most until all is ready (0: without end)
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_timeout: u32,
    /// Leave out what the services depend on
    #[arg(long)]
    no_deps: bool,
    /// Number of containers of a service
    #[arg(long = "scale", value_name = "SERVICE=NUM")]
    scale: Vec<String>,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// When to pull images: always, missing, never, or build to make them instead
    #[arg(long, value_name = "POLICY")]
    pull: Option<String>,
    /// Pull without showing how far it is
    #[arg(long)]
    quiet_pull: bool,
    #[command(flatten)]
    images: ImageFlags,
    /// Use exactly the images of `compose.lock.yaml`
    #[arg(long)]
    locked: bool,
    /// Take projects from elsewhere without asking
    #[arg(short, long)]
    yes: bool,
}

/// When the output of services is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Logs {
    /// At the end of each job
    #[default]
    Always,
    /// If something has failed
    Failure,
    /// Not at all
    Never,
}

impl Flags {
    fn wanted(&self, services: &[String]) -> planning::Wanted {
        planning::Wanted {
            services: services.to_vec(),
            no_deps: self.no_deps,
            scale: self.scale.clone(),
            timeout: self.timeout,
            pull: self.pull.clone(),
            quiet_pull: self.quiet_pull,
            images: self.images.clone(),
            locked: self.locked,
            // What is made here has no data to lose.
            yes: true,
            ..planning::Wanted::default()
        }
    }
}

/// What a stack is there for.
pub(super) enum Task<'a> {
    /// A command on this machine.
    Command(&'a [String]),
    /// A one-off container of a service.
    Service(&'a one_off::Args),
}

impl Task<'_> {
    fn title(&self) -> String {
        match self {
            Self::Command(words) => words.join(" "),
            Self::Service(args) if args.command.is_empty() => args.service.clone(),
            Self::Service(args) => format!("{}: {}", args.service, args.command.join(" ")),
        }
    }
}

/// Brings services (all if none are named) up, does the task, and takes all down.
pub(super) fn run(
    flags: &Flags,
    services: &[String],
    task: Task<'_>,
    context: &mut Context,
) -> Result<Exit, Error> {
    let patience = lease::patience(&flags.older_than)?;
    let word = one_off::slug()?;
    let suffix = format!("ci-{}", &word[..8]);
    context.suffix = Some(suffix.clone());
    let args = up::Args::waiting(flags.wanted(services), flags.wait_timeout);
    let mut model = Planning::load(args.wanted(), context)?;
    fetching::consent(&model, flags.yes, context)?;
    if flags.free_ports {
        context.show(&free::free(&mut model));
    }
    let mut planning = Planning::of(model, args.wanted(), context)?;
    let lease = lease::new(flags.keep);
    planning.hold(lease.clone());
    if let Task::Service(args) = &task {
        planning::known_service(&args.service, &planning.model)?;
        planning.set_aside(&args.service);
    }
    let project = &planning.desired.project;
    // Results are compared from run to run.
    let title = project.strip_suffix(&format!("-{suffix}")).unwrap_or(project).to_owned();
    let mut up = Up::new(&args, planning)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        if context.options.dry_run {
            let form = Form::of_dry_run(context);
            if !flags.no_gc {
                lease::sweep(&engine, patience, context, &mut signals).await?;
            }
            plan_command::show(up.planning_mut(), &engine, form, context).await?;
            return Ok(Exit::Success);
        }
        let job = Job { flags, task, title, word, lease, patience, engine: &engine, up };
        // On the heap, as it is much.
        Box::pin(job.run(context, &mut signals)).await
    })
}

struct Job<'a> {
    flags: &'a Flags,
    task: Task<'a>,
    /// What the project is called where its runs are compared.
    title: String,
    /// A word that nobody can know.
    word: String,
    lease: Lease,
    patience: Duration,
    engine: &'a Engine,
    up: Up<'a>,
}

impl Job<'_> {
    fn project(&self) -> &str {
        self.up.project()
    }

    async fn run(mut self, context: &mut Context, signals: &mut Signals) -> Result<Exit, Error> {
        let begun = self.begin(context, signals).await;
        if let Err(Error::Interrupted) = begun {
            return Ok(code_of(signals));
        }
        begun?;
        let mut story = Story::default();
        // On the heap, as it is much.
        if let Err(error) = Box::pin(self.work(&mut story, context, signals)).await
            && !matches!(error, Error::Interrupted)
        {
            let problems = exit::problems(error);
            let what = problems.iter().next().map(|it| it.message.clone()).unwrap_or_default();
            story.problem = Some((what, problems.render(&context.sources, Format::Plain)));
            context.show(&problems);
        }
        signals.catch_up().await;
        story.interrupted = signals.count() > 0;
        let told = tokio::select! {
            biased;
            () = signals.next() => Ok(()),
            told = self.tell(&story, context) => told,
        };
        let is_told = told.is_ok();
        if let Err(error) = told {
            context.show(&exit::problems(error));
        }
        if self.flags.keep {
            let project = self.project();
            let text = format!(
                "The stack is kept as project `{project}`; `rcompose -p {project} down -v` removes it\n"
            );
            say(&text, context);
        } else if let Err(error) = self.take_down(context, signals).await {
            if !matches!(error, Error::Interrupted) {
                context.show(&exit::problems(error));
            }
            let message = format!("some of project `{}` may be left", self.project());
            let left = Diagnostic::warning(Span::NOWHERE, message)
                .help("`rcompose gc` and the next job remove it");
            context.show(&left.into());
        }
        Ok(match story.code {
            _ if signals.count() > 0 => code_of(signals),
            Some(0) if !is_told => Exit::Failure,
            Some(code) => Exit::of(code.into()),
            None => Exit::Failure,
        })
    }

    /// Removes what others have left, and makes sure that nothing of the project is there.
    async fn begin(&self, context: &mut Context, signals: &mut Signals) -> Result<(), Error> {
        if !self.flags.no_gc {
            match lease::sweep(self.engine, self.patience, context, signals).await {
                Ok(swept) if swept.projects.is_empty() => {}
                Ok(swept) => {
                    let text = format!("Removed what killed jobs have left: {}\n", swept.text());
                    say(&text, context);
                }
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                // That is no reason not to work.
                Err(error) => {
                    let problems = exit::problems(error);
                    let why = problems.iter().next().map_or("", |it| it.message.as_str());
                    let message = format!("what other jobs have left cannot be removed: {why}");
                    context.show(&Diagnostic::warning(Span::NOWHERE, message).into());
                }
            }
        }
        let project = self.project();
        let there = self.engine.observe(project, &[], &[], &[]).await?;
        let is_there = !(there.containers.is_empty()
            && there.hooks.is_empty()
            && there.networks.is_empty()
            && there.volumes.is_empty());
        if is_there {
            let message =
                format!("project `{project}` is there already, and would be removed with its data");
            let problem = Diagnostic::error(Span::NOWHERE, message).help(format!(
                "leave its name out, as each job has one of its own; or remove it with `rcompose -p {project} down -v`"
            ));
            return Err(Error::Project(problem.into()));
        }
        Ok(())
    }

    /// Brings the stack up and does the task.
    async fn work(
        &mut self,
        story: &mut Story,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        let started = self.up.converge(self.engine, signals, context).await;
        story.start = begun.elapsed();
        if started? != Exit::Success {
            return Err(Error::Interrupted);
        }
        story.is_ready = true;
        let variables = self.export(context).await?;
        let begun = Instant::now();
        let code = match &self.task {
            Task::Command(command) => child::run(command, &variables, context, signals).await,
            Task::Service(args) => Box::pin(self.run_service(args, context, signals)).await,
        };
        story.taken = begun.elapsed();
        story.code = Some(code?);
        Ok(())
    }

    /// Gives the variables for what is run, and writes them to the files that are named.
    async fn export(&self, context: &mut Context) -> Result<BTreeMap<String, String>, Error> {
        let planning = self.up.planning();
        let model = &planning.model;
        let targets = |service: &str| {
            let ports = model.node(&["services", service, "ports"]).and_then(Node::as_list);
            let target = |port: &Node| {
                let number = port.get("target")?.as_int()?;
                Some((u16::try_from(number).ok()?, port.str_of("protocol")?.to_owned()))
            };
            ports.into_iter().flatten().filter_map(target).collect()
        };
        let rows = self.engine.containers(self.project()).await?;
        let mut exports = Exports::new(&rows, &targets, self.engine.remote_host());
        let problems: Diagnostics = std::mem::take(&mut exports.problems)
            .into_iter()
            .map(|text| Diagnostic::warning(Span::NOWHERE, text))
            .collect();
        context.show(&problems);
        let own = || (exports::PROJECT.to_owned(), self.project().to_owned());
        // Later steps find nothing of the project unless it is kept.
        if self.flags.keep {
            exports.variables.extend([own()]);
        }
        if let Some(path) = context.env.non_empty("GITHUB_ENV") {
            exports::append(&absolute(path, context), &exports.github())?;
        }
        exports.variables.extend([own()]);
        if let Some(path) = &self.flags.env_file {
            let path = absolute(path, context);
            exports::make_parent(&path)?;
            exports::write(&path, &exports.dotenv())?;
        }
        let mut variables = exports.variables;
        // What flags say is said to what is run, too.
        let wanted = context.wanted();
        let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
        if !wanted.files.is_empty() && !model.files.iter().any(|file| file == "-") {
            set("COMPOSE_PATH_SEPARATOR", ":".to_owned());
            set("COMPOSE_FILE", model.files.join(":"));
        }
        if !wanted.env_files.is_empty() {
            set("COMPOSE_ENV_FILES", wanted.env_files.join(","));
        }
        if !wanted.profiles.is_empty() {
            set("COMPOSE_PROFILES", wanted.profiles.join(","));
        }
        let engine = context.engine();
        for (name, value) in [("DOCKER_HOST", engine.host), ("DOCKER_CONTEXT", engine.context)] {
            if let Some(value) = value {
                set(name, value);
            }
        }
        Ok(variables)
    }

    /// Runs a container of the service to its end; gives its exit code. The first signal is passed on to
    /// it, the second kills it.
    async fn run_service(
        &self,
        args: &one_off::Args,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<u8, Error> {
        let mut later = Signals::passed_on()?;
        let planning = self.up.planning();
        let mut running =
            std::pin::pin!(one_off::within(args, planning, self.engine, context, signals));
        loop {
            tokio::select! {
                biased;
                ended = &mut running => {
                    return Ok(match ended? {
                        Exit::Success => 0,
                        Exit::Code(code) => code,
                        Exit::Failure | Exit::Interrupted => 1,
                    });
                }
                () = later.next() => if later.count() > 1 {
                    self.kill_one_offs().await?;
                }
            }
        }
    }

    async fn kill_one_offs(&self) -> Result<(), Error> {
        let observed = self.engine.observe_containers(self.project()).await?;
        for container in observed.containers.iter().filter(|it| it.one_off) {
            self.engine.kill(&container.id).await?;
        }
        Ok(())
    }

    /// Removes all that was made. A signal makes it kill what does not stop by itself, another one leaves.
    async fn take_down(&self, context: &mut Context, signals: &mut Signals) -> Result<(), Error> {
        const ROUNDS: usize = 5;
        let (project, model) = (self.project().to_owned(), &self.up.planning().model);
        let text = self.lease.to_string();
        let mut hurries = signals.count() > 1;
        let mut asked = false;
        for round in 0..ROUNDS {
            let all = self.engine.leased().await?;
            let found = all.into_iter().find(|it| it.project == project && it.lease == text);
            if found.is_none() && asked {
                break;
            }
            let leased =
                found.unwrap_or_else(|| Leased { project: project.clone(), ..Leased::default() });
            let mut known = Known {
                hooks: Known::of_model(model).hooks,
                ..Known::of_labels(&project, &leased.observed)
            };
            if !asked {
                let all = BTreeSet::new();
                known.providers = programs::provider_calls(model, Verb::Down, &all, context)?;
                for provider in known.providers.keys() {
                    known.services.entry(provider.clone()).or_default();
                }
                asked = true;
            }
            let own = self.flags.timeout.map(|seconds| Duration::from_secs(seconds.into()));
            let grace = if hurries { Some(Duration::ZERO) } else { own };
            let plan = lease::removal(&leased, known, grace);
            let removed =
                session::carry_out(&plan, &project, None, self.engine, context, signals).await;
            match removed {
                // What is left is in use by others, or was asked for before a second signal came.
                Ok(_) if leased.observed.containers.is_empty() && !hurries => break,
                Ok(_) => {}
                Err(Error::Interrupted) if !hurries => hurries = true,
                Err(Error::Project(_)) if round + 1 < ROUNDS => {}
                Err(error) => return Err(error),
            }
            if round > 0 {
                tokio::time::sleep(lease::SOON).await;
            }
        }
        Ok(())
    }
}

/// A path as the user means it.
fn absolute(path: &str, context: &Context) -> PathBuf {
    context.env.working_directory().join(path)
}

/// Says something to people, unless nobody reads or a program does.
pub(super) fn say(text: &str, context: &mut Context) {
    if speaks(context) {
        context.terminal.err(text);
    }
}

/// Whether people read what is said.
fn speaks(context: &Context) -> bool {
    !matches!(context.terminal.progress(), Progress::Quiet | Progress::Json)
}

/// The exit code of a job that a signal has ended.
fn code_of(signals: &Signals) -> Exit {
    match signals.first() {
        Some("SIGTERM") => Exit::Code(143),
        _ => Exit::Interrupted,
    }
}

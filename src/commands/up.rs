//! `up`: create and start containers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tokio::sync::mpsc::unbounded_channel;

use crate::commands::companion::{self, Companion};
use crate::commands::dns;
use crate::commands::dns::server::Sockets;
use crate::commands::dossier;
use crate::commands::exit::{self, Error, Exit};
use crate::commands::failure::Run;
use crate::commands::fetching;
use crate::commands::options::Context;
use crate::commands::plan as plan_command;
use crate::commands::planning::{self, Planning, known_service};
use crate::commands::preview::Form;
use crate::commands::programs::{self, Caller, Verb};
use crate::commands::session::{self, AbortOn, Deadline, Session, Signals, Work};
use crate::commands::timeline::{Timeline, write_trace};
use crate::commands::watch;
use crate::commands::watching::lock::WatchLock;
use crate::commands::watching::means::{Means, reach_of};
use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dns::suffix::Suffix;
use crate::engine::Engine;
use crate::names;
use crate::plan::{self, Action, Known};
use crate::report::logs::{LogPrinter, Style};
use crate::report::{Reporter, Streams};
use crate::source::Span;
use crate::spec::Hooks;
use crate::state::desired::Desired;
use crate::watch::rules::Rule;

/// Create and start containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose up -d                    Start everything in the background
  rcompose up web                   Start one service, with what it depends on
  rcompose up --build --watch       Build first, and take over what you save
  rcompose up -d --wait --timings   Return once all is healthy, and say what took how long
  rcompose up --plan                Say what would be done, and why")]
pub(super) struct Args {
    #[command(flatten)]
    planning: planning::Wanted,
    /// Show what would be done, and why, and change nothing
    #[arg(long)]
    plan: bool,
    /// Return once the containers run
    #[arg(short, long, conflicts_with_all = ["attach", "attach_dependencies"])]
    detach: bool,
    /// Show the output of these services only
    #[arg(
        long,
        value_name = "SERVICE",
        conflicts_with = "attach_dependencies",
        help_heading = "Output"
    )]
    attach: Vec<String>,
    /// Show no output of these services
    #[arg(long, value_name = "SERVICE", help_heading = "Output")]
    no_attach: Vec<String>,
    /// Show the output of dependencies too
    #[arg(long, help_heading = "Output")]
    attach_dependencies: bool,
    /// Return once the containers are healthy, or run if they have no health check
    #[arg(long, conflicts_with_all = ["abort_on_container_exit", "abort_on_container_failure", "exit_code_from", "attach", "attach_dependencies", "no_start"], help_heading = "Waiting and ending")]
    wait: bool,
    /// Seconds to wait for that at the most (0: without end)
    #[arg(long, value_name = "SECONDS", default_value_t = 0, help_heading = "Waiting and ending")]
    wait_timeout: u32,
    /// Stop all containers when one ends
    #[arg(long, conflicts_with_all = ["abort_on_container_failure", "detach"], help_heading = "Waiting and ending")]
    abort_on_container_exit: bool,
    /// Stop all containers when one fails
    #[arg(long, conflicts_with = "detach", help_heading = "Waiting and ending")]
    abort_on_container_failure: bool,
    /// End with the exit code of this service; implies --abort-on-container-exit
    #[arg(
        long,
        value_name = "SERVICE",
        conflicts_with = "detach",
        help_heading = "Waiting and ending"
    )]
    exit_code_from: Option<String>,
    /// Show output without colours
    #[arg(long, help_heading = "Output")]
    no_color: bool,
    /// Show output without the names of containers
    #[arg(long, help_heading = "Output")]
    no_log_prefix: bool,
    /// Show the time before each line of output
    #[arg(long, help_heading = "Output")]
    timestamps: bool,
    /// Take changed files over into containers, as `develop.watch` says
    #[arg(short, long, conflicts_with_all = ["detach", "no_build", "wait"])]
    watch: bool,
    /// Answer names of the services at ADDRESS:PORT meanwhile, as `dns serve` does (default: 127.0.0.1:5300)
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = dns::LISTEN, require_equals = true)]
    dns: Option<String>,
    /// What these names end in
    #[arg(long, value_name = "SUFFIX", default_value = "test", requires = "dns")]
    dns_suffix: String,
    /// Offer keys on a terminal (true, unless `COMPOSE_MENU` says otherwise)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true, help_heading = "Output")]
    menu: Option<bool>,
    /// Show what the time was spent on, chain by chain
    #[arg(long, help_heading = "Reports")]
    timings: bool,
    /// Write what the time was spent on to a file that trace viewers open
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    trace: Option<String>,
    /// Write output, containers and outcome of all services to this folder when it is over
    #[arg(long, value_name = "FOLDER", help_heading = "Reports")]
    report: Option<String>,
}

impl Args {
    /// To start services, and stay with none of them.
    pub(super) fn detached(planning: planning::Wanted) -> Self {
        Self { planning, detach: true, ..Self::default() }
    }

    /// Where names are to be answered, and what they end in.
    fn names(&self) -> Result<Option<(SocketAddr, Suffix)>, Error> {
        let Some(text) = &self.dns else {
            return Ok(None);
        };
        if self.detach || self.wait || self.planning.no_start {
            let message =
                "names are answered with `--dns` for as long as `up` stays with the containers";
            let help = "run `rcompose dns serve` beside it, which answers for all projects";
            let problem = Diagnostic::error(Span::NOWHERE, message).help(help);
            return Err(Error::Project(problem.into()));
        }
        Ok(Some((dns::address(text)?, dns::suffix(&self.dns_suffix)?)))
    }

    pub(super) fn wanted(&self) -> &planning::Wanted {
        &self.planning
    }

    /// To start services, and wait for so many seconds until they are ready.
    pub(super) fn waiting(planning: planning::Wanted, wait_timeout: u32) -> Self {
        Self { planning, wait: true, wait_timeout, ..Self::default() }
    }
}

/// Creates what `up` would create, and starts nothing.
pub(super) fn create(planning: planning::Wanted, context: &mut Context) -> Result<Exit, Error> {
    let planning = planning::Wanted { no_start: true, ..planning };
    run(&Args { planning, ..Args::default() }, context)
}

/// Gives services so many containers, and starts what they depend on.
pub(super) fn scale(planning: planning::Wanted, context: &mut Context) -> Result<Exit, Error> {
    run(&Args { planning, detach: true, ..Args::default() }, context)
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let names = args.names()?;
    let planning = Planning::new(&args.planning, context)?;
    fetching::consent(&planning.model, args.planning.yes, context)?;
    let mut up = Up::new(args, planning)?;
    up.prepare_watch(context)?;
    if let Some((address, suffix)) = names
        && !args.plan
        && !context.options.dry_run
    {
        up.names = Some((Sockets::bind(address)?, suffix));
    }
    // Everything that can be checked without an engine has been: nothing was changed by then.
    session::block_on(up.run(context))
}

/// What `up` is to do.
pub(super) struct Up<'a> {
    args: &'a Args,
    planning: Planning,
    /// The services whose end ends the session.
    monitored: BTreeSet<String>,
    /// What is watched, or may be; or why it cannot be.
    rules: Result<Vec<Rule>, Diagnostics>,
    /// The right to watch from the beginning on.
    lock: Option<WatchLock>,
    /// Where names are answered, and what they end in.
    names: Option<(Sockets, Suffix)>,
    timeline: Timeline,
}

impl<'a> Up<'a> {
    pub(super) fn new(args: &'a Args, mut planning: Planning) -> Result<Self, Error> {
        if let Some(service) = &args.exit_code_from {
            known_service(service, &planning.model)?;
        }
        let attach = attached(args, &planning.model, &planning.desired)?;
        let monitored = planning.options.targeted.clone().unwrap_or_else(|| attach.clone());
        if !args.detach && !args.wait {
            planning.options.attach = attach;
        }
        let (rules, lock) = (Ok(Vec::new()), None);
        let timeline = Timeline::new();
        Ok(Self { args, planning, monitored, rules, lock, names: None, timeline })
    }

    /// Reads the rules of a watch that is asked for, or that a key may ask for.
    fn prepare_watch(&mut self, context: &mut Context) -> Result<(), Error> {
        if self.args.watch {
            self.rules = Ok(watch::read(&self.planning, context)?);
            if !self.args.plan && !context.options.dry_run {
                self.lock = Some(WatchLock::take(self.project(), &context.env)?);
            }
        } else if self.offers_menu(context) {
            // What is wrong with them is told to who wants them.
            self.rules = watch::rules(&self.planning).map(|it| it.0);
        }
        Ok(())
    }

    fn offers_menu(&self, context: &Context) -> bool {
        let args = self.args;
        let stays = !args.detach && !args.wait && !args.planning.no_start;
        stays && companion::offers_menu(args.menu, &context.env, &context.terminal)
    }

    /// The project's name.
    pub(super) fn project(&self) -> &str {
        &self.planning.desired.project
    }

    /// Checks what [`Up::converge`] would.
    pub(super) fn check_engine(
        &mut self,
        engine: &Engine,
        context: &mut Context,
    ) -> Result<(), Error> {
        self.planning.check_engine(engine, context)
    }

    pub(super) fn planning(&self) -> &Planning {
        &self.planning
    }

    pub(super) fn planning_mut(&mut self) -> &mut Planning {
        &mut self.planning
    }

    /// What it was spent on so far.
    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    pub(super) fn into_planning(self) -> Planning {
        self.planning
    }

    async fn run(mut self, context: &mut Context) -> Result<Exit, Error> {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        if self.args.plan || context.options.dry_run {
            let form = Form::of_dry_run(context);
            plan_command::show(&mut self.planning, &engine, form, context).await?;
            return Ok(Exit::Success);
        }
        if let (Some(_), Ok(rules)) = (&self.lock, &self.rules) {
            let rows = engine.containers(self.project()).await?;
            let warnings =
                watch::check_targets(rules, &rows, &engine, &reach_of(&context.env)).await;
            context.show(&warnings.map_err(Error::Project)?);
        }
        // On the heap, as it is much.
        let result = Box::pin(self.converge(&engine, &mut signals, context)).await;
        // What it was spent on is worth knowing all the more if it went wrong.
        if self.args.timings {
            context.terminal.err(&self.timeline.text());
        }
        match (result, self.keep(&engine).await) {
            (Err(first), Err(second)) => {
                // What went wrong before is what the user is here for, and is told last.
                context.show(&exit::problems(second));
                Err(first)
            }
            (result, kept) => result.and_then(|exit| kept.map(|()| exit)),
        }
    }

    /// Writes what is to be kept of the run.
    async fn keep(&self, engine: &Engine) -> Result<(), Error> {
        let project = &self.planning.desired.project;
        if let Some(path) = &self.args.trace {
            write_trace(path, &self.timeline, project)?;
        }
        if let Some(folder) = &self.args.report {
            dossier::write(folder, project, engine, &self.timeline.ready()).await?;
        }
        Ok(())
    }

    /// Makes the project as it should be.
    pub(super) async fn converge(
        &mut self,
        engine: &Engine,
        signals: &mut Signals,
        context: &mut Context,
    ) -> Result<Exit, Error> {
        self.planning.check_engine(engine, context)?;
        let mut observed = tokio::select! {
            observed = self.planning.observe(engine) => observed?,
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        let images = self.planning.images(&observed)?;
        if !images.is_empty() {
            self.carry_out(&images, None, engine, signals, context).await?;
            observed = self.planning.observe(engine).await?;
        }
        self.planning.work(engine, context, signals).await?;
        self.planning.ask(&observed, context)?;
        let plan = self.planning.converge(&observed, context)?;
        let taken = self.planning.port_conflicts(&plan, engine).await?;
        if !taken.is_empty() {
            return Err(Error::Project(taken));
        }
        if !self.args.detach && !self.args.planning.no_start && !self.args.wait {
            return Box::pin(self.attend(&plan, engine, signals, context)).await;
        }
        let patience = if self.args.wait { self.args.wait_timeout } else { 0 };
        // What must be made and started may take its time; it is the waits that have an end.
        let waits = plan.steps.iter().any(|step| {
            matches!(step.action, Action::AwaitHealthy { .. } | Action::AwaitCompleted { .. })
        });
        let deadline = Deadline::after(patience).filter(|_| waits);
        self.carry_out(&plan, deadline, engine, signals, context).await?;
        if self.args.wait {
            let wait = plan::wait(&self.planning.desired, &self.planning.observe(engine).await?);
            self.carry_out(&wait, Deadline::after(patience), engine, signals, context).await?;
        }
        Ok(Exit::Success)
    }

    /// Runs a plan to its end.
    async fn carry_out(
        &mut self,
        plan: &plan::Plan,
        deadline: Option<Deadline>,
        engine: &Engine,
        signals: &mut Signals,
        context: &mut Context,
    ) -> Result<(), Error> {
        let began = self.timeline.now();
        let work = Work {
            plan,
            project: &self.planning.desired.project,
            model: Some(&self.planning.model),
            engine,
            deadline,
        };
        let (report, problem) = work.attempt(context, signals).await?;
        self.timeline.add(began, plan, &report);
        problem.map_or(Ok(()), Err)
    }

    /// Runs the plan and stays with the containers.
    async fn attend(
        &mut self,
        plan: &plan::Plan,
        engine: &Engine,
        signals: &mut Signals,
        context: &mut Context,
    ) -> Result<Exit, Error> {
        let (model, options) = (&self.planning.model, &self.planning.options);
        let project = &self.planning.desired.project;
        let mut attached: Vec<&str> =
            plan.attached().map(|(service, name)| names::short(project, service, name)).collect();
        attached.sort_unstable();
        let known = Known::of_model(model);
        let targeted = options.targeted.clone().unwrap_or_default();
        let caller = Caller::new(&context.env, context.engine());
        let menu = companion::offers_menu(self.args.menu, &context.env, &context.terminal);
        // As with the peer, images that have lost their names stay here.
        let means = Means::new(&self.planning, false, &context.env);
        let rules = std::mem::replace(&mut self.rules, Ok(Vec::new()));
        let lock = self.lock.take();
        let mut companion = Companion::new(engine, &means, &context.env, rules, lock);
        let session = Session {
            engine,
            project,
            known: &known,
            attach: &options.attach,
            monitored: &self.monitored,
            targeted: &targeted,
            abort_on: match &self.args.exit_code_from {
                _ if self.args.abort_on_container_failure => Some(AbortOn::Failure),
                Some(_) => Some(AbortOn::Exit),
                None if self.args.abort_on_container_exit => Some(AbortOn::Exit),
                None => None,
            },
            code_from: self.args.exit_code_from.as_deref(),
            menu,
            provider_stops: &|| programs::calls(model, Verb::Stop, &targeted, &caller),
        };
        let style = Style {
            colours: !self.args.no_color && context.terminal.colours_output(),
            no_prefix: self.args.no_log_prefix,
            timestamps: self.args.timestamps,
        };
        let mut logs = LogPrinter::new(style);
        logs.expect(attached.iter().copied());
        let hooked = plan.attached().filter(|(service, _)| {
            let service = self.planning.desired.service(service);
            service.is_some_and(|service| *service.template.hooks() != Hooks::NONE)
        });
        let hooks: Vec<String> = hooked
            .map(|(service, name)| format!("{} ->", names::short(project, service, name)))
            .collect();
        logs.expect(hooks.iter().map(String::as_str));
        let mut leaving = Signals::new(&context.terminal)?;
        let mut reporter = Reporter::new(&mut context.terminal, logs, Streams::Apart);
        if !attached.is_empty() {
            reporter.line(&format!("Attaching to {}", attached.join(", ")))?;
        }
        let names = self.names.take();
        let (tell, told) = unbounded_channel();
        companion.hear_of_names(told);
        let serving = async {
            match names {
                Some((sockets, suffix)) => {
                    sockets.serve(engine, Some(project.clone()), suffix, tell).await
                }
                None => std::future::pending().await,
            }
        };
        let began = self.timeline.now();
        // The third signal leaves whatever is under way.
        let ended = tokio::select! {
            biased;
            () = leaving.third() => return Err(Error::Interrupted),
            broken = serving => match broken {
                Ok(never) => match never {},
                Err(error) => return Err(error),
            },
            ended = session.run(plan, &mut companion, &mut reporter, signals) => ended?,
        };
        let (model, report) = (Some(model), &ended.report);
        let run = Run { model, ..Run::of(plan, report, project, engine) };
        let problems = run.explain().await;
        self.timeline.add(began, plan, report);
        let interrupted = ended.interrupted || ended.report.interrupted;
        if !ended.problems.is_empty() {
            // What was to be stopped may run on.
            return Err(Error::Project(ended.problems));
        }
        match (ended.aborted, interrupted, problems.is_empty()) {
            (Some(code), ..) => Ok(Exit::of(code)),
            (None, true, _) => Ok(Exit::Interrupted),
            (None, false, true) => Ok(Exit::Success),
            (None, false, false) => Err(Error::Project(problems)),
        }
    }
}

/// The services whose output is shown (`cli.md` §4.7).
fn attached(args: &Args, model: &Model, desired: &Desired) -> Result<BTreeSet<String>, Error> {
    if !args.attach.is_empty() {
        for service in &args.attach {
            if !model.services.contains_key(service) {
                let message = format!("cannot attach to services not included in up: {service}");
                return Err(Error::Usage(message));
            }
        }
        return Ok(args.attach.iter().cloned().collect());
    }
    let wanted = |name: &str| {
        args.planning.services.is_empty()
            || args.attach_dependencies
            || args.planning.services.iter().any(|service| service == name)
    };
    let all = desired.services.iter().filter(|service| service.attach && wanted(&service.name));
    Ok(all
        .map(|service| service.name.clone())
        .filter(|name| !args.no_attach.contains(name))
        .collect())
}

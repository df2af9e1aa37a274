//! `up`: create and start containers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::commands::exit::{Error, Exit};
use crate::commands::failure;
use crate::commands::options::Context;
use crate::commands::session::{self, AbortOn, Session, Signals};
use crate::compose::Steps;
use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::engine::{Engine, quirks};
use crate::names;
use crate::plan::{self, Known, Options, PullPolicy, Recreate};
use crate::report::logs::{LogPrinter, Style};
use crate::report::{Reporter, Streams};
use crate::state::desired::{Desired, Surroundings};

/// Create and start containers
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Services to start, with what they depend on (all, if none are named)
    services: Vec<String>,
    /// Return once the containers run
    #[arg(short, long, conflicts_with_all = ["attach", "attach_dependencies"])]
    detach: bool,
    /// Replace containers even if nothing has changed
    #[arg(long, conflicts_with = "no_recreate")]
    force_recreate: bool,
    /// Keep containers even if something has changed
    #[arg(long, conflicts_with_all = ["renew_anon_volumes", "always_recreate_deps"])]
    no_recreate: bool,
    /// Replace containers of dependencies too
    #[arg(long)]
    always_recreate_deps: bool,
    /// Give replaced containers new anonymous volumes
    #[arg(short = 'V', long)]
    renew_anon_volumes: bool,
    /// Leave out what the services depend on
    #[arg(long)]
    no_deps: bool,
    /// Create containers, but start none
    #[arg(long)]
    no_start: bool,
    /// Number of containers of a service
    #[arg(long = "scale", value_name = "SERVICE=NUM")]
    scale: Vec<String>,
    /// Remove containers of services that are no longer in the files
    #[arg(long)]
    remove_orphans: bool,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// When to pull images: always, missing or never
    #[arg(long, value_name = "POLICY")]
    pull: Option<String>,
    /// Show the output of these services only
    #[arg(long, value_name = "SERVICE", conflicts_with = "attach_dependencies")]
    attach: Vec<String>,
    /// Show no output of these services
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,
    /// Show the output of dependencies too
    #[arg(long)]
    attach_dependencies: bool,
    /// Return once the containers are healthy, or run if they have no health check
    #[arg(long, conflicts_with_all = ["abort_on_container_exit", "abort_on_container_failure", "exit_code_from", "attach", "attach_dependencies", "no_start"])]
    wait: bool,
    /// Seconds to wait for that at the most (0: without end)
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_timeout: u32,
    /// Stop all containers when one ends
    #[arg(long, conflicts_with_all = ["abort_on_container_failure", "detach"])]
    abort_on_container_exit: bool,
    /// Stop all containers when one fails
    #[arg(long, conflicts_with = "detach")]
    abort_on_container_failure: bool,
    /// End with the exit code of this service; implies --abort-on-container-exit
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    exit_code_from: Option<String>,
    /// Show output without colours
    #[arg(long)]
    no_color: bool,
    /// Show output without the names of containers
    #[arg(long)]
    no_log_prefix: bool,
    /// Show the time before each line of output
    #[arg(long)]
    timestamps: bool,
}

/// What `create` has in common with `up`.
pub(super) struct Creation<'a> {
    pub services: &'a [String],
    pub force_recreate: bool,
    pub no_recreate: bool,
    pub remove_orphans: bool,
    pub scale: &'a [String],
    pub pull: Option<&'a str>,
}

/// Creates what `up` would create, and starts nothing.
pub(super) fn create(wanted: &Creation<'_>, context: &mut Context) -> Result<Exit, Error> {
    let args = Args {
        services: wanted.services.to_vec(),
        no_start: true,
        force_recreate: wanted.force_recreate,
        no_recreate: wanted.no_recreate,
        remove_orphans: wanted.remove_orphans,
        scale: wanted.scale.to_vec(),
        pull: wanted.pull.map(str::to_owned),
        ..Args::default()
    };
    run(&args, context)
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let steps = Steps { dependencies: !args.no_deps, ..context.steps() };
    let model = context.load(&args.services, &steps)?;
    if model.services.is_empty() {
        return Err(Error::Usage("no service selected".to_owned()));
    }
    let up = Up::new(args, model, context)?;
    // Everything that can be checked without an engine has been: nothing was changed by then.
    session::block_on(up.run(context))
}

/// What `up` is to do.
struct Up<'a> {
    args: &'a Args,
    model: Model,
    desired: Desired,
    options: Options,
    pull: Option<PullPolicy>,
    /// The services whose end ends the session.
    monitored: BTreeSet<String>,
}

impl<'a> Up<'a> {
    fn new(args: &'a Args, model: Model, context: &mut Context) -> Result<Self, Error> {
        let ignore_orphans = model.flag("COMPOSE_IGNORE_ORPHANS");
        if args.remove_orphans && ignore_orphans {
            let message = "COMPOSE_IGNORE_ORPHANS and --remove-orphans cannot be combined";
            return Err(Error::Usage(message.to_owned()));
        }
        let pull = match args.pull.as_deref() {
            None => None,
            Some(word) => {
                Some(PullPolicy::parse(word).filter(|_| !word.is_empty()).ok_or_else(|| {
                    Error::Usage(format!(
                        "invalid --pull option \"{word}\": use always, missing or never"
                    ))
                })?)
            }
        };
        let around = Surroundings {
            separator: context.separator(&model),
            scale: scale(&args.scale, &model)?,
            read: &|path| Files::Disk.read_text(path),
        };
        let (desired, warnings) = Desired::new(&model, &around).map_err(Error::Project)?;
        context.show(&warnings);
        if let Some(service) = &args.exit_code_from {
            known_service(service, &model)?;
        }
        let named: BTreeSet<String> = args.services.iter().cloned().collect();
        let attach = attached(args, &model, &desired)?;
        let monitored = if named.is_empty() { attach.clone() } else { named.clone() };
        let recreate = if args.no_recreate {
            Recreate::Never
        } else if args.force_recreate || args.renew_anon_volumes {
            Recreate::Always
        } else {
            Recreate::Diverged
        };
        let options = Options {
            recreate,
            recreate_dependencies: match recreate {
                Recreate::Never => Recreate::Never,
                _ if args.always_recreate_deps => Recreate::Always,
                _ => Recreate::Diverged,
            },
            targeted: (!named.is_empty()).then_some(named),
            no_start: args.no_start,
            remove_orphans: args.remove_orphans || model.flag("COMPOSE_REMOVE_ORPHANS"),
            ignore_orphans,
            renew_volumes: args.renew_anon_volumes,
            grace: args.timeout.map(|seconds| Duration::from_secs(u64::from(seconds))),
            attach: if args.detach || args.wait { BTreeSet::new() } else { attach },
        };
        Ok(Self { args, model, desired, options, pull, monitored })
    }

    async fn run(self, context: &mut Context) -> Result<Exit, Error> {
        let engine = context.connect().await?;
        let mut signals = Signals::new()?;
        self.check_engine(&engine)?;
        let mut observed = tokio::select! {
            observed = session::observe(&engine, &self.desired) => observed?,
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        let images = plan::images(&self.desired, &observed, self.pull).map_err(Error::Project)?;
        if !images.is_empty() {
            self.carry_out(&images, &engine, &mut signals, context).await?;
            observed = session::observe(&engine, &self.desired).await?;
        }
        let plan =
            plan::converge(&self.desired, &observed, &self.options).map_err(Error::Project)?;
        context.show(&plan.warnings);
        if !self.args.detach && !self.args.no_start && !self.args.wait {
            return self.attend(&plan, &engine, &mut signals, context).await;
        }
        self.carry_out(&plan, &engine, &mut signals, context).await?;
        if !self.args.wait {
            return Ok(Exit::Success);
        }
        let wait = plan::wait(&self.desired, &session::observe(&engine, &self.desired).await?);
        let waiting = self.carry_out(&wait, &engine, &mut signals, context);
        match self.args.wait_timeout {
            0 => waiting.await,
            seconds => {
                let limit = Duration::from_secs(u64::from(seconds));
                tokio::time::timeout(limit, waiting).await.unwrap_or_else(|_| {
                    Err(Error::Usage(format!("application not healthy after {seconds}s")))
                })
            }
        }
    }

    /// Runs a plan to its end.
    async fn carry_out(
        &self,
        plan: &plan::Plan,
        engine: &Engine,
        signals: &mut Signals,
        context: &mut Context,
    ) -> Result<Exit, Error> {
        let (project, model) = (&self.desired.project, Some(&self.model));
        session::carry_out(plan, project, model, engine, context, signals).await?;
        Ok(Exit::Success)
    }

    /// Runs the plan and stays with the containers.
    async fn attend(
        &self,
        plan: &plan::Plan,
        engine: &Engine,
        signals: &mut Signals,
        context: &mut Context,
    ) -> Result<Exit, Error> {
        let project = &self.desired.project;
        let mut attached: Vec<&str> =
            plan.attached().map(|(service, name)| names::short(project, service, name)).collect();
        attached.sort_unstable();
        let known = Known::of_model(&self.model);
        let targeted = self.options.targeted.clone().unwrap_or_default();
        let session = Session {
            engine,
            project,
            known: &known,
            attach: &self.options.attach,
            monitored: &self.monitored,
            targeted: &targeted,
            abort_on: match &self.args.exit_code_from {
                _ if self.args.abort_on_container_failure => Some(AbortOn::Failure),
                Some(_) => Some(AbortOn::Exit),
                None if self.args.abort_on_container_exit => Some(AbortOn::Exit),
                None => None,
            },
            code_from: self.args.exit_code_from.as_deref(),
        };
        let style = Style {
            colours: !self.args.no_color && context.terminal.colours_output(),
            no_prefix: self.args.no_log_prefix,
            timestamps: self.args.timestamps,
        };
        let mut logs = LogPrinter::new(style);
        logs.expect(attached.iter().copied());
        let mut reporter = Reporter::new(&mut context.terminal, logs, Streams::Apart);
        if !attached.is_empty() {
            reporter.line(&format!("Attaching to {}", attached.join(", ")))?;
        }
        let ended = session.run(plan, &mut reporter, signals).await?;
        let problems =
            failure::explain(plan, &ended.report, Some(&self.model), project, engine).await;
        if let Some(code) = ended.aborted {
            return Ok(Exit::of(code));
        }
        match (ended.interrupted || ended.report.interrupted, problems.is_empty()) {
            (true, _) => Ok(Exit::Interrupted),
            (false, true) => Ok(Exit::Success),
            (false, false) => Err(Error::Project(problems)),
        }
    }

    /// Refuses what this engine cannot do, with the place that asks for it.
    fn check_engine(&self, engine: &Engine) -> Result<(), Error> {
        let mut problems = Diagnostics::default();
        for service in &self.desired.services {
            let spec = service.template.container(1);
            for gate in quirks::refused(&spec, engine.facts()) {
                problems.push(Diagnostic::error(
                    service.span,
                    format!("service `{}`: {gate}", service.name),
                ));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Project(problems)) }
    }
}

/// Reads `--scale`.
fn scale(args: &[String], model: &Model) -> Result<BTreeMap<String, u32>, Error> {
    args.iter()
        .map(|arg| {
            let invalid =
                || Error::Usage(format!("invalid --scale option \"{arg}\". Should be SERVICE=NUM"));
            let (service, number) = arg.split_once('=').ok_or_else(invalid)?;
            let number = number.parse().map_err(|_| invalid())?;
            known_service(service, model)?;
            Ok((service.to_owned(), number))
        })
        .collect()
}

fn known_service(service: &str, model: &Model) -> Result<(), Error> {
    if model.services.contains_key(service) {
        return Ok(());
    }
    let near = nearest(service, model.services.keys().map(String::as_str));
    let hint = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    Err(Error::Usage(format!("no such service: {service}{hint}")))
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
        args.services.is_empty()
            || args.attach_dependencies
            || args.services.iter().any(|service| service == name)
    };
    let all = desired.services.iter().filter(|service| service.attach && wanted(&service.name));
    Ok(all
        .map(|service| service.name.clone())
        .filter(|name| !args.no_attach.contains(name))
        .collect())
}

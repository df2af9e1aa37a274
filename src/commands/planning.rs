//! What decides over a plan: the flags that `up` and `plan` share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::commands::control;
use crate::commands::exit::Error;
use crate::commands::locking::Held;
use crate::commands::options::Context;
use crate::commands::programs;
use crate::commands::session::{self, Signals};
use crate::compose::Steps;
use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::engine::{self, Engine, Listening, quirks};
use crate::labels::Lease;
use crate::names::Separator;
use crate::plan::{
    self, Builds, Holder, HostPort, ImageOptions, Needed, Options, Plan, PullPolicy, Recreate,
};
use crate::state::desired::{Desired, Surroundings};
use crate::state::observed::Observed;

/// Flags of `up` that say what is to be there.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Wanted {
    /// Services to start, with what they depend on (all, if none are named)
    pub services: Vec<String>,
    /// Replace containers even if nothing has changed
    #[arg(long, conflicts_with = "no_recreate", help_heading = "Containers")]
    pub force_recreate: bool,
    /// Keep containers even if something has changed
    #[arg(long, conflicts_with_all = ["renew_anon_volumes", "always_recreate_deps"], help_heading = "Containers")]
    pub no_recreate: bool,
    /// Replace containers of dependencies too
    #[arg(long, help_heading = "Containers")]
    pub always_recreate_deps: bool,
    /// Give replaced containers new anonymous volumes
    #[arg(short = 'V', long, help_heading = "Containers")]
    pub renew_anon_volumes: bool,
    /// Leave out what the services depend on
    #[arg(long, help_heading = "Containers")]
    pub no_deps: bool,
    /// Create containers, but start none
    #[arg(long, help_heading = "Containers")]
    pub no_start: bool,
    /// Number of containers of a service
    #[arg(long = "scale", value_name = "SERVICE=NUM", help_heading = "Containers")]
    pub scale: Vec<String>,
    /// Remove containers of services that are no longer in the files
    #[arg(long, help_heading = "Containers")]
    pub remove_orphans: bool,
    /// Seconds between stop signal and kill
    #[arg(short, long, value_name = "SECONDS", help_heading = "Containers")]
    pub timeout: Option<u32>,
    /// When to pull images: always, missing, never, or build to make them instead
    #[arg(long, value_name = "POLICY", help_heading = "Images")]
    pub pull: Option<String>,
    /// Pull without showing how far it is
    #[arg(long, help_heading = "Images")]
    pub quiet_pull: bool,
    #[command(flatten)]
    pub images: ImageFlags,
    /// Use exactly the images of `compose.lock.yaml`
    #[arg(long, help_heading = "Images")]
    pub locked: bool,
    /// Ask nothing: volumes that are configured differently are made anew, which loses their data
    #[arg(short, long, alias = "y")]
    pub yes: bool,
}

/// Flags about builds.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ImageFlags {
    /// Build images first, even if they are there
    #[arg(long, conflicts_with = "no_build", help_heading = "Images")]
    build: bool,
    /// Build no images, even if they are not there
    #[arg(long, help_heading = "Images")]
    no_build: bool,
    /// Show no output of builds
    #[arg(long, help_heading = "Images")]
    quiet_build: bool,
}

impl ImageFlags {
    fn builds(&self) -> Builds {
        match (self.build, self.no_build) {
            (true, _) => Builds::All,
            (false, true) => Builds::None,
            (false, false) => Builds::AsNeeded,
        }
    }
}

/// What is to be there, and how far one may go for it.
pub(super) struct Planning {
    pub model: Model,
    pub desired: Desired,
    pub options: Options,
    images: ImageOptions,
    /// Whether all questions are answered with yes.
    yes: bool,
    separator: Separator,
    scale: BTreeMap<String, u32>,
    /// What the images are held to.
    held: Option<Held>,
    /// Who holds what is made, if it goes with somebody.
    lease: Option<Lease>,
    /// The service that is brought up by somebody else.
    aside: Option<String>,
}

pub(super) fn desired(
    model: &Model,
    separator: Separator,
    scale: &BTreeMap<String, u32>,
) -> Result<(Desired, Diagnostics), Error> {
    let scale = scale.clone();
    let around = Surroundings { separator, scale, read: &|path| Files::Disk.read_text(path) };
    Desired::new(model, &around).map_err(Error::Project)
}

impl Planning {
    /// Reads the project and checks all that can be checked without an engine. The services in the
    /// options' `attach` are up to the caller.
    pub(super) fn new(args: &Wanted, context: &mut Context) -> Result<Self, Error> {
        let model = Self::load(args, context)?;
        Self::of(model, args, context)
    }

    /// Reads the project of [`Planning::of`].
    pub(super) fn load(args: &Wanted, context: &mut Context) -> Result<Model, Error> {
        let steps = Steps { dependencies: !args.no_deps, ..context.steps() };
        context.load(&args.services, &steps)
    }

    /// As [`Planning::new`], with a project that was read, and may have been changed since.
    pub(super) fn of(
        mut model: Model,
        args: &Wanted,
        context: &mut Context,
    ) -> Result<Self, Error> {
        programs::give_sockets(&mut model, context)?;
        if args.quiet_pull {
            context.terminal.hide_layers();
        }
        if model.services.is_empty() {
            return Err(Error::Usage("no service selected".to_owned()));
        }
        let ignore_orphans = model.flag("COMPOSE_IGNORE_ORPHANS");
        if args.remove_orphans && ignore_orphans {
            let message = "COMPOSE_IGNORE_ORPHANS and --remove-orphans cannot be combined";
            return Err(Error::Usage(message.to_owned()));
        }
        let images = ImageOptions {
            pull: args.pull.as_deref().map(pull_policy).transpose()?,
            builds: args.images.builds(),
            now: Timestamp::now(),
        };
        let separator = context.separator(&model);
        let scale = scale(&args.scale, &model)?;
        let (mut desired, warnings) = desired(&model, separator, &scale)?;
        context.show(&warnings);
        let held = args.locked.then(|| Held::new(&model, &desired, context)).transpose()?;
        if let Some(held) = &held {
            held.pin(&mut desired);
        }
        let named: BTreeSet<String> = args.services.iter().cloned().collect();
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
            attach: BTreeSet::new(),
            networks_at_start: false,
            sharers_first: false,
            renewed: BTreeSet::new(),
        };
        let yes = args.yes;
        let (lease, aside) = (None, None);
        Ok(Self { model, desired, options, images, yes, separator, scale, held, lease, aside })
    }

    /// Marks all that is made as held.
    pub(super) fn hold(&mut self, lease: Lease) {
        self.desired.hold(&lease);
        self.lease = Some(lease);
    }

    /// Leaves a service to somebody else, but for its image, its networks and its volumes. What it depends
    /// on is there for it alone.
    pub(super) fn set_aside(&mut self, service: &str) {
        self.aside = Some(service.to_owned());
        self.options.targeted = None;
    }

    /// Has other programs do their part, which may change what is wanted of the engine.
    pub(super) async fn work(
        &mut self,
        engine: &Engine,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<(), Error> {
        if programs::work(&mut self.model, engine, context, signals).await? {
            // Its warnings have been shown.
            self.desired = self.desired_again()?;
        }
        // Its image is there by now.
        let aside = &self.aside;
        self.desired.services.retain(|service| Some(&service.name) != aside.as_ref());
        Ok(())
    }

    /// What is wanted, worked out once more.
    pub(super) fn desired_again(&self) -> Result<Desired, Error> {
        let (mut desired, _) = desired(&self.model, self.separator, &self.scale)?;
        if let Some(held) = &self.held {
            held.pin(&mut desired);
        }
        if let Some(lease) = &self.lease {
            desired.hold(lease);
        }
        Ok(desired)
    }

    /// Takes note of what `--yes` agrees to.
    pub(super) fn agree(&mut self, observed: &Observed) {
        if self.yes {
            let questions = plan::consent::questions(&self.desired, observed);
            self.options.renewed = questions.into_iter().map(|it| it.volume).collect();
        }
    }

    /// Asks before data is lost, unless that is agreed to already.
    pub(super) fn ask(&mut self, observed: &Observed, context: &mut Context) -> Result<(), Error> {
        if self.yes {
            self.agree(observed);
            return Ok(());
        }
        for question in plan::consent::questions(&self.desired, observed) {
            if control::consent(&question.text(), context)? {
                self.options.renewed.insert(question.volume);
            }
        }
        Ok(())
    }

    /// Refuses what this engine cannot do, with the place that asks for it, and takes note of what it can.
    pub(super) fn check_engine(
        &mut self,
        engine: &Engine,
        context: &mut Context,
    ) -> Result<(), Error> {
        self.options.networks_at_start = quirks::finds_networks_at_start(engine.facts());
        self.options.sharers_first = quirks::keeps_what_is_shared(engine.facts());
        let mut warnings = Diagnostics::default();
        let mut problems = Diagnostics::default();
        for service in &self.desired.services {
            let spec = service.template.container(1);
            for gate in quirks::refused(&spec, engine.facts()) {
                problems.push(Diagnostic::error(
                    service.span,
                    format!("service `{}`: {gate}", service.name),
                ));
            }
            for loss in quirks::lost(&spec, engine.facts()) {
                let place = self.model.node(&["services", &service.name, loss.key]);
                warnings.push(Diagnostic::warning(
                    place.map_or(service.span, |node| node.span),
                    format!("service `{}`: {}", service.name, loss.says),
                ));
            }
        }
        if !problems.is_empty() {
            return Err(Error::Project(problems));
        }
        context.show(&warnings);
        Ok(())
    }

    /// Looks at what is there.
    pub(super) async fn observe(&self, engine: &Engine) -> Result<Observed, Error> {
        session::observe(engine, &self.desired).await
    }

    /// The images that must be there first.
    pub(super) fn images(&self, observed: &Observed) -> Result<Plan, Error> {
        plan::images(&self.desired, observed, &self.images).map_err(Error::Project)
    }

    /// How what is there becomes what is to be there.
    pub(super) fn converge(
        &self,
        observed: &Observed,
        context: &mut Context,
    ) -> Result<Plan, Error> {
        let plan =
            plan::converge(&self.desired, observed, &self.options).map_err(Error::Project)?;
        context.show(&plan.warnings);
        Ok(plan)
    }

    /// The ports of the host that a plan cannot have, with who has them.
    pub(super) async fn port_conflicts(
        &self,
        plan: &Plan,
        engine: &Engine,
    ) -> Result<Diagnostics, Error> {
        let needed = plan::needed_ports(plan, &self.desired);
        if needed.is_empty() {
            return Ok(Diagnostics::default());
        }
        let mut held = Vec::new();
        for row in engine.running().await? {
            let holder =
                plan::container_holder(&row.id, row.name(), |key| row.label(key).to_owned());
            for port in row.ports.iter().filter(|port| port.public != 0) {
                held.push((HostPort::from(port), holder.clone()));
            }
        }
        if engine.is_here().await {
            for Needed { port, .. } in &needed {
                // A container that has it has been named.
                if held.iter().any(|(other, _)| other.overlaps(port)) {
                    continue;
                }
                if let Listening::Taken(process) =
                    engine::listening(&port.address, port.port, &port.protocol)
                {
                    held.push((port.clone(), Holder::Process(process)));
                }
            }
        }
        Ok(plan::port_conflicts(plan, &needed, &held, &self.model))
    }
}

/// Reads `--pull`.
pub(super) fn pull_policy(word: &str) -> Result<PullPolicy, Error> {
    PullPolicy::of_flag(word).ok_or_else(|| {
        let known = "use always, missing, never or build";
        Error::Usage(format!("invalid --pull option \"{word}\": {known}"))
    })
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

/// Refuses a name that is none of the project's services.
pub(super) fn known_service(service: &str, model: &Model) -> Result<(), Error> {
    if model.services.contains_key(service) {
        return Ok(());
    }
    let near = nearest(service, model.services.keys().map(String::as_str));
    let hint = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    Err(Error::Usage(format!("no such service: {service}{hint}")))
}

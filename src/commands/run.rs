//! `run`: a one-off container of a service.

use std::io::{IsTerminal as _, Read as _};

use futures_util::future::join;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::commands::carrier::{self, Carried, Carrier, Program};
use crate::commands::detach::DetachKeys;
use crate::commands::exit::{Error, Exit};
use crate::commands::fetching;
use crate::commands::locking::Held;
use crate::commands::options::Context;
use crate::commands::planning::Planning;
use crate::commands::session::{self, Signals};
use crate::commands::{planning, programs};
use crate::compose::Steps;
use crate::compose::adjust::adjust;
use crate::compose::dotenv::{self, Variables};
use crate::compose::files::Files;
use crate::compose::keys::command;
use crate::compose::model::Model;
use crate::engine::{self, Engine};
use crate::execute::{self, Reports};
use crate::names;
use crate::plan::{self, Builds, ImageOptions, Options, Plan};
use crate::spec::ContainerSpec;
use crate::state::desired::{Desired, DesiredService, Surroundings, set_label};
use crate::state::observed::Observed;

/// Run a one-off command in a container of its own
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose run --rm web sh                            A shell in a container of its own
  rcompose run --rm --no-deps -e DEBUG=1 web ./test   A test without what the service depends on
  rcompose run -d --name job worker ./import          A job in the background")]
pub(super) struct Args {
    /// Service to make the container of
    pub service: String,
    /// Command and its arguments, instead of the service's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
    /// Leave the container to itself, and print its ID
    #[arg(short, long)]
    detach: bool,
    /// Remove the container when it has ended
    #[arg(long)]
    rm: bool,
    /// Set a variable (NAME=VALUE, or NAME with the value it has here)
    #[arg(short, long, value_name = "VARIABLE", help_heading = "Container")]
    pub env: Vec<String>,
    /// File of variables to set; those of --env win
    #[arg(long, value_name = "FILE", help_heading = "Container")]
    env_from_file: Vec<String>,
    /// Set a label (NAME=VALUE)
    #[arg(short, long, value_name = "LABEL", help_heading = "Container")]
    label: Vec<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME", help_heading = "Container")]
    name: Option<String>,
    /// Run as this user
    #[arg(short, long, value_name = "USER", help_heading = "Container")]
    pub user: Option<String>,
    /// Run in this folder
    #[arg(short, long, value_name = "FOLDER", help_heading = "Container")]
    pub workdir: Option<String>,
    /// Entrypoint instead of the image's
    #[arg(long, value_name = "COMMAND", help_heading = "Container")]
    pub entrypoint: Option<String>,
    /// Mount a folder or volume (SOURCE:TARGET[:OPTIONS], or TARGET alone)
    #[arg(short, long, alias = "volumes", value_name = "VOLUME", help_heading = "Container")]
    volume: Vec<String>,
    /// Publish a port ([[ADDRESS:]PORT:]CONTAINER[/PROTOCOL])
    #[arg(
        short,
        long,
        value_name = "PORT",
        conflicts_with = "service_ports",
        help_heading = "Container"
    )]
    publish: Vec<String>,
    /// Publish the ports of the service
    #[arg(short = 'P', long, help_heading = "Container")]
    service_ports: bool,
    /// Add a capability
    #[arg(long, value_name = "CAPABILITY", help_heading = "Container")]
    cap_add: Vec<String>,
    /// Take a capability away
    #[arg(long, value_name = "CAPABILITY", help_heading = "Container")]
    cap_drop: Vec<String>,
    /// Give the container the names of the service on its networks
    #[arg(long, help_heading = "Container")]
    use_aliases: bool,
    /// Start nothing that the service depends on
    #[arg(long)]
    no_deps: bool,
    /// Run without a terminal (the default where standard output is none)
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,
    /// Keep standard input open, as is the default
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    interactive: bool,
    /// Run with a terminal, as is the default
    #[arg(short, long, hide = true, conflicts_with = "no_tty")]
    tty: bool,
    /// Remove containers of services that are no longer in the files
    #[arg(long)]
    remove_orphans: bool,
    /// Build the image first, even if it is there
    #[arg(long, help_heading = "Images")]
    build: bool,
    /// Show no output of builds
    #[arg(long, help_heading = "Images")]
    quiet_build: bool,
    /// When to pull images: always, missing, never, or build to make them instead
    #[arg(long, value_name = "POLICY", help_heading = "Images")]
    pull: Option<String>,
    /// Pull without showing how far it is
    #[arg(long, help_heading = "Images")]
    quiet_pull: bool,
    /// Use exactly the images of `compose.lock.yaml`
    #[arg(long, help_heading = "Images")]
    locked: bool,
    /// Show no progress, but what the command writes alone
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    /// To run a service with our terminal, if there is one.
    pub(super) fn of(service: &str) -> Self {
        let no_tty = !std::io::stdin().is_terminal();
        Self { service: service.to_owned(), interactive: true, no_tty, ..Self::default() }
    }
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let options = ImageOptions {
        pull: args.pull.as_deref().map(planning::pull_policy).transpose()?,
        builds: if args.build { Builds::All } else { Builds::AsNeeded },
        now: Timestamp::now(),
    };
    let steps = Steps { dependencies: !args.no_deps, ..context.steps() };
    let mut model = context.load(std::slice::from_ref(&args.service), &steps)?;
    fetching::consent(&model, false, context)?;
    if args.quiet {
        // The files may have said how progress is shown.
        context.terminal.quiet();
    }
    if args.quiet_pull {
        context.terminal.hide_layers();
    }
    programs::give_sockets(&mut model, context)?;
    adjust_service(&mut model, args, context)?;
    let separator = context.separator(&model);
    let desire = |model: &Model| {
        let scale = std::collections::BTreeMap::new();
        let around = Surroundings { separator, scale, read: &|path| Files::Disk.read_text(path) };
        Desired::new(model, &around).map_err(Error::Project)
    };
    let (mut desired, warnings) = desire(&model)?;
    context.show(&warnings);
    let held = args.locked.then(|| Held::new(&model, &desired, context)).transpose()?;
    if let Some(held) = &held {
        held.pin(&mut desired);
    }
    let tty = !args.detach && carrier::is_tty(args.tty, args.no_tty, args.interactive)?;
    let slug = slug()?;
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| names::one_off(&model.name, &args.service, &slug, separator));
    let from_files = variables(args, &model)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let observed = session::observe(&engine, &desired).await?;
        let images = plan::images(&desired, &observed, &options).map_err(Error::Project)?;
        let first = OneOff { args, tty, model: &model, engine: &engine };
        first.carry_out(&images, context, &mut signals).await?;
        if programs::work(&mut model, &engine, context, &mut signals).await? {
            (desired, _) = desire(&model)?;
            if let Some(held) = &held {
                held.pin(&mut desired);
            }
        }
        let observed = session::observe(&engine, &desired).await?;
        let one_off = OneOff { args, tty, model: &model, engine: &engine };
        let (service, spec) =
            one_off.of_service(&mut desired, &observed, (name, &slug), &from_files)?;
        // On the heap, as it is much.
        Box::pin(one_off.run(service, spec, &desired, &observed, context, &mut signals)).await
    })
}

/// Runs a service beside the stack that it needs, which is up.
///
/// # Errors
/// Those of the engine, and what the container waits for in vain.
pub(super) async fn within(
    args: &Args,
    planning: &Planning,
    engine: &Engine,
    context: &mut Context,
    signals: &mut Signals,
) -> Result<Exit, Error> {
    let model = &planning.model;
    let mut desired = planning.desired_again()?;
    let tty = carrier::is_tty(args.tty, args.no_tty, args.interactive)?;
    let slug = slug()?;
    let name = names::one_off(&model.name, &args.service, &slug, context.separator(model));
    let observed = session::observe(engine, &desired).await?;
    let one_off = OneOff { args, tty, model, engine };
    let from_files = variables(args, model)?;
    let (service, spec) =
        one_off.of_service(&mut desired, &observed, (name, &slug), &from_files)?;
    Box::pin(one_off.alone(service, spec, &desired, context, signals)).await
}

/// What the flags say in the words of the file.
fn adjust_service(model: &mut Model, args: &Args, context: &Context) -> Result<(), Error> {
    if !args.publish.is_empty()
        && let Some(entry) = model.services.get_mut(&args.service)
    {
        // Those of the service are published with -P alone.
        entry.node.remove("ports");
    }
    let lists: [(&str, &[String]); 4] = [
        ("volumes", &args.volume),
        ("ports", &args.publish),
        ("cap_add", &args.cap_add),
        ("cap_drop", &args.cap_drop),
    ];
    let folder = context.env.working_directory().to_string_lossy().into_owned();
    adjust(model, &args.service, &lists, &folder, &Files::Disk).map_err(Error::Project)?;
    // What is given here is not taken away by the file, nor the other way round.
    for (key, flags) in [("cap_drop", &args.cap_add), ("cap_add", &args.cap_drop)] {
        let entry = model.services.get_mut(&args.service);
        let list = entry.and_then(|entry| entry.node.get_mut(key)?.as_list_mut());
        if let Some(list) = list {
            list.retain(|item| !flags.iter().any(|flag| item.as_str() == Some(flag)));
        }
    }
    Ok(())
}

/// The variables of `--env-from-file`.
fn variables(args: &Args, model: &Model) -> Result<Variables, Error> {
    let mut variables = Variables::new();
    for path in &args.env_from_file {
        let invalid = |problem: String| Error::Usage(format!("--env-from-file {path}: {problem}"));
        let text = Files::Disk.read_text(path).map_err(invalid)?;
        let known = variables.clone();
        let lookup = |name: &str| known.get(name).or_else(|| model.env.get(name)).cloned();
        let mut own = Variables::new();
        dotenv::parse(&text, &mut own, &lookup, &mut |_, _| {})
            .map_err(|error| invalid(error.message))?;
        // As with the peer, the first file that has a name wins.
        own.append(&mut variables);
        variables = own;
    }
    Ok(variables)
}

/// What the flags say of the container.
fn adapt(
    spec: &mut ContainerSpec,
    args: &Args,
    tty: bool,
    from_files: &Variables,
    model: &Model,
) -> Result<(), Error> {
    let body = &mut spec.body;
    if let Some(entrypoint) = &args.entrypoint {
        let words = command::split(entrypoint)
            .map_err(|problem| Error::Usage(format!("invalid --entrypoint: {problem}")))?;
        body.entrypoint = Some(words);
        body.cmd = None;
    }
    if !args.command.is_empty() {
        body.cmd = Some(args.command.clone());
    }
    let from_files = from_files.iter().map(|(name, value)| format!("{name}={value}"));
    for variable in from_files.collect::<Vec<_>>().iter().chain(&args.env) {
        let variable = match variable.split_once('=') {
            Some(_) => variable.clone(),
            None => match model.env.get(variable) {
                Some(value) => format!("{variable}={value}"),
                None => continue,
            },
        };
        let name = variable.split('=').next().unwrap_or_default().to_owned();
        let all = body.env.get_or_insert_default();
        all.retain(|it| it.split('=').next() != Some(&name));
        all.push(variable);
    }
    for label in &args.label {
        let (name, value) = label
            .split_once('=')
            .ok_or_else(|| Error::Usage("label must be set as KEY=VALUE".to_owned()))?;
        body.labels.get_or_insert_default().insert(name.to_owned(), value.to_owned());
    }
    if args.user.is_some() {
        body.user.clone_from(&args.user);
    }
    if args.workdir.is_some() {
        body.working_dir.clone_from(&args.workdir);
    }
    let input = args.interactive && !args.detach;
    body.tty = Some(tty);
    body.open_stdin = Some(input);
    body.stdin_once = Some(input);
    body.attach_stdin = Some(input);
    // Who stays until the end removes it then; nobody stays with a detached one.
    spec.host().auto_remove = Some(args.rm && args.detach);
    Ok(())
}

/// Sixty-four random hexadecimal digits.
pub(super) fn slug() -> Result<String, Error> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

struct OneOff<'a> {
    args: &'a Args,
    tty: bool,
    model: &'a Model,
    engine: &'a Engine,
}

impl OneOff<'_> {
    /// Takes the service out of what is desired, and gives it with its container.
    fn of_service(
        &self,
        desired: &mut Desired,
        observed: &Observed,
        (name, slug): (String, &str),
        from_files: &Variables,
    ) -> Result<(DesiredService, ContainerSpec), Error> {
        let args = self.args;
        let at = desired.services.iter().position(|service| service.name == args.service);
        let Some(at) = at else {
            return Err(Error::Usage(format!("no such service: {}", args.service)));
        };
        let service = desired.services.remove(at);
        let publish = args.service_ports || !args.publish.is_empty();
        let mut spec = service.template.one_off(name, slug, publish, args.use_aliases);
        adapt(&mut spec, args, self.tty, from_files, self.model)?;
        if let Some(image) = observed.image(&service.image) {
            set_label(&mut spec, crate::labels::IMAGE, &image.id);
        }
        Ok((service, spec))
    }

    /// Runs a plan to its end; gives the ID of what its last step has made.
    async fn carry_out(
        &self,
        plan: &Plan,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<String, Error> {
        let (project, model) = (&self.model.name, Some(self.model));
        let report =
            session::carry_out(plan, project, model, self.engine, context, signals).await?;
        Ok(report.made().unwrap_or_default().to_owned())
    }

    async fn run(
        &self,
        service: DesiredService,
        spec: ContainerSpec,
        desired: &Desired,
        observed: &Observed,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<Exit, Error> {
        let options = Options {
            remove_orphans: self.args.remove_orphans,
            ignore_orphans: self.model.flag("COMPOSE_IGNORE_ORPHANS"),
            ..Options::default()
        };
        let mut others = observed.clone();
        // The service itself is no orphan, but one-offs that have ended are.
        others.containers.retain(|it| it.service != service.name || it.one_off);
        let before = plan::converge(desired, &others, &options).map_err(Error::Project)?;
        context.show(&before.warnings);
        self.carry_out(&before, context, signals).await?;
        Box::pin(self.alone(service, spec, desired, context, signals)).await
    }

    /// Runs the container beside those that are there.
    async fn alone(
        &self,
        service: DesiredService,
        spec: ContainerSpec,
        desired: &Desired,
        context: &mut Context,
        signals: &mut Signals,
    ) -> Result<Exit, Error> {
        let observed = self.engine.observe(&desired.project, &[], &[], &[]).await?;
        let tty = self.tty;
        let made = plan::one_off(&service, spec, &observed);
        let id = self.carry_out(&made, context, signals).await?;
        if context.options.dry_run {
            return Ok(Exit::Success);
        }
        if self.args.detach {
            self.engine.start(&id).await?;
            self.post_start(&id, &service).await?;
            context.terminal.out(&format!("{id}\n"))?;
            return Ok(Exit::Success);
        }
        let keys = DetachKeys::find(None, &context.env)?;
        let interactive = self.args.interactive;
        let (output, input) = self.engine.attach_both(&id, tty, interactive, &keys.text).await?;
        if let Err(error) = self.engine.start(&id).await {
            if self.args.rm {
                self.engine.remove(&id, true).await?;
            }
            return Err(error.into());
        }
        let carrier = Carrier { engine: self.engine, program: Program::Container(&id), tty };
        let input = self.args.interactive.then_some(input);
        let carry = carrier.carry(output, input, keys, &mut context.terminal);
        let (ended, hooked) = join(carry, self.post_start(&id, &service)).await;
        if ended? == Carried::Detached {
            hooked?;
            return Ok(Exit::Success);
        }
        let code = self.engine.wait(&id).await?;
        if self.args.rm {
            self.engine.remove(&id, true).await?;
        }
        hooked?;
        Ok(Exit::of(code))
    }

    /// Runs what the service wants run in a container that has just started.
    async fn post_start(&self, id: &str, service: &DesiredService) -> Result<(), Error> {
        let (events, _) = mpsc::unbounded_channel();
        let (attached, _) = mpsc::unbounded_channel();
        let reports = Reports { events, attached };
        for hook in &service.template.hooks().post_start {
            match execute::hook::run(self.engine, &reports, id, "", hook).await {
                // Its command may be over before.
                Ok(())
                | Err(execute::Error::Engine(
                    engine::Error::NotFound(_) | engine::Error::Conflict(_),
                )) => {}
                Err(error) => {
                    let message = format!("service `{}`: post_start: {error}", service.name);
                    return Err(Error::Usage(message));
                }
            }
        }
        Ok(())
    }
}

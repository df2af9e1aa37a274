//! `run`: a one-off container of a service.

use std::io::Read as _;

use futures_util::future::join;
use tokio::sync::mpsc;

use crate::commands::carrier::{self, Carrier, Program};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::compose::Steps;
use crate::compose::files::Files;
use crate::compose::keys::command;
use crate::compose::model::Model;
use crate::engine::{self, Engine};
use crate::execute::{self, Reports};
use crate::names;
use crate::plan::{self, Options, Plan};
use crate::spec::ContainerSpec;
use crate::state::desired::{Desired, DesiredService, Surroundings, set_label};
use crate::state::observed::Observed;

/// Run a one-off command in a container of its own
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Service to make the container of
    service: String,
    /// Command and its arguments, instead of the service's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Leave the container to itself, and print its ID
    #[arg(short, long)]
    detach: bool,
    /// Remove the container when it has ended
    #[arg(long)]
    rm: bool,
    /// Set a variable (NAME=VALUE, or NAME with the value it has here)
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Set a label (NAME=VALUE)
    #[arg(short, long, value_name = "LABEL")]
    label: Vec<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Run as this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Run in this folder
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    /// Entrypoint instead of the image's
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Publish the ports of the service
    #[arg(short = 'P', long)]
    service_ports: bool,
    /// Give the container the names of the service on its networks
    #[arg(long)]
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
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let steps = Steps { dependencies: !args.no_deps, ..context.steps() };
    let model = context.load(std::slice::from_ref(&args.service), &steps)?;
    let around = Surroundings {
        separator: context.separator(&model),
        scale: std::collections::BTreeMap::new(),
        read: &|path| Files::Disk.read_text(path),
    };
    let (mut desired, warnings) = Desired::new(&model, &around).map_err(Error::Project)?;
    context.show(&warnings);
    let tty = !args.detach && carrier::is_tty(args.tty, args.no_tty, args.interactive)?;
    let slug = slug()?;
    let at = desired.services.iter().position(|service| service.name == args.service);
    let Some(at) = at else {
        return Err(Error::Usage(format!("no such service: {}", args.service)));
    };
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| names::one_off(&model.name, &args.service, &slug, around.separator));
    let service = &desired.services[at];
    let mut spec = service.template.one_off(name, &slug, args.service_ports, args.use_aliases);
    adapt(&mut spec, args, tty, &model)?;
    session::block_on(async {
        let engine = context.connect().await?;
        let one_off = OneOff { args, tty, model: &model, engine: &engine };
        let mut signals = Signals::new()?;
        let observed = session::observe(&engine, &desired).await?;
        let images = plan::images(&desired, &observed, None).map_err(Error::Project)?;
        one_off.carry_out(&images, context, &mut signals).await?;
        let observed = session::observe(&engine, &desired).await?;
        if let Some(image) = observed.image(&desired.services[at].image) {
            set_label(&mut spec, crate::labels::IMAGE, &image.id);
        }
        let service = desired.services.remove(at);
        one_off.run(service, spec, &desired, &observed, context, &mut signals).await
    })
}

/// What the flags say of the container.
fn adapt(spec: &mut ContainerSpec, args: &Args, tty: bool, model: &Model) -> Result<(), Error> {
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
    for variable in &args.env {
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
fn slug() -> Result<String, Error> {
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
            // The service itself is none.
            ignore_orphans: !self.args.remove_orphans,
            ..Options::default()
        };
        let mut others = observed.clone();
        others.containers.retain(|container| container.service != service.name);
        let before = plan::converge(desired, &others, &options).map_err(Error::Project)?;
        context.show(&before.warnings);
        self.carry_out(&before, context, signals).await?;
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
        let (output, input) = self.engine.attach_both(&id, tty, self.args.interactive).await?;
        if let Err(error) = self.engine.start(&id).await {
            if self.args.rm {
                self.engine.remove(&id, true).await?;
            }
            return Err(error.into());
        }
        let carrier = Carrier { engine: self.engine, program: Program::Container(&id), tty };
        let input = self.args.interactive.then_some(input);
        let carry = carrier.carry(output, input, &mut context.terminal);
        let (ended, hooked) = join(carry, self.post_start(&id, &service)).await;
        ended?;
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

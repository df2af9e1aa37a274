//! `exec`: a command in a container that runs.

use std::time::Duration;

use crate::commands::carrier::{self, Carried, Carrier, Program};
use crate::commands::detach::DetachKeys;
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::engine::{Engine, ExecOptions};
use crate::state::observed::{Container, Observed};

/// Run a command in a running container
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose exec web sh                 A shell in the container of a service
  rcompose exec -T db pg_dump -U app   Without a terminal, for a pipe or a file
  rcompose exec --index 2 web env      In the second container of the service")]
pub(super) struct Args {
    /// Service whose container runs the command
    service: String,
    /// Command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Leave the command to itself
    #[arg(short, long)]
    detach: bool,
    /// Set a variable (NAME=VALUE)
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
    /// Run without a terminal (the default where standard output is none)
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,
    /// Give the command all capabilities
    #[arg(long)]
    privileged: bool,
    /// Run as this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Run in this folder
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    /// Keep standard input open, as is the default
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    interactive: bool,
    /// Run with a terminal, as is the default
    #[arg(short, long, hide = true, conflicts_with = "no_tty")]
    tty: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (project, _) = context.whole_project_or_name(std::slice::from_ref(&args.service))?;
    session::block_on(execute(args, &project, context))
}

async fn execute(args: &Args, project: &str, context: &mut Context) -> Result<Exit, Error> {
    let tty = !args.detach && carrier::is_tty(args.tty, args.no_tty, args.interactive)?;
    let engine = context.connect().await?;
    let observed = engine.observe_containers(project).await?;
    let container = choose(&observed, &args.service, args.index).ok_or_else(|| {
        let service = &args.service;
        Error::Usage(match args.index {
            0 => format!("service \"{service}\" is not running"),
            index => format!("service \"{service}\" is not running container #{index}"),
        })
    })?;
    if context.options.dry_run {
        let command = args.command.join(" ");
        context.terminal.out(&format!("would run in container {}: {command}\n", container.name))?;
        return Ok(Exit::Success);
    }
    let keys = DetachKeys::find(None, &context.env)?;
    let options = ExecOptions {
        command: args.command.clone(),
        tty,
        input: args.interactive && !args.detach,
        env: args.env.clone(),
        user: args.user.clone(),
        folder: args.workdir.clone(),
        privileged: args.privileged,
        detach_keys: keys.text.clone(),
    };
    let exec = engine.make_exec(&container.id, &options).await?;
    if args.detach {
        engine.start_exec_detached(&exec).await?;
        return Ok(Exit::Success);
    }
    let (output, input) = engine.start_exec(&exec, tty).await?;
    let carrier = Carrier { engine: &engine, program: Program::Exec(&exec), tty };
    let input = options.input.then_some(input);
    match carrier.carry(output, input, keys, &mut context.terminal).await? {
        Carried::Over => {}
        Carried::Left => return Ok(Exit::Interrupted),
        Carried::Detached => {
            context.terminal.err("read escape sequence\n");
            return Ok(Exit::Failure);
        }
    }
    let code = code(&engine, &exec).await?;
    Ok(Exit::of(code))
}

/// The container of a service with this number, or the first one, that runs; one-offs come last.
fn choose<'a>(observed: &'a Observed, service: &str, index: u32) -> Option<&'a Container> {
    let running = observed.containers.iter().filter(|container| {
        container.service == service
            && container.state.is_up()
            && (index == 0 || container.number == Some(index))
    });
    running.min_by_key(|container| (container.one_off, container.number))
}

/// The exit code of a command whose output has ended; the engine may learn of the end a moment later.
async fn code(engine: &Engine, exec: &str) -> Result<i64, Error> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(code) = engine.exec_code(exec).await? {
            return Ok(code);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

//! `exec`: a command in a container that runs.

use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::{Engine, ExecInput, ExecOptions, ExecOutput};
use crate::report::Terminal;
use crate::report::raw::{self, RawInput};
use crate::state::observed::{Container, Observed};

/// Run a command in a running container
#[derive(Debug, clap::Args)]
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
    let (project, model) = context.project_or_name(&[])?;
    if let Some(model) = &model
        && !model.services.contains_key(&args.service)
    {
        // Naming it turns it on, or says that there is none.
        context.project_or_name(std::slice::from_ref(&args.service))?;
    }
    session::block_on(execute(args, &project, context))
}

async fn execute(args: &Args, project: &str, context: &mut Context) -> Result<Exit, Error> {
    let tty = !args.no_tty && !args.detach && io::stdout().is_terminal();
    if tty && args.interactive && !io::stdin().is_terminal() {
        return Err(Error::Usage("the input device is not a TTY".to_owned()));
    }
    let engine = context.connect().await?;
    let observed = engine.observe(project, &[], &[], &[]).await?;
    let container = choose(&observed, &args.service, args.index).ok_or_else(|| {
        let service = &args.service;
        Error::Usage(match args.index {
            0 => format!("service \"{service}\" is not running"),
            index => format!("service \"{service}\" is not running container #{index}"),
        })
    })?;
    let options = ExecOptions {
        command: args.command.clone(),
        tty,
        input: args.interactive && !args.detach,
        env: args.env.clone(),
        user: args.user.clone(),
        folder: args.workdir.clone(),
        privileged: args.privileged,
    };
    let exec = engine.make_exec(&container.id, &options).await?;
    if args.detach {
        engine.start_exec_detached(&exec).await?;
        return Ok(Exit::Success);
    }
    let (output, input) = engine.start_exec(&exec, tty).await?;
    let session = Running { engine: &engine, exec: &exec, tty, terminal: &mut context.terminal };
    let input = options.input.then_some(input);
    if !session.attend(output, input).await? {
        return Ok(Exit::Interrupted);
    }
    let code = code(&engine, &exec).await?;
    Ok(Exit::Code(u8::try_from(code).unwrap_or(1)))
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

/// A command that runs, and whose input and output are ours.
struct Running<'a> {
    engine: &'a Engine,
    exec: &'a str,
    tty: bool,
    terminal: &'a mut Terminal,
}

impl Running<'_> {
    /// Carries input and output until the command writes no more; false if a signal came first.
    async fn attend(
        self,
        mut output: ExecOutput,
        mut input: Option<ExecInput>,
    ) -> Result<bool, Error> {
        let mut signals = Signals::new()?;
        let mut resized = signal(SignalKind::window_change())?;
        let _raw = if self.tty && input.is_some() { Some(RawInput::new()?) } else { None };
        let mut typed = input.is_some().then(keys);
        self.resize().await;
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(false),
                _ = resized.recv(), if self.tty => self.resize().await,
                chunk = output.next() => match chunk? {
                    None => return Ok(true),
                    Some(chunk) if chunk.stderr => self.terminal.err_bytes(&chunk.bytes),
                    Some(chunk) => {
                        self.terminal.out_bytes(&chunk.bytes)?;
                        self.terminal.flush()?;
                    }
                },
                bytes = next_key(&mut typed) => {
                    if let Some(to) = &mut input {
                        match bytes {
                            // A command that reads no more has its reasons.
                            Some(bytes) if to.write(&bytes).await.is_ok() => continue,
                            Some(_) => {}
                            None => to.end().await,
                        }
                    }
                    typed = None;
                }
            }
        }
    }

    async fn resize(&self) {
        if self.tty
            && let Some((rows, columns)) = raw::size()
        {
            // It may have ended.
            let _ = self.engine.resize_exec(self.exec, rows, columns).await;
        }
    }
}

/// Reads standard input on a thread of its own, which a read without end cannot keep from ending with
/// the program.
fn keys() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn next_key(typed: &mut Option<Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match typed {
        Some(typed) => typed.recv().await,
        None => std::future::pending().await,
    }
}

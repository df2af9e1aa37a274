//! The command of a job: it runs on this machine, with our input and output.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::commands::session::Signals;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What shells say of a command that is not there, and of one that cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Runs a command to its end, with `variables` besides ours, and gives its exit code: 128 and the signal's
/// number if one ended it. The first signal that we get is passed on, the second kills.
///
/// # Errors
/// A system that cannot tell how it ended.
pub(super) async fn run(
    command: &[String],
    variables: &BTreeMap<String, String>,
    context: &mut Context,
    signals: &mut Signals,
) -> Result<u8, Error> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::Usage("no command is given".to_owned()));
    };
    context.terminal.flush()?;
    let mut process = Command::new(program);
    process.args(arguments).envs(variables);
    // A terminal tells its whole foreground group; elsewhere we are the ones who tell, and whatever the
    // command has started is told as well.
    let apart = !io::stdin().is_terminal();
    if apart {
        process.process_group(0);
    }
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => {
            let code = match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            };
            let problem =
                Diagnostic::error(Span::NOWHERE, format!("cannot run `{program}`: {error}"));
            context.show(&problem.into());
            return Ok(code);
        }
    };
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            name = signals.named() => {
                match name {
                    _ if told => tell(&child, Signal::KILL, apart),
                    "SIGTERM" => tell(&child, Signal::TERM, apart),
                    // The terminal has told it.
                    _ if !apart => {}
                    _ => tell(&child, Signal::INT, apart),
                }
                told = true;
            }
            status = child.wait() => return Ok(code(status?)),
        }
    }
}

/// Sends a signal to a process, and to its group if it has one of its own. It may have ended.
fn tell(child: &Child, signal: Signal, group: bool) {
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(id) = id {
        let _ = if group { kill_process_group(id, signal) } else { kill_process(id, signal) };
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_as_shells_give_them() {
        for (raw, want) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (9, 137), (15, 143)] {
            assert_eq!(code(ExitStatus::from_raw(raw)), want, "{raw}");
        }
    }
}

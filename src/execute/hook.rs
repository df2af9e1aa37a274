//! Commands in containers around their starts and stops.

use std::collections::VecDeque;

use crate::engine::{Engine, ExecOptions};
use crate::event::Event;
use crate::execute::{Error, Reports};
use crate::spec::Hook;

/// How much of the output a failure tells.
const TAIL: usize = 2048;

/// Runs a hook to its end, telling what it writes as the output of `source`.
///
/// # Errors
/// Those of the engine, and a hook that has failed.
pub async fn run(
    engine: &Engine,
    reports: &Reports,
    id: &str,
    source: &str,
    hook: &Hook,
) -> Result<(), Error> {
    let options = ExecOptions {
        command: hook.command.clone(),
        tty: hook.tty,
        input: false,
        env: hook.env.clone(),
        user: hook.user.clone(),
        folder: hook.folder.clone(),
        privileged: hook.privileged,
    };
    let exec = engine.make_exec(id, &options).await?;
    // What is written to a hook would never end.
    let (mut output, _input) = engine.start_exec(&exec, hook.tty).await?;
    let mut tail = VecDeque::new();
    while let Some(chunk) = output.next().await? {
        tail.extend(&chunk.bytes);
        tail.drain(..tail.len().saturating_sub(TAIL));
        let source = source.to_owned();
        tell(reports, Event::Output { source, stderr: chunk.stderr, bytes: chunk.bytes });
    }
    tell(reports, Event::OutputEnded { source: source.to_owned(), problem: None });
    match engine.exec_code(&exec).await?.unwrap_or_default() {
        0 => Ok(()),
        code => {
            let output = String::from_utf8_lossy(tail.make_contiguous()).trim().to_owned();
            Err(Error::Hook { code, output })
        }
    }
}

fn tell(reports: &Reports, event: Event) {
    // Nobody listens any more when the user has left.
    let _ = reports.events.send(event);
}

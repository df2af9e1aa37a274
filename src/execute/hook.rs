//! Commands in containers around their starts and stops.

use std::collections::VecDeque;

use crate::engine::{Engine, ExecOptions, LogChunk, LogOptions};
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
        ..ExecOptions::default()
    };
    let exec = engine.make_exec(id, &options).await?;
    // What is written to a hook would never end.
    let (mut output, _input) = engine.start_exec(&exec, hook.tty).await?;
    let mut tail = Tail::default();
    while let Some(chunk) = output.next().await? {
        tail.show(chunk, reports, source);
    }
    let code = engine.exec_code(&exec).await?.unwrap_or_default();
    tail.end(code, reports, source)
}

/// Waits for the end of a container that is a hook, telling what it writes as the output of `source`.
///
/// # Errors
/// Those of the engine, and a hook that has failed.
pub(super) async fn follow(
    engine: &Engine,
    reports: &Reports,
    id: &str,
    source: &str,
) -> Result<(), Error> {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut tail = Tail::default();
    // What cannot be read is not what it is run for.
    if let Ok(mut output) = engine.logs(id, false, &options).await {
        while let Ok(Some(chunk)) = output.next().await {
            tail.show(chunk, reports, source);
        }
    }
    let code = engine.wait(id).await?;
    tail.end(code, reports, source)
}

/// The end of what a hook has written.
#[derive(Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn show(&mut self, chunk: LogChunk, reports: &Reports, source: &str) {
        self.0.extend(&chunk.bytes);
        self.0.drain(..self.0.len().saturating_sub(TAIL));
        let source = source.into();
        tell(reports, Event::Output { source, stderr: chunk.stderr, bytes: chunk.bytes });
    }

    fn end(mut self, code: i64, reports: &Reports, source: &str) -> Result<(), Error> {
        tell(reports, Event::OutputEnded { source: source.into(), problem: None });
        if code == 0 {
            return Ok(());
        }
        let output = String::from_utf8_lossy(self.0.make_contiguous()).trim().to_owned();
        Err(Error::Hook { code, output })
    }
}

fn tell(reports: &Reports, event: Event) {
    // Nobody listens any more when the user has left.
    let _ = reports.events.send(event);
}

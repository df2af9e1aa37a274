//! From results to exit codes: the only place that knows them.

use std::io;
use std::process::ExitCode;

use crate::commands::options::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Format};
use crate::engine;
use crate::report::Terminal;
use crate::source::{SourceMap, Span};

/// The code of who was interrupted by a signal.
pub(super) const INTERRUPTED: u8 = 130;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success,
    Failure,
    /// The code of a process or container whose code is ours.
    Code(u8),
    /// Interrupted by a signal.
    Interrupted,
}

impl Exit {
    /// The exit code of a container, or that of a failure where ours cannot be the same.
    pub(super) fn of(code: i64) -> Self {
        u8::try_from(code).map_or(Self::Failure, Self::Code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::Code(code) => Self::from(code),
            Exit::Interrupted => Self::from(INTERRUPTED),
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Problems in the files of the project.
    #[error("the project has problems")]
    Project(Diagnostics),
    /// Flags or arguments that cannot be.
    #[error("{0}")]
    Usage(String),
    #[error("cannot write `{path}`: {error}")]
    Write { path: String, error: io::Error },
    /// Files of this machine that cannot be read or written; the message names them.
    #[error(transparent)]
    Files(io::Error),
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A signal came while there was nothing to bring to its end.
    #[error("interrupted")]
    Interrupted,
    /// The terminal or the pipe behind it is gone.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Says what went wrong and gives the exit code.
pub(super) fn finish(result: Result<Exit, Error>, context: &mut Context) -> Exit {
    let result = result.and_then(|exit| Ok(context.terminal.flush().map(|()| exit)?));
    match result {
        Ok(exit) => exit,
        Err(Error::Interrupted) => Exit::Interrupted,
        Err(Error::Output(error)) if is_enough(&error) => Exit::Success,
        Err(error) => {
            context.show(&problems(error));
            Exit::Failure
        }
    }
}

/// An error as people are told of it.
pub(super) fn problems(error: Error) -> Diagnostics {
    match error {
        Error::Project(diagnostics) => diagnostics,
        Error::Engine(error) => {
            let mut problem = Diagnostic::error(Span::NOWHERE, error.to_string());
            for note in error.notes() {
                problem = problem.note(note);
            }
            problem.help_opt(error.help()).into()
        }
        Error::Write { error: ref cause, .. } | Error::Files(ref cause) => {
            let help = full(cause).map(|help| format!("{help}, or name another place"));
            Diagnostic::error(Span::NOWHERE, error.to_string()).help_opt(help).into()
        }
        Error::Output(error) => unwritten(&error).into(),
        Error::Usage(_) | Error::Interrupted => {
            Diagnostic::error(Span::NOWHERE, error.to_string()).into()
        }
    }
}

/// What to do about a disk of this machine that is full.
fn full(error: &io::Error) -> Option<&'static str> {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        .then_some("free some space on that disk")
}

/// A stream that does not do what it is for.
fn unwritten(error: &io::Error) -> Diagnostic {
    match full(error) {
        Some(help) => Diagnostic::error(Span::NOWHERE, format!("cannot write the output: {error}"))
            .help(format!("{help}, or let the output go elsewhere")),
        None => Diagnostic::error(Span::NOWHERE, error.to_string()),
    }
}

/// Whether the reader of the output has seen enough, which is no failure.
fn is_enough(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// As [`finish`], before there is a context.
fn written(result: io::Result<()>, terminal: &mut Terminal) -> Exit {
    match result {
        Ok(()) => Exit::Success,
        Err(error) if is_enough(&error) => Exit::Success,
        Err(error) => {
            let problems = Diagnostics::from(unwritten(&error));
            terminal.err(&problems.render(&SourceMap::default(), Format::Plain));
            Exit::Failure
        }
    }
}

/// Shows the help that was asked for, or what is wrong with the arguments.
pub(super) fn usage(error: &clap::Error, terminal: &mut Terminal) -> Exit {
    use clap::error::ErrorKind;
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => told(&text, terminal),
        _ => {
            terminal.err(&text);
            Exit::Failure
        }
    }
}

/// Writes what was asked for, where there is no context yet.
pub(super) fn told(text: &str, terminal: &mut Terminal) -> Exit {
    let result = terminal.out(text).and_then(|()| terminal.flush());
    written(result, terminal)
}

/// Says what went wrong before there is a context.
pub(super) fn told_of(error: Error, terminal: &mut Terminal) -> Exit {
    terminal.err(&problems(error).render(&SourceMap::default(), Format::Plain));
    Exit::Failure
}

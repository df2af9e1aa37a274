//! From results to exit codes: the only place that knows them.

use std::io;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::commands::options::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine;
use crate::report::Terminal;
use crate::source::Span;

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
            Exit::Interrupted => Self::from(130),
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
    match result {
        Ok(exit) => match context.terminal.flush() {
            Ok(()) => exit,
            Err(error) => output_failed(&error),
        },
        Err(Error::Output(error)) => output_failed(&error),
        Err(Error::Project(diagnostics)) => {
            context.show(&diagnostics);
            Exit::Failure
        }
        Err(Error::Interrupted) => Exit::Interrupted,
        Err(Error::Engine(error)) => {
            let mut problem = Diagnostic::error(Span::NOWHERE, error.to_string());
            for note in error.notes() {
                problem = problem.note(note);
            }
            context.show(&problem.help_opt(error.help()).into());
            Exit::Failure
        }
        Err(error @ (Error::Usage(_) | Error::Write { .. })) => {
            context.show(&Diagnostic::error(Span::NOWHERE, error.to_string()).into());
            Exit::Failure
        }
    }
}

/// A reader that has seen enough is no failure.
fn output_failed(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe { Exit::Success } else { Exit::Failure }
}

/// Shows the help that was asked for, or what is wrong with the arguments.
pub(super) fn usage(error: &clap::Error, terminal: &mut Terminal) -> Exit {
    use clap::error::ErrorKind;
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match terminal.out(&text) {
            Ok(()) => Exit::Success,
            Err(error) => output_failed(&error),
        },
        _ => {
            terminal.err(&text);
            Exit::Failure
        }
    }
}

/// Shows the help of the whole program.
pub(super) fn help<C: CommandFactory>(terminal: &mut Terminal) -> Exit {
    let text = C::command().render_help().to_string();
    match terminal.out(&text) {
        Ok(()) => Exit::Success,
        Err(error) => output_failed(&error),
    }
}

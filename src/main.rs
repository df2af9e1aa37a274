//! The `rcompose` program: arguments in, exit code out.

use std::process::ExitCode;

use rcompose::commands;
use rcompose::env::Env;

fn main() -> ExitCode {
    let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    commands::run(args, Env::capture()).into()
}

//! `dns env`: where the services of a project are, as variables.

use clap::ValueEnum;

use crate::commands::dns::reach::{Look, reach};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dns::variables::{Form, Variables};
use crate::source::Span;

/// Print where the services of this project are, as variables of a shell
///
/// `WEB_HOST` and `WEB_PORT_80` say where port 80 of `web` is; with several replicas there are `WEB_1_HOST`
/// and so on, too. It is what holds now: containers that are made anew may be elsewhere.
/// For a shell: eval "$(rcompose dns env)".
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shell to write for
    #[arg(long, value_name = "SHELL", default_value = "sh", conflicts_with = "format")]
    shell: Shell,
    /// Write a file of variables, or an object
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileForm>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Sh,
    Fish,
    Powershell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileForm {
    Dotenv,
    Json,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = match (args.format, args.shell) {
        (Some(FileForm::Dotenv), _) => Form::Dotenv,
        (Some(FileForm::Json), _) => Form::Json,
        (None, Shell::Sh) => Form::Sh,
        (None, Shell::Fish) => Form::Fish,
        (None, Shell::Powershell) => Form::PowerShell,
    };
    let project = context.name()?;
    let members = session::block_on(async {
        let engine = context.connect().await?;
        let reach = reach(&engine).await?;
        Ok(Look::new(&engine, reach, Some(project.clone())).members().await?)
    })?;
    let variables = Variables::new(&members);
    let mut warnings = Diagnostics::default();
    for problem in &variables.problems {
        warnings.push(Diagnostic::warning(Span::NOWHERE, problem.clone()));
    }
    if members.is_empty() {
        let text = format!("no container of project `{project}` runs");
        warnings.push(Diagnostic::warning(Span::NOWHERE, text));
    }
    context.show(&warnings);
    context.terminal.out(&variables.write(form))?;
    Ok(Exit::Success)
}

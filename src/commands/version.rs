//! `version`: what this program is.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;

/// Show the version
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Format of the output: pretty or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show the number alone
    #[arg(long)]
    short: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let text = match args.format.as_deref() {
        _ if args.short => version.to_owned(),
        Some("json") => format!("{{\"version\":\"v{version}\"}}"),
        None | Some("" | "pretty") => format!("rcompose version v{version}"),
        Some(other) => return Err(Error::Usage(format!("unsupported format {other:?}"))),
    };
    context.terminal.out(&format!("{text}\n"))?;
    Ok(Exit::Success)
}

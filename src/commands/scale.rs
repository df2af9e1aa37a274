//! `scale`: the number of containers of services.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::planning::Wanted;
use crate::commands::up;

/// Set the number of containers of services
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose scale web=3 worker=2   Set the number of containers")]
pub(super) struct Args {
    /// Services with their numbers (SERVICE=NUM)
    #[arg(required = true, value_name = "SERVICE=NUM")]
    numbers: Vec<String>,
    /// Leave out what the services depend on
    #[arg(long)]
    no_deps: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let mut services: Vec<String> = Vec::new();
    for arg in &args.numbers {
        let invalid = |why: &str| Error::Usage(format!("invalid scale specifier: {why}{arg}"));
        let (service, number) = arg
            .split_once('=')
            .filter(|(service, number)| !service.is_empty() && !number.is_empty())
            .ok_or_else(|| invalid(""))?;
        match number.parse::<i64>() {
            Ok(number) if u32::try_from(number).is_ok() => {}
            Ok(_) => return Err(invalid("no service can have so many containers: ")),
            Err(_) => return Err(invalid("can't parse replica value as int: ")),
        }
        if !services.iter().any(|it| it == service) {
            services.push(service.to_owned());
        }
    }
    let (scale, no_deps) = (args.numbers.clone(), args.no_deps);
    up::scale(Wanted { services, no_deps, scale, ..Wanted::default() }, context)
}

//! `port`: where the host has a port of a container.

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session;

/// Show the public address of a port
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose port web 80   Where port 80 of a service is reached")]
pub(super) struct Args {
    /// Service that publishes the port
    service: String,
    /// Port inside the container
    port: u16,
    /// Protocol of the port: tcp or udp
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let project = context.name()?;
    let mut rows =
        session::block_on(async { Ok(context.connect().await?.containers(&project).await?) })?;
    rows.retain(listing::is_listed);
    let row = listing::choose(rows, &args.service, args.index)?;
    let protocol = args.protocol.to_lowercase();
    let mut ports = row.ports.clone();
    ports.retain(|port| port.public != 0);
    ports.sort();
    let found = ports.iter().find(|port| port.private == args.port && port.protocol == protocol);
    let Some(found) = found else {
        let mut published: Vec<String> =
            ports.iter().map(|port| format!("{}/{}", port.private, port.protocol)).collect();
        published.dedup();
        let (port, name, published) = (args.port, row.name(), published.join(", "));
        let message = format!("no port {port}/{protocol} for container {name}: {published}");
        return Err(Error::Usage(message));
    };
    let address = if found.ip.contains(':') { format!("[{}]", found.ip) } else { found.ip.clone() };
    context.terminal.out(&format!("{address}:{}\n", found.public))?;
    Ok(Exit::Success)
}

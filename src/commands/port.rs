//! `port`: where the host has a port of a container.

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::labels;

/// Show the public address of a port
#[derive(Debug, clap::Args)]
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
    let (project, _) = context.project_or_name(std::slice::from_ref(&args.service))?;
    let mut rows =
        session::block_on(async { Ok(context.connect().await?.containers(&project).await?) })?;
    let number = |row: &crate::engine::ContainerRow| {
        row.label(labels::CONTAINER_NUMBER).parse::<u32>().unwrap_or(u32::MAX)
    };
    rows.retain(|row| row.label(labels::SERVICE) == args.service);
    rows.retain(|row| args.index == 0 || number(row) == args.index);
    let service = &args.service;
    let Some(row) = rows.iter().min_by_key(|row| (row.is_one_off(), number(row))) else {
        return Err(Error::Usage(match args.index {
            0 => format!("service {service:?} is not running"),
            index => format!("service {service:?} is not running container #{index}"),
        }));
    };
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

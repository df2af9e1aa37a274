//! Ports of the host that are taken: by containers, as the engine tells, and by other processes, as
//! the host does.

#![expect(
    clippy::disallowed_methods,
    reason = "who listens is read from /proc, and the socket's other end from the system"
)]

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;

use tokio::net::UnixStream;

use crate::engine::endpoint::Endpoint;
use crate::engine::error::Error;
use crate::engine::{ContainerRow, Engine};

/// Whether a port of this host can be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listening {
    /// Nobody does, or nobody can tell.
    Free,
    /// Somebody does: what the process is called, if that can be read.
    Taken(Option<String>),
}

impl Engine {
    /// The host that the engine publishes ports on, if it is another one than this.
    #[must_use]
    pub fn remote_host(&self) -> Option<&str> {
        match self.transport.endpoint() {
            Endpoint::Unix(_) => None,
            Endpoint::Tcp { address, .. } => {
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                Some(host.trim_start_matches('[').trim_end_matches(']'))
            }
            Endpoint::Ssh(ssh) => Some(&ssh.host),
        }
    }

    /// The running containers of all projects, with their ports.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn running(&self) -> Result<Vec<ContainerRow>, Error> {
        self.transport.list("/containers/json").await
    }

    /// Whether the engine publishes ports where this process would listen: on this host, in the same
    /// network namespace. Where that cannot be told, it does not.
    pub async fn is_here(&self) -> bool {
        let Endpoint::Unix(socket) = self.transport.endpoint() else {
            return false;
        };
        let Ok(stream) = UnixStream::connect(socket).await else {
            return false;
        };
        let Some(process) = stream.peer_cred().ok().and_then(|peer| peer.pid()) else {
            return false;
        };
        let Ok(ours) = std::fs::read_link("/proc/self/ns/net") else {
            return false;
        };
        // Threads of engines go to and fro between the namespaces of containers, the first one too.
        let threads = std::fs::read_dir(format!("/proc/{process}/task"));
        let mut threads = threads.into_iter().flatten().flatten().map(|thread| thread.path());
        threads.any(|thread| std::fs::read_link(thread.join("ns/net")).is_ok_and(|it| it == ours))
    }
}

/// Tries to listen on a port of this host for a moment.
#[must_use]
pub fn listening(address: &str, port: u16, protocol: &str) -> Listening {
    let address: IpAddr = match address {
        "" => Ipv4Addr::UNSPECIFIED.into(),
        address => match address.parse() {
            Ok(address) => address,
            Err(_) => return Listening::Free,
        },
    };
    let tried = match protocol {
        "tcp" => TcpListener::bind((address, port)).map(drop),
        "udp" => UdpSocket::bind((address, port)).map(drop),
        _ => Ok(()),
    };
    match tried {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Listening::Taken(listener(Path::new("/proc"), port, protocol))
        }
        // Low ports are not for everybody, and an address may come up later.
        _ => Listening::Free,
    }
}

/// The process that listens on a port, as `NAME (process ID)`.
fn listener(proc: &Path, port: u16, protocol: &str) -> Option<String> {
    let tables = [protocol.to_owned(), format!("{protocol}6")];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(proc.join("net").join(table)).ok())
        .flat_map(|table| inodes(&table, port, protocol))
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for entry in std::fs::read_dir(proc).ok()?.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let has_it = files.flatten().any(|file| {
            let link = std::fs::read_link(file.path());
            link.is_ok_and(|link| links.iter().any(|it| link.as_os_str() == it.as_str()))
        });
        if has_it {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {id})", name.trim()));
        }
    }
    None
}

/// The sockets of a table of `/proc/net` that listen on a port.
fn inodes(table: &str, port: u16, protocol: &str) -> Vec<String> {
    // TCP sockets that listen, and UDP sockets without another end.
    let state = if protocol == "tcp" { "0A" } else { "07" };
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&port) && row[3] == state)
        .map(|row| row[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_with_its_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = format!("(process {})", std::process::id());
        match listening("127.0.0.1", port, "tcp") {
            Listening::Taken(Some(process)) => assert!(process.ends_with(&own), "{process}"),
            other => panic!("{other:?}"),
        }
        drop(listener);
        assert_eq!(listening("127.0.0.1", port, "tcp"), Listening::Free);
        assert_eq!(listening("127.0.0.1", port, "sctp"), Listening::Free);
    }

    #[test]
    fn rows_of_the_system() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123 1
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 124 1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 125 1
";
        assert_eq!(inodes(table, 8080, "tcp"), ["123"]);
        assert_eq!(inodes(table, 22, "tcp"), ["125"]);
        assert!(inodes(table, 22, "udp").is_empty());
    }
}

//! Ways to ask the server of a container for names: from its network namespace, or by a program in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use tokio::process::Command;

use crate::commands::dns::ask::Line;
use crate::dns::proof::{Container, Heard};
use crate::engine::{Attachments, Engine, ExecOptions};
use crate::watch::root::Root;

/// How a container's server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Way {
    /// From the network namespace where that is allowed, else by a program of the image
    Auto,
    /// From the network namespace: as root, on the machine of the engine
    Namespace,
    /// By a program of the image: nslookup or getent
    Exec,
}

/// The server that each of these containers has.
const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// The port of servers of names.
const PORT: u16 = 53;

/// What a container's servers say, by network and name, and how they were asked.
pub(super) struct Told {
    pub(super) heard: BTreeMap<(String, String), Heard>,
    pub(super) by: &'static str,
}

/// Whom to ask on a network: the server in the container, or the gateway.
fn server(attachments: &Attachments, network: &str, at_gateways: bool) -> Option<Ipv4Addr> {
    if at_gateways { attachments.networks.get(network)?.gateway } else { Some(INSIDE) }
}

/// Asks for names, each on a network.
///
/// # Errors
/// Why the container cannot be asked; a clause.
pub(super) async fn ask(
    engine: &Engine,
    container: &Container,
    attachments: &Attachments,
    questions: &[(String, String)],
    at_gateways: bool,
    way: Way,
) -> Result<Told, String> {
    // One server may be that of several networks.
    let mut servers: BTreeMap<Ipv4Addr, BTreeSet<String>> = BTreeMap::new();
    for (network, name) in questions {
        let server = server(attachments, network, at_gateways).ok_or_else(|| {
            format!("the network `{network}` has no gateway, where it would be answered")
        })?;
        servers.entry(server).or_default().insert(name.clone());
    }
    let inside = match way {
        Way::Exec => Err("not wanted".to_owned()),
        Way::Auto | Way::Namespace => {
            from_namespace(container, attachments.process, &servers).await
        }
    };
    let (answers, by) = match (inside, way) {
        (Ok(answers), _) => (answers, "from its network namespace"),
        (Err(why), Way::Namespace) => return Err(why),
        (Err(_), Way::Auto | Way::Exec) => by_program(engine, container, &servers).await?,
    };
    let mut heard = BTreeMap::new();
    for (network, name) in questions {
        let server = server(attachments, network, at_gateways);
        let answer = server.and_then(|server| answers.get(&(server, name.clone())));
        let answer = answer.cloned().unwrap_or_default();
        heard.insert((network.clone(), name.clone()), answer);
    }
    Ok(Told { heard, by })
}

type Answers = BTreeMap<(Ipv4Addr, String), Heard>;

/// Has this program ask from within the network namespace of a container. Only a program that was
/// started there can be there: so it is started again.
async fn from_namespace(
    container: &Container,
    process: i64,
    servers: &BTreeMap<Ipv4Addr, BTreeSet<String>>,
) -> Result<Answers, String> {
    Root::of_container(process, &container.id).map_err(|_| {
        "its network namespace is open to root on the engine's machine alone".to_owned()
    })?;
    let own = std::env::current_exe()
        .map_err(|error| format!("the program that would ask there is not found: {error}"))?;
    let mut answers = Answers::new();
    for (server, names) in servers {
        let output = Command::new("nsenter")
            .arg(format!("--net=/proc/{process}/ns/net"))
            .arg("--")
            .arg(&own)
            .args(["dns", "ask", "--server", &SocketAddr::from((*server, PORT)).to_string(), "--"])
            .args(names)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| format!("nsenter cannot be run: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("nsenter failed: {text}"));
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Line { name, addresses, problem } = serde_json::from_str(line)
                .map_err(|error| format!("what asked there said something else: {error}"))?;
            answers.insert((*server, name), Heard { addresses, problem });
        }
    }
    Ok(answers)
}

/// Programs of images that ask for names, the more exact one first: the other looks into files as well.
const PROGRAMS: [Program; 2] = [
    Program {
        by: "by its nslookup",
        command: |server, name| vec!["nslookup".to_owned(), name.to_owned(), server.to_string()],
        read: of_nslookup,
    },
    Program {
        by: "by its getent",
        command: |_, name| vec!["getent".to_owned(), "ahostsv4".to_owned(), name.to_owned()],
        read: of_getent,
    },
];

struct Program {
    by: &'static str,
    command: fn(Ipv4Addr, &str) -> Vec<String>,
    read: fn(&str) -> Heard,
}

/// Has a program of the image ask.
async fn by_program(
    engine: &Engine,
    container: &Container,
    servers: &BTreeMap<Ipv4Addr, BTreeSet<String>>,
) -> Result<(Answers, &'static str), String> {
    'programs: for program in &PROGRAMS {
        let mut answers = Answers::new();
        for (server, names) in servers {
            for name in names {
                let command = (program.command)(*server, name);
                let options = ExecOptions { command, ..ExecOptions::default() };
                match engine.exec_with(&container.id, &options).await {
                    // There is no such program, or it must not be run.
                    Ok((126 | 127, _)) | Err(_) => continue 'programs,
                    Ok((_, output)) => {
                        answers.insert((*server, name.clone()), (program.read)(&output));
                    }
                }
            }
        }
        return Ok((answers, program.by));
    }
    Err("its network namespace is not open to us, and its image has neither nslookup nor getent"
        .to_owned())
}

/// What nslookup found, of busybox or of others: the addresses below `Name:`; those above are the server's.
fn of_nslookup(output: &str) -> Heard {
    let mut heard = Heard::default();
    let mut is_answer = false;
    for line in output.lines() {
        if line.starts_with("Name:") {
            is_answer = true;
        } else if let Some(rest) = line.strip_prefix("Address").filter(|_| is_answer) {
            let address = rest.split_once(':').and_then(|(_, rest)| rest.split_whitespace().next());
            heard.addresses.extend(address.and_then(|it| it.parse::<Ipv4Addr>().ok()));
        }
    }
    if heard.addresses.is_empty() {
        let known = ["NXDOMAIN", "REFUSED", "SERVFAIL"].into_iter().find(|it| output.contains(it));
        known.unwrap_or("not found").clone_into(&mut heard.problem);
    }
    heard
}

/// What getent found: an address at the beginning of each line.
fn of_getent(output: &str) -> Heard {
    let addresses: BTreeSet<Ipv4Addr> =
        output.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    let problem = if addresses.is_empty() { "not found".to_owned() } else { String::new() };
    Heard { addresses, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(heard: &Heard, addresses: &[[u8; 4]], problem: &str) {
        let want: BTreeSet<Ipv4Addr> = addresses.iter().map(|it| Ipv4Addr::from(*it)).collect();
        assert_eq!((&heard.addresses, heard.problem.as_str()), (&want, problem));
    }

    #[test]
    fn what_programs_of_images_say() {
        let one = "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\nNon-authoritative answer:\n\
            Name:\tweb\nAddress: 172.18.0.2\nName:\tweb\nAddress: 172.18.0.3\n\n";
        check(&of_nslookup(one), &[[172, 18, 0, 2], [172, 18, 0, 3]], "");
        let old = "Server:    127.0.0.11\nAddress 1: 127.0.0.11\n\nName:      web\n\
            Address 1: 172.18.0.2 shop-web-1.shop_default\n";
        check(&of_nslookup(old), &[[172, 18, 0, 2]], "");
        let none = "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n\
            ** server can't find web: NXDOMAIN\n";
        check(&of_nslookup(none), &[], "NXDOMAIN");
        check(&of_nslookup(";; connection timed out"), &[], "not found");
        let text = "172.18.0.2      STREAM web\n172.18.0.2      DGRAM\n172.18.0.2      RAW\n";
        check(&of_getent(text), &[[172, 18, 0, 2]], "");
        check(&of_getent(""), &[], "not found");
    }
}

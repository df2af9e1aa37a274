//! Ports: what is reached from the host.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::engine::eventually;
use crate::project::{Project, free_port};

/// A published port leads to its service.
///
/// `up` of a server with a port that the file names and one that the engine picks. Both answer on
/// the loopback address; after `down` neither does.
#[test]
fn published_ports_lead_to_their_service() {
    let Some(project) = Project::new() else { return };
    let (listener, port) = free_port();
    project.compose(&format!(
        "
services:
  web:
    image: busybox
    init: true
    command: sh -c 'mkdir /www; echo it is me > /www/index.html; httpd -p 8080 -h /www; exec httpd -f -p 9090 -h /www'
    ports: ['{port}:8080', {{target: 9090, host_ip: 127.0.0.1}}]
"
    ));
    drop(listener);
    project.succeed(&["up", "-d"]);
    let bindings = project.inspect("web-1")["NetworkSettings"]["Ports"].take();
    assert_eq!(bindings["8080/tcp"][0]["HostPort"], port.to_string());
    assert_eq!(bindings["9090/tcp"][0]["HostIp"], "127.0.0.1");
    let picked: u16 = bindings["9090/tcp"][0]["HostPort"].as_str().unwrap().parse().unwrap();
    for port in [port, picked] {
        eventually(format!("an answer on port {port}"), || {
            answer(port).filter(|answer| answer.contains("it is me"))
        });
    }
    project.succeed(&["down"]);
    assert_eq!([answer(port), answer(picked)], [None, None]);
}

/// A replacement publishes the port of the container whose place it takes.
///
/// `up` of a service with a port, then with another environment. The port leads to the new one.
#[test]
fn a_replacement_takes_over_the_port() {
    let Some(project) = Project::new() else { return };
    let (listener, port) = free_port();
    let compose = |text: &str| {
        format!(
            "
services:
  web:
    image: busybox
    init: true
    command: sh -c 'mkdir /www; echo $$TEXT > /www/index.html; exec httpd -f -p 80 -h /www'
    environment: {{TEXT: {text}}}
    ports: ['{port}:80']
"
        )
    };
    drop(listener);
    for text in ["before", "after"] {
        project.compose(&compose(text));
        project.succeed(&["up", "-d"]);
        eventually(format!("`{text}` on port {port}"), || {
            answer(port).filter(|answer| answer.contains(text))
        });
    }
}

/// Ports move between services, and to services with a new name.
///
/// `up` of two services, then with their ports swapped, then with one of them under another name and the
/// other one slow to stop. Every port leads to its service each time.
#[test]
fn ports_move_between_services() {
    let Some(project) = Project::new() else { return };
    let (one, two) = (free_port(), free_port());
    let (a, b) = (one.1, two.1);
    drop((one, two));
    let service = |name: &str, port: u16| {
        format!(
            "
  {name}:
    image: busybox
    command: sh -c 'trap \"sleep 1; exit\" TERM; mkdir /www; echo i am {name} > /www/index.html; httpd -p 80 -h /www; while :; do sleep 0.1; done'
    ports: ['{port}:80']"
        )
    };
    for services in [[("x", a), ("y", b)], [("x", b), ("y", a)], [("z", b), ("y", a)]] {
        let written: Vec<String> =
            services.iter().map(|(name, port)| service(name, *port)).collect();
        project.compose(&format!("services:{}\n", written.concat()));
        project.succeed(&["up", "-d", "--remove-orphans"]);
        for (name, port) in services {
            eventually(format!("`{name}` on port {port}"), || {
                answer(port).filter(|answer| answer.contains(&format!("i am {name}")))
            });
        }
    }
}

/// A range of ports serves several containers.
///
/// `up` of three replicas with three ports. Each has one of its own.
#[test]
fn replicas_share_a_range() {
    let Some(project) = Project::new() else { return };
    // Three free ports in a row.
    let (listeners, first) = eventually("three free ports in a row", || {
        let (one, port) = free_port();
        let next = |offset: u16| std::net::TcpListener::bind(("0.0.0.0", port + offset)).ok();
        Some(([one, next(1)?, next(2)?], port))
    });
    project.compose(&format!(
        "
services:
  web: {{image: busybox, init: true, command: sleep 600, scale: 3, ports: ['{first}-{}:80']}}
",
        first + 2
    ));
    drop(listeners);
    project.succeed(&["up", "-d"]);
    let mut ports = ["web-1", "web-2", "web-3"].map(|name| {
        let bindings = project.inspect(name)["NetworkSettings"]["Ports"].take();
        bindings["80/tcp"][0]["HostPort"].as_str().unwrap().parse::<u16>().unwrap()
    });
    ports.sort_unstable();
    assert_eq!(ports, [first, first + 1, first + 2]);
}

/// What a server on a port of this machine says to a request; `None` if nobody answers.
fn answer(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

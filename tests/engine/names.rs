//! Names of services: on this machine, as they follow the containers, and inside networks.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::{eventually, say};
use crate::project::Project;
use crate::proxy::Proxy;
use crate::run::Running;
use crate::schema::kind_of;

const SLEEPER: &str = "image: busybox, init: true, command: sleep 600, stop_grace_period: 0s";

const A: u16 = 1;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const HTTPS: u16 = 65;

/// What a server says: its code, and the data of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    code: u8,
    data: Vec<Vec<u8>>,
}

impl Said {
    fn addresses(&self) -> Vec<Ipv4Addr> {
        let address = |it: &Vec<u8>| Ipv4Addr::new(it[0], it[1], it[2], it[3]);
        let mut addresses: Vec<Ipv4Addr> = self.data.iter().map(address).collect();
        addresses.sort();
        addresses
    }

    /// The texts without the length before each.
    fn texts(&self) -> Vec<String> {
        let text = |it: &Vec<u8>| String::from_utf8_lossy(&it[1..]).into_owned();
        self.data.iter().map(text).collect()
    }
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// Reads an answer to a question, whose times must all be nothing.
fn read(question: &[u8], answer: &[u8]) -> Said {
    assert_eq!(answer[..2], question[..2]);
    assert_eq!(answer[2] & 0x80, 0x80, "{answer:?}");
    assert_eq!(answer[3] & 0x80, 0, "recursion is not to be had: {answer:?}");
    let count = u16::from_be_bytes([answer[6], answer[7]]);
    let mut at = question.len();
    let mut data = Vec::new();
    for _ in 0..count {
        // The name is the one that was asked for, as a pointer.
        assert_eq!(answer[at], 0xc0, "{answer:?}");
        assert_eq!(answer[at + 6..at + 10], [0; 4], "it may be kept: {answer:?}");
        let length = usize::from(u16::from_be_bytes([answer[at + 10], answer[at + 11]]));
        data.push(answer[at + 12..at + 12 + length].to_vec());
        at += 12 + length;
    }
    Said { code: answer[3] & 0xf, data }
}

/// Asks a server, over UDP.
struct Client(UdpSocket);

impl Client {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(socket)
    }

    fn ask(&self, name: &str, kind: u16) -> Said {
        let question = question(name, kind);
        self.0.send(&question).unwrap();
        let mut answer = [0; 2000];
        let length = self.0.recv(&mut answer).unwrap();
        read(&question, &answer[..length])
    }

    fn addresses(&self, name: &str) -> Vec<Ipv4Addr> {
        self.ask(name, A).addresses()
    }

    /// Waits until a name leads there.
    #[track_caller]
    fn awaits(&self, name: &str, addresses: &[Ipv4Addr]) {
        eventually(format!("{addresses:?} for {name}"), || {
            (self.addresses(name) == addresses).then_some(())
        });
    }
}

fn ask_over_tcp(server: SocketAddr, names: &[&str]) -> Vec<Said> {
    let mut stream = TcpStream::connect(server).unwrap();
    let ask = |name: &&str| {
        let question = question(name, A);
        let length = u16::try_from(question.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], &question].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        read(&question, &answer)
    };
    names.iter().map(ask).collect()
}

/// Waits until the program says where it answers.
fn server(running: &Running<'_>) -> SocketAddr {
    running.shows("names are answered at ");
    let text = format!("{}{}", running.stdout(), running.stderr());
    let rest = text.split("names are answered at ").nth(1).unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

/// The addresses of containers such as `web-1`, in order.
fn places(project: &Project, containers: &[&str]) -> Vec<Ipv4Addr> {
    let address = |short: &&str| {
        let networks = project.inspect(short)["NetworkSettings"]["Networks"].clone();
        let networks = networks.as_object().unwrap();
        let first = networks.values().next().unwrap();
        first["IPAddress"].as_str().unwrap().parse().unwrap()
    };
    let mut addresses: Vec<Ipv4Addr> = containers.iter().map(address).collect();
    addresses.sort();
    addresses
}

/// Whether this machine reaches the engine's networks; a line says so if it does not.
fn is_reached(project: &Project, scenario: &str) -> bool {
    let env = project.run(&["dns", "env"]);
    let reaches = !env.stderr.contains("this machine does not reach its networks");
    if !reaches {
        say(&format!("{scenario} is left out: the engine's networks are not reached from here"));
    }
    reaches
}

/// Ten services, one with two replicas.
fn ten() -> String {
    let plain: Vec<String> = (0..9).map(|number| format!("  s{number}: {{{SLEEPER}}}\n")).collect();
    let replicas = format!("  my_web: {{{SLEEPER}, deploy: {{replicas: 2}}}}\n");
    format!("services:\n{}{replicas}", plain.concat())
}

/// The answers of a server as they change, each with the time when it was first seen.
type Seen = BTreeMap<String, Vec<(Timestamp, Vec<Ipv4Addr>)>>;

/// Asks for names again and again until it is told to end.
fn watch(server: SocketAddr, names: &[String], ends: &AtomicBool) -> Seen {
    let client = Client::new(server);
    let mut seen = Seen::new();
    while !ends.load(Ordering::Relaxed) {
        for name in names {
            let addresses = client.addresses(name);
            let all = seen.entry(name.clone()).or_default();
            if all.last().is_none_or(|(_, last)| *last != addresses) {
                all.push((Timestamp::now(), addresses));
            }
        }
        // There is other work on this machine.
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}

/// Names follow containers: ten services are made anew several times while all names are asked for; in
/// the end each leads to where its containers are, and how soon that was so is told.
#[test]
fn names_follow_containers() {
    let Some(project) = Project::with(&ten()) else { return };
    project.succeed(&["up", "-d"]);
    if !is_reached(&project, "names_follow_containers") {
        return;
    }
    let running = project.start(&["-p", &project.name, "dns", "serve", "--listen", "0"]);
    let server = server(&running);
    let full = |service: &str| format!("{service}.{}.test", project.name);
    let services: Vec<String> = (0..9).map(|number| format!("s{number}")).collect();
    let names: Vec<String> = services.iter().map(|it| full(it)).collect();
    let ends = AtomicBool::new(false);
    let mut delays = Vec::new();
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(server, &names, &ends));
        for _ in 0..2 {
            project.succeed(&["up", "-d", "--force-recreate"]);
        }
        let client = Client::new(server);
        for service in &services {
            client.awaits(&full(service), &places(&project, &[&format!("{service}-1")]));
        }
        ends.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    for service in &services {
        let (_, started) = project.instance(&format!("{service}-1"));
        let started: Timestamp = started.parse().unwrap();
        let (since, last) = seen[&full(service)].last().unwrap();
        assert_eq!(*last, places(&project, &[&format!("{service}-1")]), "{service}");
        delays.push(since.duration_since(started).as_millis().max(0));
    }
    delays.sort_unstable();
    say(&format!("names_follow_containers: right so many ms after the start: {delays:?}"));
    assert!(delays.iter().all(|it| *it < 5000), "{delays:?}");
    // Replicas, spellings, and what is not there.
    let client = Client::new(server);
    let both = places(&project, &["my_web-1", "my_web-2"]);
    for name in ["my_web", "MY_WEB", "my-web"] {
        assert_eq!(client.addresses(&full(name)), both, "{name}");
    }
    assert_eq!(client.addresses(&full("2.my_web")), places(&project, &["my_web-2"]));
    assert_eq!(client.ask(&full("3.my_web"), A), Said { code: 3, data: vec![] });
    for kind in [AAAA, HTTPS, TXT] {
        assert_eq!(client.ask(&full("s0"), kind), Said { code: 0, data: vec![] }, "{kind}");
    }
    for name in ["example.com", "s0.test.example.com", "s0"] {
        assert_eq!(client.ask(name, A), Said { code: 5, data: vec![] }, "{name}");
    }
    let said = ask_over_tcp(server, &[&full("my_web"), "example.com", &full("nobody")]);
    assert_eq!((said[0].addresses(), said[1].code, said[2].code), (both.clone(), 5, 3));
    // Whatever bytes come, the next question is answered.
    let noise = Client::new(server);
    let mut state: u32 = 7;
    for length in 0..600 {
        let mut byte = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            u8::try_from(state >> 24).unwrap()
        };
        let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        noise.0.send(&bytes).unwrap();
        let mut stream = TcpStream::connect(server).unwrap();
        let _ = stream.write_all(&bytes);
    }
    assert_eq!(client.addresses(&full("my_web")), both);
    // A container that stops has no address any more.
    project.succeed(&["stop", "s0"]);
    eventually("the end of the name", || (client.ask(&full("s0"), A).code == 3).then_some(()));
    project.succeed(&["scale", "my_web=1"]);
    client.awaits(&full("my_web"), &places(&project, &["my_web-1"]));
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    let text = output.stdout;
    assert!(text.contains("s0.[PROJECT].test  is gone"), "{text}");
}

/// All projects have names unless one is named, and what is told can be read by programs.
#[test]
fn projects_side_by_side() {
    let compose = format!("services: {{web: {{{SLEEPER}}}}}");
    let Some(one) = Project::with(&compose) else { return };
    let two = Project::on(one.engine);
    two.compose(&compose);
    one.succeed(&["up", "-d"]);
    two.succeed(&["up", "-d"]);
    if !is_reached(&one, "projects_side_by_side") {
        return;
    }
    let all = one.start(&[
        "--progress",
        "json",
        "dns",
        "serve",
        "--listen",
        "0",
        "--suffix",
        "dev.example",
    ]);
    let client = Client::new(server(&all));
    for project in [&one, &two] {
        let name = format!("web.{}.dev.example", project.name);
        assert_eq!(client.addresses(&name), places(project, &["web-1"]));
    }
    assert_eq!(client.ask(&format!("web.{}.test", one.name), A).code, 5);
    let alone = one.start(&["-f", "compose.yaml", "dns", "serve", "--listen", "0"]);
    let client = Client::new(server(&alone));
    let name = format!("web.{}.test", one.name);
    assert_eq!(client.addresses(&name), places(&one, &["web-1"]));
    assert_eq!(client.ask(&format!("web.{}.test", two.name), A).code, 3);
    all.signal("TERM");
    let output = all.finish();
    assert_eq!((output.code, output.stdout.as_str()), (Some(130), ""));
    let kinds = output.stderr.lines().map(|line| kind_of(&serde_json::from_str(line).unwrap()));
    assert!(kinds.clone().all(|kind| kind == "name") && kinds.count() >= 3, "{}", output.stderr);
}

/// An engine that goes away takes no names with it, and what has changed meanwhile is known when it is
/// back.
#[test]
fn the_engine_goes_and_comes_back() {
    let Some(project) =
        Project::with(&format!("services: {{web: {{{SLEEPER}}}, db: {{{SLEEPER}}}}}"))
    else {
        return;
    };
    project.succeed(&["up", "-d", "web"]);
    if !is_reached(&project, "the_engine_goes_and_comes_back") {
        return;
    }
    let proxy = Proxy::new(project.engine);
    let running =
        project.start_at(&proxy.address, &["-p", &project.name, "dns", "serve", "--listen", "0"]);
    let client = Client::new(server(&running));
    let full = |service: &str| format!("{service}.{}.test", project.name);
    let web = places(&project, &["web-1"]);
    client.awaits(&full("web"), &web);
    for _ in 0..2 {
        proxy.cut();
        running.shows("the engine has gone, and names stay as they are");
        project.succeed(&["up", "-d", "--force-recreate", "db"]);
        assert_eq!(client.addresses(&full("web")), web);
        proxy.comes_back();
        client.awaits(&full("db"), &places(&project, &["db-1"]));
        project.succeed(&["rm", "-sf", "db"]);
        eventually("the end of db", || (client.ask(&full("db"), A).code == 3).then_some(()));
    }
    running.shows("the engine is back");
}

/// Passes connections to a port of this machine on to the engine, as one does that is elsewhere.
struct Elsewhere {
    address: String,
}

impl Elsewhere {
    fn new(project: &Project) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let socket: PathBuf = project.engine.socket.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(engine)) = (client, UnixStream::connect(&socket)) else {
                    return;
                };
                let pair = Arc::new((client, engine));
                let other = Arc::clone(&pair);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut &pair.0, &mut &pair.1);
                    let _ = pair.1.shutdown(std::net::Shutdown::Write);
                });
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut &other.1, &mut &other.0);
                    let _ = other.0.shutdown(std::net::Shutdown::Write);
                });
            }
        });
        Self { address }
    }
}

/// Where addresses of containers are of no use, names lead to published ports, and say which.
#[test]
fn names_lead_to_published_ports() {
    let compose =
        format!("services:\n  web: {{{SLEEPER}, ports: ['0:80']}}\n  db: {{{SLEEPER}}}\n");
    let Some(project) = Project::with(&compose) else { return };
    project.succeed(&["up", "-d"]);
    let there = Elsewhere::new(&project);
    let running =
        project.start_at(&there.address, &["-p", &project.name, "dns", "serve", "--listen", "0"]);
    let client = Client::new(server(&running));
    let full = |service: &str| format!("{service}.{}.test", project.name);
    let port = project.succeed(&["port", "web", "80"]).stdout;
    let port = port.trim().rsplit(':').next().unwrap().to_owned();
    assert_eq!(client.addresses(&full("web")), [Ipv4Addr::LOCALHOST]);
    let texts = client.ask(&full("web"), TXT).texts();
    let told = format!("80/tcp is published at 127.0.0.1:{port}");
    assert!(texts[0].starts_with("use the published port: the engine is elsewhere"), "{texts:?}");
    assert_eq!(texts[1], told);
    assert_eq!(client.ask(&full("db"), A), Said { code: 0, data: vec![] });
    let texts = client.ask(&full("db"), TXT).texts();
    assert!(texts[0].starts_with("it publishes no port, and the engine is elsewhere"), "{texts:?}");
    running.shows(&told);
    running.shows("names lead to published ports at 127.0.0.1");
    let env = project.start_at(&there.address, &["dns", "env", "--format", "json"]).finish();
    let variables: Value = serde_json::from_str(&env.stdout).unwrap();
    assert_eq!(variables, json!({"WEB_HOST": "127.0.0.1", "WEB_PORT_80": port}));
    assert!(env.stderr.contains("`db` has no variables: it publishes no port"), "{}", env.stderr);
}

/// `up --dns` answers for as long as it stays.
#[test]
fn up_answers_names() {
    let Some(project) = Project::with(&format!("services: {{web: {{{SLEEPER}}}}}")) else { return };
    let running = project.start(&["up", "--dns=127.0.0.1:0", "--dns-suffix", "dev"]);
    let client = Client::new(server(&running));
    let name = format!("web.{}.dev", project.name);
    if is_reached(&project, "up_answers_names") {
        client.awaits(&name, &places(&project, &["web-1"]));
        running.shows(&format!("web.[PROJECT].dev  {}", places(&project, &["web-1"])[0]));
    }
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
    assert_eq!(project.status("web-1"), "exited");
}

/// Names inside are proved on each network, and what is wrong with them is explained.
#[test]
fn names_inside_are_proved() {
    let compose = format!(
        "services:\n  web: {{{SLEEPER}, deploy: {{replicas: 2}}, networks: [front, back]}}\n  \
         db: {{{SLEEPER}, networks: {{back: {{aliases: [data]}}}}}}\n  \
         lone: {{{SLEEPER}, network_mode: none}}\n  \
         side: {{{SLEEPER}, network_mode: 'service:db'}}\n\
         networks: {{front: {{}}, back: {{internal: true}}}}\n"
    );
    let Some(project) = Project::with(&compose) else { return };
    project.succeed(&["up", "-d"]);
    let output = project.succeed(&["dns", "check"]);
    let text = &output.stdout;
    for part in ["[PROJECT]_back", "[PROJECT]_front", "data ", "web ", "db-1", ": all is right\n"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(text.contains("[PROJECT]-lone-1 has no names: it has no network"), "{text}");
    let shares = "[PROJECT]-side-1 has no names: it shares the network of [PROJECT]-db-1";
    assert!(text.contains(shares), "{text}");
    assert!(text.contains("[PROJECT]_back is internal"), "{text}");
    let json = |args: &[&str], code: i32| -> Value {
        let output = project.run(&[&["dns", "check", "--format", "json"], args].concat());
        assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
        serde_json::from_str(&output.stdout).unwrap()
    };
    for way in [&["--by", "exec"][..], &[]] {
        let proof = json(way, 0);
        let answers = proof["answers"].as_array().unwrap();
        let data = answers.iter().find(|it| it["name"] == "data").unwrap();
        let place = places(&project, &["db-1"])[0].to_string();
        assert_eq!((&data["addresses"], &data["right"]), (&json!([place]), &json!(true)));
        let web = answers.iter().find(|it| it["name"] == "web").unwrap();
        assert_eq!(web["addresses"].as_array().unwrap().len(), 2, "{web}");
        assert_eq!(proof["ok"], true);
    }
    // Connected by hand, a container has lost its aliases.
    let network = format!("{}_back", project.name);
    let container = project.full("db-1");
    let leave = json!({"Container": &container, "Force": true});
    project.engine.post(&format!("/networks/{network}/disconnect"), &leave);
    let text = project.run(&["dns", "check"]);
    assert_eq!(text.code, Some(1), "{}", text.stdout);
    assert!(
        text.stdout.contains("[PROJECT]-db-1 is not on it, as its service should be"),
        "{}",
        text.stdout
    );
    if project.engine.podman {
        // Its server may be silent for half a minute after that, and so long all is wrong.
        return;
    }
    project.engine.post(&format!("/networks/{network}/connect"), &json!({"Container": &container}));
    let wrong = eventually("names of db alone to be wrong".to_owned(), || {
        let proof = json(&[], 1);
        let answers = proof["answers"].as_array().unwrap().iter();
        let wrong: Vec<Value> = answers.filter(|it| it["right"] == false).cloned().collect();
        let is_of_db = |it: &Value| it["name"].as_str().unwrap().starts_with("db");
        (!wrong.is_empty() && wrong.iter().all(is_of_db)).then_some(wrong)
    });
    let told = wrong[0]["problem"].as_str().unwrap();
    assert!(told.contains("is connected without the alias `db`"), "{told}");
    project.succeed(&["up", "-d", "--force-recreate"]);
    assert_eq!(json(&[], 0)["ok"], true);
}

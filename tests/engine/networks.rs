//! Networks: who reaches whom by which name, and networks of others.

use crate::engine::eventually;
use crate::project::Project;

/// A server that tells its service, and a client that runs.
const COMPOSE: &str = "
x-server: &server
  image: busybox
  init: true
  command: sh -c 'mkdir /www; echo $$SELF > /www/index.html; exec httpd -f -p 8080 -h /www'
services:
  front:
    <<: *server
    environment: {SELF: front}
    networks: [outer]
  middle:
    <<: *server
    environment: {SELF: middle}
    networks:
      outer: {aliases: [doorman]}
      inner: {aliases: [guard, safe.example]}
  back:
    <<: *server
    environment: {SELF: back}
    networks: [inner]
networks:
  outer: {}
  inner: {internal: true}
";

/// Services know each other by name, and only on networks that they share.
///
/// `up` of three services, the middle one on two networks. Names and aliases lead to the right
/// service from where its network reaches, and are unknown elsewhere.
#[test]
fn services_are_found_by_name_and_alias() {
    let Some(project) = Project::with(COMPOSE) else { return };
    project.succeed(&["up", "-d"]);
    let full = project.full("middle-1");
    for (from, name, answer) in [
        ("front-1", "front", Some("front")),
        ("front-1", "middle", Some("middle")),
        ("front-1", "doorman", Some("middle")),
        ("front-1", &full, Some("middle")),
        ("front-1", "guard", None),
        ("front-1", "back", None),
        ("middle-1", "front", Some("front")),
        ("middle-1", "back", Some("back")),
        ("back-1", "middle", Some("middle")),
        ("back-1", "guard", Some("middle")),
        ("back-1", "safe.example", Some("middle")),
        ("back-1", "doorman", None),
        ("back-1", "front", None),
    ] {
        let seconds = if answer.is_some() { 10 } else { 3 };
        let request = format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w {seconds} {name} 8080");
        let ask = || project.exec(from, &["sh", "-c", &request]);
        let Some(answer) = answer else {
            let (code, output) = ask();
            // Some engines ask the name servers of the host, which may not answer.
            let unknown = output.contains("bad address") || output.contains("timed out");
            assert!(code != 0 && unknown, "{name} from {from}: {output}");
            continue;
        };
        // The server may not listen yet, and Podman's name server learns of a container a moment late.
        let output = eventually(format!("{name} from {from}"), || {
            let (code, output) = ask();
            (code == 0).then_some(output)
        });
        assert_eq!(output.lines().last(), Some(answer), "{name} from {from}");
    }
    let inner = project.engine.json(&format!("/networks/{}_inner", project.name));
    assert_eq!(inner["Internal"], true);
}

/// Addresses are those that the file gives, also for a replacement.
///
/// `up` of a service with an address on a network with a pool, then with another environment.
#[test]
fn addresses_are_kept() {
    let pool = format!("10.213.{}", std::process::id() % 256);
    let compose = |mode: &str| {
        format!(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {{MODE: {mode}}}
    networks: {{pool: {{ipv4_address: {pool}.77}}}}
networks: {{pool: {{ipam: {{config: [{{subnet: {pool}.0/24, gateway: {pool}.3}}]}}}}}}
"
        )
    };
    let Some(project) = Project::new() else { return };
    for mode in ["first", "second"] {
        project.compose(&compose(mode));
        project.succeed(&["up", "-d"]);
        let routes = project.told("web-1", &["ip", "route"]);
        assert!(routes.contains(&format!("default via {pool}.3 ")), "{routes}");
        assert!(routes.contains(&format!("src {pool}.77")), "{routes}");
    }
}

/// A network and a volume of others are used, and stay.
///
/// `up` with an external network and volume, then `down -v`. Meanwhile the container uses them;
/// afterwards both are there with what was in them.
#[test]
fn what_is_external_is_used_and_kept() {
    let Some(project) = Project::new() else { return };
    let network = project.outsider("networks", "net");
    let volume = project.outsider("volumes", "vol");
    project.compose(&format!(
        "
        services:
          web:
            image: busybox
            init: true
            command: sh -c 'echo kept > /data/file; exec sleep 600'
            networks: [outside]
            volumes: [data:/data]
        networks: {{outside: {{external: true, name: {network}}}}}
        volumes: {{data: {{external: true, name: {volume}}}}}
        "
    ));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.resources(), ["web-1 running"]);
    let container = project.inspect("web-1");
    assert!(container["NetworkSettings"]["Networks"][&network].is_object(), "{container}");
    assert_eq!(container["Mounts"][0]["Name"], *volume);

    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
    project.engine.json(&format!("/networks/{network}"));
    project.engine.json(&format!("/volumes/{volume}"));
    project.succeed(&["up", "-d", "--no-start"]);
    project.succeed(&["down"]);
}

/// What is external and missing stops `up` before it makes anything.
///
/// `up` of a project with an external network and an external volume that do not exist, and with a
/// volume of its own. Both are named with their places, and nothing is made.
#[test]
fn what_is_external_and_missing_is_named() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    networks: [outside]
    volumes: [data:/data, own:/own]
networks:
  outside: {external: true, name: rcompose-no-such-network}
volumes:
  own: {}
  data: {external: true, name: rcompose-no-such-volume}
",
    ) else {
        return;
    };
    let message = project.fail(&["up", "-d"]);
    for (part, line) in [
        ("network `rcompose-no-such-network` is declared as external, but could not be found", 8),
        ("external volume `rcompose-no-such-volume` not found", 11),
    ] {
        assert!(message.contains(part), "{message}");
        assert!(message.contains(&format!("compose.yaml:{line}:")), "{message}");
    }
    assert_eq!(project.resources(), [""; 0]);
}

//! What engines are asked for, key by key, beside what Docker Compose asks them for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::peer::Tool;
use crate::project::Project;

/// Fields that differ from run to run, or that say who made it and when.
fn without_noise(container: &mut Value, project: &Project) {
    let text = container.to_string().replace(&project.name, "[PROJECT]");
    let folder = project.path().to_string_lossy().into_owned();
    *container = serde_json::from_str(&text.replace(&folder, "[DIR]")).unwrap();
    let top = container.as_object_mut().unwrap();
    for key in [
        "Id",
        "Created",
        "State",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "GraphDriver",
        "Path",
        "Args",
        "Storage",
    ] {
        top.remove(key);
    }
    let config = top["Config"].as_object_mut().unwrap();
    // The first digits of the ID, if nothing else is asked for.
    if config["Hostname"].as_str().is_some_and(|name| name.len() == 12) {
        config.remove("Hostname");
    }
    let labels = config["Labels"].as_object_mut().unwrap();
    labels.remove("com.docker.compose.depends_on");
    for list in ["Env"] {
        if let Some(items) = config.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_key(ToString::to_string);
        }
    }
    let host = top["HostConfig"].as_object_mut().unwrap();
    for list in ["Binds", "Mounts", "Ulimits", "SecurityOpt", "CapAdd", "CapDrop", "ExtraHosts"] {
        if let Some(items) = host.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_key(|item| (item["Target"].to_string(), item.to_string()));
        }
    }
    if let Some(items) = top["Mounts"].as_array_mut() {
        for item in items.iter_mut() {
            // Anonymous volumes have names and places of their own.
            if item["Name"].as_str().is_some_and(|name| name.len() == 64) {
                item["Name"] = json!("anonymous");
                item["Source"] = json!("anonymous");
            }
        }
        items.sort_by_key(ToString::to_string);
    }
    let networks = top["NetworkSettings"]["Networks"].clone();
    top.insert("NetworkSettings".to_owned(), json!({}));
    for (name, network) in networks.as_object().unwrap() {
        let mut network = network.clone();
        for key in [
            "NetworkID",
            "EndpointID",
            "MacAddress",
            "Gateway",
            "IPAddress",
            "DNSNames",
            "IPPrefixLen",
            "GlobalIPv6Address",
            "GlobalIPv6PrefixLen",
            "IPv6Gateway",
        ] {
            network.as_object_mut().unwrap().remove(key);
        }
        top["NetworkSettings"][name] = network;
    }
}

/// All values, by where they are. What is nothing is left out.
fn leaves(value: &Value, place: &str, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{place}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{place}/{index}"), all);
            }
        }
        other => {
            if *other != json!("") && *other != json!(0) && *other != json!(false) {
                all.insert(place.to_owned(), other.to_string());
            }
        }
    }
}

/// Makes the project with both tools, and compares all that the engine tells of the containers.
#[track_caller]
fn compare(compose: &str, files: &[(&str, &str)], containers: &[&str], apart: &[&str]) {
    let tools: Vec<Tool> = Tool::all().collect();
    if tools.len() < 2 {
        return;
    }
    let Some(project) = Project::with(compose) else { return };
    if project.engine.podman {
        return;
    }
    for (path, text) in files {
        project.file(path, text);
    }
    let mut seen = Vec::new();
    for tool in &tools {
        tool.succeed(&project, &["up", "--no-start"]);
        let mut all = BTreeMap::new();
        for name in containers {
            let mut container = project.inspect(name);
            without_noise(&mut container, &project);
            leaves(&container, name, &mut all);
        }
        seen.push(all);
        tool.succeed(&project, &["down", "-v"]);
    }
    let (ours, peers) = (&seen[0], &seen[1]);
    let differs = |place: &&String| {
        ours.get(*place) != peers.get(*place) && !apart.iter().any(|it| place.contains(it))
    };
    let mut places: Vec<&String> = ours.keys().chain(peers.keys()).filter(differs).collect();
    places.sort_unstable();
    places.dedup();
    let lines: Vec<String> = places
        .into_iter()
        .map(|it| format!("{it}: ours {:?}, Docker Compose's {:?}", ours.get(it), peers.get(it)))
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    assert!(ours.len() > 20);
}

/// The process and its surroundings.
#[test]
fn process_and_surroundings() {
    compare(
        "
services:
  a:
    image: busybox
    entrypoint: [sh, -c]
    command: ['exec sleep 600']
    hostname: host-a
    domainname: example.org
    user: '1000:1001'
    working_dir: /work
    tty: true
    stdin_open: true
    init: true
    environment: [ONE=1, 'TWO=a=b', EMPTY=, UNSET]
    env_file: [some.env]
    labels: {com.example.a: b, com.example.n: 7}
    label_file: [some.labels]
    annotations: {com.example.note: yes and no}
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    healthcheck: {test: 'true', interval: 5s, timeout: 2s, retries: 4, start_period: 1s, start_interval: 500ms}
    logging: {driver: json-file, options: {max-size: 1m, max-file: '2'}}
    restart: on-failure:3
    runtime: runc
    platform: linux/amd64
    expose: ['1234', '53/udp', '3000-3002']
  b:
    image: busybox
    command: sleep 600
    entrypoint: []
    healthcheck: {disable: true}
    restart: unless-stopped
    depends_on: [a]
    container_name: PROJECT-own
    stop_grace_period: 0s
  c: {image: busybox, command: '', restart: always, logging: {driver: none}}
  d: {image: busybox, command: sh -c 'echo \"a b\" $$HOME', restart: 'no', healthcheck: {test: [CMD, x, 'y z']}}
"
        .replace("PROJECT-own", &format!("rcompose-own-{}", std::process::id()))
        .as_str(),
        &[("some.env", "THREE=3\nONE=file\n"), ("some.labels", "com.example.file=1\n")],
        &["a-1", "c-1", "d-1"],
        &[],
    );
}

/// Bounds and rights.
#[test]
fn bounds_and_rights() {
    compare(
        "
services:
  a:
    image: busybox
    command: sleep 600
    cap_add: [NET_ADMIN, sys_time, ALL]
    cap_drop: [MKNOD, CAP_CHOWN]
    security_opt: ['no-new-privileges:true', 'seccomp:profile.json', 'apparmor=unconfined', 'label:disable']
    read_only: true
    privileged: false
    mem_limit: 64m
    mem_reservation: 32m
    memswap_limit: 128m
    mem_swappiness: 50
    cpus: 0.5
    cpu_shares: 512
    cpuset: '0'
    pids_limit: 50
    shm_size: 32m
    oom_score_adj: 500
    oom_kill_disable: false
    ulimits: {nofile: {soft: 512, hard: 1024}, nproc: 256}
    sysctls: {net.ipv4.ip_unprivileged_port_start: 80, net.core.somaxconn: 1024}
    group_add: ['2000', audio]
    ipc: private
    cgroup: private
    cgroup_parent: /some/parent
    userns_mode: host
    uts: host
    pid: host
    devices: ['/dev/null:/dev/other:r', '/dev/zero']
    device_cgroup_rules: ['c 1:3 mr']
    blkio_config: {weight: 300}
    storage_opt: {}
  b:
    image: busybox
    command: sleep 600
    privileged: true
    security_opt: ['systempaths=unconfined']
    cpu_quota: 50000
    cpu_period: 100000
    ipc: shareable
  c:
    image: busybox
    command: sleep 600
    ipc: 'service:b'
    pid: 'service:b'
    network_mode: 'service:b'
    deploy:
      resources:
        limits: {cpus: '0.25', memory: 40m, pids: 20}
        reservations: {cpus: '0.1', memory: 20m}
      restart_policy: {condition: on-failure, max_attempts: 4}
      labels: {com.example.deploy: x}
  d:
    image: busybox
    command: sleep 600
    network_mode: none
    deploy: {restart_policy: {condition: any}, replicas: 1}
  e: {image: busybox, command: sleep 600, network_mode: host, ipc: host}
  f: {image: busybox, command: sleep 600, gpus: all}
  g:
    image: busybox
    command: sleep 600
    deploy:
      resources:
        reservations:
          devices: [{capabilities: [gpu, compute], driver: some, device_ids: ['0', '1'], options: {a: b}}]
",
        &[("profile.json", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n")],
        &["a-1", "b-1", "c-1", "d-1", "e-1", "f-1", "g-1"],
        // IDs of containers, and the hash that follows from them.
        &["c-1/HostConfig/IpcMode", "c-1/HostConfig/PidMode", "c-1/HostConfig/NetworkMode", "c-1/Config/Labels/com.docker.compose.config-hash"],
    );
}

/// Networks, names and ports.
#[test]
fn networks_and_ports() {
    compare(
        "
services:
  a:
    image: busybox
    command: sleep 600
    ports:
      - '80'
      - '127.0.0.1::81'
      - '8081-8082:90-91/udp'
      - {target: 100, published: '18100-18105', protocol: tcp, host_ip: 127.0.0.1, mode: host}
    networks:
      default: {aliases: [www, web], priority: 5, gw_priority: 1}
      inner: {ipv4_address: 10.233.7.8, mac_address: '02:42:ac:11:00:08', driver_opts: {com.example.x: y}}
      other: {link_local_ips: [169.254.8.8]}
    dns: [9.9.9.9, 8.8.8.8]
    dns_search: example.com
    dns_opt: ['ndots:2', use-vc]
    extra_hosts: ['one:10.0.0.1', 'two=::1', 'gw=host-gateway']
    links: ['b:alias', b]
  b: {image: busybox, command: sleep 600, mac_address: '02:42:ac:11:00:09', networks: [inner]}
  c: {image: busybox, command: sleep 600}
networks:
  inner: {ipam: {config: [{subnet: 10.233.7.0/24, gateway: 10.233.7.1}]}}
  other: {internal: true}
",
        &[],
        &["a-1", "b-1", "c-1"],
        &[],
    );
}

/// Mounts of all kinds.
#[test]
fn mounts() {
    compare(
        "
services:
  a:
    image: busybox
    command: sleep 600
    volumes:
      - data:/data
      - data:/read:ro
      - /anonymous
      - ./here:/here
      - ./here:/there:ro,z
      - ./here:/prop:rshared
      - {type: bind, source: ./here, target: /long, read_only: true, bind: {propagation: rslave}}
      - {type: bind, source: ./here, target: /create, bind: {create_host_path: false}}
      - {type: volume, source: data, target: /nocopy, volume: {nocopy: true}}
      - {type: volume, source: data, target: /sub, volume: {subpath: below}}
      - {type: volume, target: /long-anonymous, volume: {labels: {com.example.v: x}}}
      - {type: tmpfs, target: /memory, tmpfs: {size: 1m, mode: 01770}}
      - {type: tmpfs, target: /plain}
    tmpfs: [/scratch, '/opts:size=2m,mode=755']
    secrets: [key, {source: key, target: other}]
    configs: [text, {source: text, target: /etc/text.conf}]
  b: {image: busybox, command: sleep 600, volumes_from: ['c:ro']}
  c: {image: busybox, command: sleep 600, volumes: ['data:/data:nocopy']}
volumes: {data: {labels: {a: b}}}
secrets: {key: {file: ./key.txt}}
configs: {text: {file: ./text.conf}}
",
        &[("here/file", ""), ("key.txt", "k"), ("text.conf", "t")],
        &["a-1", "b-1", "c-1"],
        &[
            // IDs of containers, and the hash that follows from them.
            "b-1/HostConfig/VolumesFrom",
            "b-1/Config/Labels/com.docker.compose.config-hash",
            // Docker Compose forgets the `ro`.
            "b-1/Mounts/0/RW",
            // What Docker takes anyway, and Podman must be told.
            "TmpfsOptions/Mode",
        ],
    );
}

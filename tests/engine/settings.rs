//! Keys of services, as they arrive at the engine and inside the container.

use serde_json::{Value, json};

use crate::project::Project;

/// Settings arrive where the engine keeps them.
///
/// `up --no-start` of a service with many keys. What the engine tells of the container has them all.
#[test]
fn settings_arrive_at_the_engine() {
    let Some(project) = Project::with(
        "
services:
  sink:
    image: busybox
    entrypoint: [sh, -c]
    command: ['exec sleep 600']
    hostname: sink
    domainname: example.org
    user: '1000:1001'
    working_dir: /work
    read_only: true
    tty: true
    stdin_open: true
    init: true
    privileged: false
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    security_opt: ['no-new-privileges:true']
    labels: {com.example.text: 'a=b', com.example.number: 7}
    restart: on-failure:3
    mem_limit: 64m
    mem_reservation: 32m
    cpus: 0.5
    cpu_shares: 512
    pids_limit: 50
    shm_size: 32m
    oom_score_adj: 500
    ulimits: {nofile: {soft: 512, hard: 1024}, nproc: 256}
    sysctls: {net.ipv4.ip_unprivileged_port_start: 80}
    extra_hosts: ['elsewhere=10.1.2.3']
    dns: [9.9.9.9]
    dns_search: [example.com]
    dns_opt: ['ndots:2']
    group_add: ['2000']
    stop_signal: SIGINT
    stop_grace_period: 3s
    ipc: private
    logging: {driver: json-file, options: {max-size: 1m}}
    expose: ['1234']
    healthcheck: {test: [CMD, 'true'], interval: 5s, timeout: 2s, retries: 4, start_period: 1s}
",
    ) else {
        return;
    };
    if project.engine.lacks_control_groups("settings_arrive_at_the_engine") {
        return;
    }
    project.succeed(&["up", "--no-start"]);
    let container = project.inspect("sink-1");
    assert_eq!(container["State"]["Status"], "created");
    let second = 1_000_000_000_u64;
    let mib = 1 << 20;
    let mut expected = vec![
        ("/Config/Entrypoint", json!(["sh", "-c"])),
        ("/Config/Cmd", json!(["exec sleep 600"])),
        ("/Config/Hostname", json!("sink")),
        ("/Config/User", json!("1000:1001")),
        ("/Config/WorkingDir", json!("/work")),
        ("/Config/Tty", json!(true)),
        ("/Config/OpenStdin", json!(true)),
        ("/Config/Labels/com.example.text", json!("a=b")),
        ("/Config/Labels/com.example.number", json!("7")),
        ("/Config/StopTimeout", json!(3)),
        ("/Config/Healthcheck/Test", json!(["CMD", "true"])),
        ("/Config/Healthcheck/Interval", json!(5 * second)),
        ("/Config/Healthcheck/Timeout", json!(2 * second)),
        ("/Config/Healthcheck/Retries", json!(4)),
        ("/Config/Healthcheck/StartPeriod", json!(second)),
        ("/HostConfig/ReadonlyRootfs", json!(true)),
        ("/HostConfig/Privileged", json!(false)),
        ("/HostConfig/Init", json!(true)),
        ("/HostConfig/RestartPolicy/Name", json!("on-failure")),
        ("/HostConfig/RestartPolicy/MaximumRetryCount", json!(3)),
        ("/HostConfig/Memory", json!(64 * mib)),
        ("/HostConfig/MemoryReservation", json!(32 * mib)),
        ("/HostConfig/NanoCpus", json!(second / 2)),
        ("/HostConfig/CpuShares", json!(512)),
        ("/HostConfig/PidsLimit", json!(50)),
        ("/HostConfig/ShmSize", json!(32 * mib)),
        ("/HostConfig/OomScoreAdj", json!(500)),
        ("/HostConfig/ExtraHosts", json!(["elsewhere:10.1.2.3"])),
        ("/HostConfig/Dns", json!(["9.9.9.9"])),
        ("/HostConfig/DnsSearch", json!(["example.com"])),
        ("/HostConfig/DnsOptions", json!(["ndots:2"])),
        ("/HostConfig/GroupAdd", json!(["2000"])),
        ("/HostConfig/LogConfig/Type", json!("json-file")),
    ];
    if !project.engine.podman {
        // Podman tells these in words of its own, or not at all.
        expected.extend([
            ("/Config/Domainname", json!("example.org")),
            ("/Config/StopSignal", json!("SIGINT")),
            ("/Config/ExposedPorts", json!({"1234/tcp": {}})),
            ("/HostConfig/CapAdd", json!(["CAP_NET_ADMIN"])),
            ("/HostConfig/IpcMode", json!("private")),
            ("/HostConfig/CapDrop", json!(["CAP_MKNOD"])),
            ("/HostConfig/SecurityOpt", json!(["no-new-privileges:true"])),
            ("/HostConfig/LogConfig/Config/max-size", json!("1m")),
            ("/HostConfig/Sysctls/net.ipv4.ip_unprivileged_port_start", json!("80")),
        ]);
    }
    let wrong: Vec<String> = expected
        .into_iter()
        .filter_map(|(place, wanted)| {
            let found = container.pointer(place).unwrap_or(&Value::Null);
            (*found != wanted).then(|| format!("{place} is {found}, not {wanted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{container:#}");
    let ulimits = container["HostConfig"]["Ulimits"].to_string();
    for limit in ["512", "1024", "256"] {
        assert!(ulimits.contains(limit), "{ulimits}");
    }
}

/// Settings come true inside the container, with files and variables.
///
/// `up` of a service with an environment from three places, secrets, configs, a user and limits. The
/// container itself tells what it got.
#[test]
fn settings_come_true_inside() {
    let Some(project) = Project::with(
        "
services:
  sink:
    image: busybox
    init: true
    command: sleep 600
    hostname: sink
    user: '1000:1001'
    working_dir: /work/here
    read_only: true
    tmpfs: ['/scratch:mode=1777']
    cap_drop: [ALL]
    env_file: [first.env, {path: second.env}, {path: none.env, required: false}]
    environment: [FROM_FILE=compose, 'DOLLAR=$$HOME', PASSED]
    ulimits: {nofile: {soft: 512, hard: 1024}}
    sysctls: {net.ipv4.ip_unprivileged_port_start: 80}
    extra_hosts: {elsewhere: 10.1.2.3}
    group_add: ['2000']
    secrets: [key, {source: key, target: other}]
    configs: [{source: text, target: /etc/app/text.conf}]
secrets: {key: {file: ./key.txt}}
configs: {text: {file: ./text.conf}}
",
    ) else {
        return;
    };
    let why = "limits of a container bring others along that not everybody may set";
    if project.engine.is_too_old("settings_come_true_inside", why) {
        return;
    }
    project.file("first.env", "FIRST=1\nBOTH=first\nFROM_FILE=first\nQUOTED='a $b'\n");
    project.file("second.env", "BOTH=second\nMADE=${FIRST}2\n");
    project.file("key.txt", "secret words\n");
    project.file("text.conf", "text = here\n");
    project.file(".env", "PASSED=on\n");
    project.succeed(&["up", "-d"]);
    for (command, expected) in [
        ("id -u; id -g; id -G", "1000\n1001\n1001 2000\n"),
        ("pwd; hostname", "/work/here\nsink\n"),
        ("echo $FIRST $BOTH $FROM_FILE $PASSED $MADE", "1 second compose on 12\n"),
        ("echo \"$QUOTED\" \"$DOLLAR\"", "a $b $HOME\n"),
        ("cat /run/secrets/key /run/secrets/other", "secret words\nsecret words\n"),
        ("cat /etc/app/text.conf", "text = here\n"),
        ("grep 'open files' /proc/1/limits | tr -s ' '", "Max open files 512 1024 files \n"),
        ("cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "80\n"),
        ("grep elsewhere /etc/hosts | tr '\\t' ' '", "10.1.2.3 elsewhere\n"),
        ("grep CapBnd /proc/1/status | tr '\\t' ' '", "CapBnd: 0000000000000000\n"),
        ("touch /scratch/file && echo written", "written\n"),
        ("touch /file 2>&1", "touch: /file: Read-only file system\n"),
    ] {
        let (_, told) = project.exec("sink-1", &["sh", "-c", command]);
        assert_eq!(told, expected, "{command}");
    }
}

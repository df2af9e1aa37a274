//! Jobs: throw-away stacks, what they run, and what is left of those that are killed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::engine::{eventually, say};
use crate::examples;
use crate::project::{Project, free_port};
use crate::run::Output;

const LEASE: &str = "rcompose.lease";
const IMAGE_LEASE: &str = "rcompose.image-lease";
const PROJECT: &str = "com.docker.compose.project";

/// Who removes what others have left must not do so between two looks of another scenario.
fn sweeping() -> MutexGuard<'static, ()> {
    static SWEEPING: Mutex<()> = Mutex::new(());
    SWEEPING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that jobs of a project have on the engine, whoever says so; each must say by whom it is held.
fn held(project: &Project) -> Vec<String> {
    let mut all = Vec::new();
    for (list, lease) in [
        ("containers/json", LEASE),
        ("networks", LEASE),
        ("volumes", LEASE),
        ("images/json", IMAGE_LEASE),
    ] {
        let begin = format!("{}-ci-", project.name);
        for it in project.engine.labelled(list, PROJECT) {
            if it["Labels"][PROJECT].as_str().unwrap_or("").starts_with(&begin) {
                let kind = list.split('/').next().unwrap();
                let names = [&it["Name"], &it["Names"][0], &it["Id"]];
                let name = names.into_iter().find_map(Value::as_str).unwrap();
                assert!(it["Labels"][lease].is_string(), "{kind} {name} is held by nobody");
                all.push(format!("{kind} {name}"));
            }
        }
    }
    all
}

/// The volumes without names of their own that containers of jobs have.
fn anonymous(project: &Project) -> Vec<String> {
    let begin = format!("{}-ci-", project.name);
    let containers = project.engine.labelled("containers/json", LEASE);
    let own =
        containers.iter().filter(|it| it["Labels"][PROJECT].as_str().unwrap().starts_with(&begin));
    let mounts = own.filter_map(|it| it["Mounts"].as_array()).flatten();
    let names = mounts.filter_map(|it| it["Name"].as_str()).filter(|name| name.len() == 64);
    names.map(str::to_owned).collect()
}

/// Removes what scenarios that have failed have left of jobs.
struct Swept<'a>(&'a Project);

impl Drop for Swept<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _alone = sweeping();
            let output = self.0.run(&["gc", "--older-than", "0"]);
            say(&format!("gc: {}", output.stderr));
        }
    }
}

const SMALL: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600}
";

#[track_caller]
fn ends_with(output: &Output, code: i32) {
    assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
}

/// The code of a job is that of its command, also if there is none or a signal has ended it; nothing is
/// left of the stack.
#[test]
fn the_code_of_the_command_is_the_result() {
    let Some(project) = Project::with(SMALL) else { return };
    let _swept = Swept(&project);
    project.file("data", "no program");
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 42"], 42),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-program"], 127),
        (&["./data"], 126),
    ] {
        let output = project.run(&[&["ci", "--no-gc", "--"], command].concat());
        ends_with(&output, code);
        assert_eq!(held(&project), [""; 0]);
    }
}

/// What a job is told: in its environment, in the file that is named, and in that of GitHub Actions; and
/// that it can reach what it is told of.
#[test]
fn ports_and_names_are_exported() {
    let Some(project) = Project::with(
        "
services:
  my-web:
    image: busybox
    init: true
    command: sh -c 'echo hello > /tmp/index.html; exec httpd -f -p 8000 -h /tmp'
    ports: ['9000', '8000', '53/udp']
    healthcheck: {test: wget -q -O - http://127.0.0.1:8000/, interval: 1s}
  many: {image: busybox, init: true, command: sleep 600, scale: 2, ports: ['7']}
",
    ) else {
        return;
    };
    let _swept = Swept(&project);
    project.file("github", "OTHER=1\n");
    let script = "env > said; touch ready; while ! [ -e go ]; do sleep 0.05; done";
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
    command.env("GITHUB_ENV", "github").env("HOME", project.path());
    let args = ["ci", "--no-gc", "--env-file", "out/job.env", "--", "sh", "-c", script];
    let running = project.spawn(command, &args);
    project.awaits_file("ready");
    let read = |path: &str| -> BTreeMap<String, String> {
        let text = fs::read_to_string(project.path().join(path)).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (said, mut github, dotenv) = (read("said"), read("github"), read("out/job.env"));
    let name = &dotenv["COMPOSE_PROJECT_NAME"];
    assert!(name.starts_with(&format!("{}-ci-", project.name)), "{name}");
    for (variable, value) in &dotenv {
        assert_eq!(said.get(variable), Some(value), "{variable}");
    }
    // Later steps would look for a project that is gone.
    assert_eq!(github.remove("OTHER").as_deref(), Some("1"));
    github.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
    assert_eq!(github, dotenv);
    let names: Vec<&str> = dotenv.keys().map(String::as_str).collect();
    let ports = ["PORT", "PORT_8000", "PORT_9000", "PORT_53_UDP"];
    for port in ports.map(|it| format!("MY_WEB_{it}")) {
        assert!(dotenv.contains_key(&port), "no {port} in {names:?}");
    }
    assert_eq!(dotenv["MY_WEB_PORT"], dotenv["MY_WEB_PORT_9000"]);
    assert_eq!(dotenv["MY_WEB_CONTAINER"], format!("{name}-my-web-1"));
    assert_eq!(dotenv["MANY_PORT"], dotenv["MANY_1_PORT"]);
    assert_eq!(dotenv["MANY_2_CONTAINER"], format!("{name}-many-2"));
    assert_ne!(dotenv["MANY_1_PORT_7"], dotenv["MANY_2_PORT_7"]);
    let (host, port) =
        (dotenv["MY_WEB_HOST"].as_str(), dotenv["MY_WEB_PORT_8000"].parse().unwrap());
    let mut stream = TcpStream::connect((host, port)).unwrap();
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello\n"), "{answer}");
    project.file("go", "");
    ends_with(&running.finish(), 0);
    assert_eq!(held(&project), [""; 0]);
}

/// Whether a reader of XML that is not ours takes a file; what it finds of it. `None` if there is no Python.
fn junit(path: &Path) -> Option<Vec<String>> {
    let script = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == 'testsuites', root.tag
for suite in root:
    assert suite.tag == 'testsuite' and float(suite.get('time')) >= 0
    cases = list(suite)
    count = lambda tag: sum(case.find(tag) is not None for case in cases)
    assert int(suite.get('tests')) == len(cases)
    assert int(suite.get('failures')) == count('failure') and int(suite.get('errors')) == 0
    assert int(suite.get('skipped')) == count('skipped')
    for case in cases:
        assert case.tag == 'testcase' and case.get('classname') and float(case.get('time')) >= 0
        assert {it.tag for it in case} <= {'failure', 'skipped', 'system-out'}
        result = [it.tag + ': ' + it.get('message') for it in case if it.tag != 'system-out']
        print(suite.get('name'), case.get('name'), *(result or ['passed']))
";
    let output = Command::new("python3").args(["-c", script]).arg(path).output().ok();
    let Some(output) = output else {
        say("JUnit is not checked by another reader: there is no python3");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", fs::read_to_string(path).unwrap());
    Some(text.lines().map(str::to_owned).collect())
}

/// What cannot start is explained, reported and removed; what was to be run is not.
#[test]
fn a_stack_that_does_not_start_is_reported_and_removed() {
    let Some(project) = Project::with(
        r#"
services:
  fine: {image: busybox, init: true, command: sleep 600}
  task: {image: busybox, command: [sh, -c, "printf '<a&b> \\033[1m \\001 ]]> \\377\\n'; exit 9"]}
  waits: {image: busybox, depends_on: {task: {condition: service_completed_successfully}}}
"#,
    ) else {
        return;
    };
    let _swept = Swept(&project);
    let args = ["ci", "--no-gc", "--junit", "out/j.xml", "--report", "kept", "--", "touch", "ran"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "summary.md");
    let output = project.spawn(command, &args).finish();
    ends_with(&output, 1);
    assert!(!project.path().join("ran").exists());
    assert_eq!(held(&project), [""; 0]);
    for text in [
        "didn't complete successfully: exit 9",
        "::error file=compose.yaml,line=4,",
        "::group::Logs of task\n::stop-commands::",
        "\n::endgroup::\n",
        "service `task` (compose.yaml:4:3)",
        "`touch ran` was not run: the stack did not start",
        "  task   failed: ",
    ] {
        assert!(output.stderr.contains(text), "no `{text}` in\n{}", output.stderr);
    }
    let summary = fs::read_to_string(project.path().join("summary.md")).unwrap();
    for text in
        ["### `touch ran` was not run", "| `task` | failed: ", "what it was spent on:", "exit 9"]
    {
        assert!(summary.contains(text), "no `{text}` in\n{summary}");
    }
    assert!(fs::read(project.path().join("kept/task.log")).unwrap().starts_with(b"<a&b>"));
    if let Some(cases) = junit(&project.path().join("out/j.xml")) {
        let cases: Vec<String> = cases.iter().map(|case| project.masked(case)).collect();
        let told: Vec<&str> = cases.iter().map(String::as_str).collect();
        let [start, fine, task, waits, command] = told[..] else { panic!("{told:?}") };
        assert!(start.starts_with("[PROJECT] start failure: "), "{start}");
        assert_eq!(fine, "[PROJECT] fine passed");
        assert!(task.starts_with("[PROJECT] task failure: ") && task.ends_with("code 9"), "{task}");
        assert!(
            waits.starts_with("[PROJECT] waits failure: ") && waits.ends_with("not started"),
            "{waits}"
        );
        assert_eq!(command, "[PROJECT] touch ran skipped: the stack did not start");
        assert_eq!(junit(&project.path().join("kept/junit.xml")).map(|it| it.len()), Some(5));
    }
}

/// A signal is passed on to the command, all is taken down, and the code says which it was. Another one
/// kills.
#[test]
fn signals_end_a_job() {
    let Some(project) = Project::with(SMALL) else { return };
    let _swept = Swept(&project);
    let told = |signal: &str| {
        format!("trap 'touch told; exit 7' {signal}; touch ready; while :; do sleep 0.05; done")
    };
    let deaf = "trap '' INT TERM; touch ready; while :; do sleep 0.05; done";
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for (script, signals) in [(told(signal).as_str(), 1), (deaf, 2)] {
            let _ = fs::remove_file(project.path().join("told"));
            let _ = fs::remove_file(project.path().join("ready"));
            let running = project.start(&["ci", "--no-gc", "--", "sh", "-c", script]);
            project.awaits_file("ready");
            running.signal(signal);
            if signals == 1 {
                project.awaits_file("told");
            } else {
                // Two at once may count as one.
                let begin = Instant::now();
                eventually("a moment", || {
                    (begin.elapsed() > Duration::from_millis(200)).then_some(())
                });
                running.signal("TERM");
            }
            let output = running.finish();
            ends_with(&output, code);
            assert!(output.stderr.contains("was interrupted"), "{}", output.stderr);
            assert_eq!(held(&project), [""; 0]);
        }
    }
    // Before there is a command to tell.
    project.compose(
        &SMALL.replace("sleep 600", "sleep 600, healthcheck: {test: 'false', interval: 9s}"),
    );
    let running = project.start(&["ci", "--no-gc", "--", "touch", "ran"]);
    running.shows("Waiting");
    running.signal("TERM");
    ends_with(&running.finish(), 143);
    assert!(!project.path().join("ran").exists());
    assert_eq!(held(&project), [""; 0]);
}

/// A stack of all that a job can leave.
const MUCH: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes: ['data:/data', /anonymous]
    networks: [front, back]
    depends_on: {task: {condition: service_completed_successfully}}
    healthcheck: {test: 'true', interval: 1s}
    pre_start: [{command: 'true'}]
  task: {image: busybox, command: sh -c 'sleep 0.2', volumes: [/other], networks: [back]}
  more: {image: busybox, init: true, command: sleep 600, scale: 2, networks: [front]}
BUILT
networks: {front: , back: }
volumes: {data: }
";

fn much(project: &Project) -> String {
    // Where images are removed while others are built, one engine loses layers.
    let built = "  built: {build: {dockerfile_inline: \"FROM busybox\\nRUN echo x > /x\\n\"}, init: true, command: sleep 600}";
    MUCH.replace("BUILT", if project.engine.podman { "" } else { built })
}

/// A job is killed at any moment: nothing is left once `gc` has run.
#[test]
fn nothing_is_left_of_killed_jobs() {
    let Some(project) = Project::new() else { return };
    project.compose(&much(&project));
    let _swept = Swept(&project);
    let _alone = sweeping();
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    say(&format!("moments of kills follow from {seed}"));
    let mut killed_in_time = 0;
    let mut anonymous_volumes = Vec::new();
    for round in 0..12_u32 {
        // A little of chance in each part of the time that the whole takes.
        let chance =
            u64::from(seed.wrapping_mul(round + 1).wrapping_mul(2_654_435_761) >> 16) % 250;
        let moment = Duration::from_millis(u64::from(round) * 250 + chance);
        let _ = fs::remove_file(project.path().join("ready"));
        let begin = Instant::now();
        let job = project.start(&["ci", "--", "sh", "-c", "touch ready; exec sleep 0.4"]);
        while begin.elapsed() < moment && !job.has_ended() {
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(job); // Kills it.
        killed_in_time += usize::from(!held(&project).is_empty());
        // What was asked for by then comes a little later.
        eventually(format!("the end of all that a job killed after {moment:?} has left"), || {
            anonymous_volumes.extend(anonymous(&project));
            project.succeed(&["gc"]);
            held(&project).is_empty().then_some(())
        });
    }
    assert!(killed_in_time > 3, "only {killed_in_time} jobs were killed in time");
    assert!(!anonymous_volumes.is_empty());
    for name in anonymous_volumes {
        let (status, _) = project.engine.request("GET", &format!("/volumes/{name}"), "");
        assert_eq!(status, 404, "volume {name} is left");
    }
}

/// The next job removes what a killed one has left, unless it is told not to; a dry run shows it.
#[test]
fn the_next_job_removes_what_is_left() {
    let Some(project) = Project::with(SMALL) else { return };
    let _swept = Swept(&project);
    let _alone = sweeping();
    let job = project.start(&["ci", "--no-gc", "--", "sh", "-c", "touch ready; exec sleep 5"]);
    project.awaits_file("ready");
    drop(job); // Kills it.
    let left = held(&project);
    assert_eq!(left.len(), 2, "{left:?}");
    ends_with(&project.run(&["ci", "--no-gc", "--", "true"]), 0);
    let output = project.run(&["--dry-run", "gc"]);
    assert!(output.stderr.contains("Would remove 1 container, 1 network"), "{}", output.stderr);
    assert!(output.stdout.contains("-web-1"), "{}", output.stdout);
    assert_eq!(held(&project), left);
    let output = project.run(&["ci", "--", "true"]);
    ends_with(&output, 0);
    assert!(
        output.stderr.contains("Removed what killed jobs have left: 1 container, 1 network\n"),
        "{}",
        output.stderr
    );
    assert_eq!(held(&project), [""; 0]);
    let output = project.succeed(&["gc"]);
    assert!(output.stderr.contains("Nothing is left of any job"), "{}", output.stderr);
}

/// Two sweeps at once are in nobody's way.
#[test]
fn sweeps_at_once_are_fine() {
    let Some(project) = Project::new() else { return };
    project.compose(&much(&project));
    let _swept = Swept(&project);
    let _alone = sweeping();
    for _ in 0..2 {
        let _ = fs::remove_file(project.path().join("ready"));
        let job = project.start(&["ci", "--no-gc", "--", "sh", "-c", "touch ready; exec sleep 5"]);
        project.awaits_file("ready");
        drop(job); // Kills it.
        assert!(!held(&project).is_empty());
        let sweeps = [(); 3].map(|()| project.start(&["gc"]));
        for sweep in sweeps {
            ends_with(&sweep.finish(), 0);
        }
        assert_eq!(held(&project), [""; 0]);
    }
}

/// What a living job holds stays, and so does what is no job's; what holders elsewhere have goes when it is
/// old.
#[test]
fn only_what_nobody_holds_is_swept() {
    let Some(project) = Project::with(SMALL) else { return };
    let _swept = Swept(&project);
    let _alone = sweeping();
    let script = "touch ready; while ! [ -e go ]; do sleep 0.05; done";
    let job = project.start(&["ci", "--no-gc", "--", "sh", "-c", script]);
    project.awaits_file("ready");
    let own = held(&project);
    assert_eq!(own.len(), 2, "{own:?}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let network = |suffix: &str, lease: &str| {
        let name = format!("{}-{suffix}", project.name);
        let owner = format!("{}-ci-{suffix}", project.name);
        let labels =
            json!({(LEASE): lease, (PROJECT): owner, "com.docker.compose.network": "default"});
        project.engine.post("/networks/create", &json!({"Name": name, "Labels": labels}));
        format!("networks {name}")
    };
    let outsider = project.outsider("networks", "outsider");
    let strange = network("strange", "a word of somebody else");
    let young = network("young", &format!("elsewhere/1 1 1 {}", now - 60));
    let old = network("old", &format!("elsewhere/1 1 1 {}", now - 7 * 3600));
    project.succeed(&["gc"]);
    let left = held(&project);
    assert!(own.iter().chain([&strange, &young]).all(|it| left.contains(it)), "{left:?}");
    assert!(!left.contains(&old), "{left:?}");
    project.succeed(&["gc", "--older-than", "30s"]);
    let left = held(&project);
    assert!(own.iter().chain([&strange]).all(|it| left.contains(it)), "{left:?}");
    assert!(!left.contains(&young), "{left:?}");
    assert_eq!(project.engine.request("GET", &format!("/networks/{outsider}"), "").0, 200);
    project.engine.request("DELETE", &format!("/networks/{}-strange", project.name), "");
    project.file("go", "");
    ends_with(&job.finish(), 0);
    assert_eq!(held(&project), [""; 0]);
}

/// Five jobs of one project on one machine: each has its own stack, port and code.
#[test]
fn five_jobs_at_once() {
    let (held_port, port) = free_port();
    let Some(project) = Project::with(&format!(
        "
services:
  web:
    image: busybox
    init: true
    container_name: the-one
    command: sh -c 'hostname > /data/index.html; exec httpd -f -p 80 -h /data'
    ports: ['{port}:80']
    volumes: ['data:/data']
    healthcheck: {{test: wget -q -O - http://the-one/, interval: 1s}}
volumes: {{data: }}
"
    )) else {
        return;
    };
    let _swept = Swept(&project);
    let jobs: Vec<_> = (1..=5)
        .map(|number| {
            let script = format!(
                "env > said{number}; touch ready{number}; while ! [ -e go ]; do sleep 0.05; done; exit {number}"
            );
            let junit = format!("j{number}.xml");
            let args = ["ci", "--free-ports", "--no-gc", "--junit", &junit, "--", "sh", "-c", &script];
            project.start(&args)
        })
        .collect();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for number in 1..=5 {
        project.awaits_file(&format!("ready{number}"));
        let said = fs::read_to_string(project.path().join(format!("said{number}"))).unwrap();
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
        };
        let published: u16 = value("WEB_PORT").parse().unwrap();
        assert_ne!(published, port);
        let mut stream = TcpStream::connect((value("WEB_HOST"), published)).unwrap();
        stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let hostname = answer.lines().last().unwrap().to_owned();
        seen.insert(hostname, value("COMPOSE_PROJECT_NAME"));
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    project.file("go", "");
    for (job, number) in jobs.into_iter().zip(1..) {
        let output = job.finish();
        ends_with(&output, number);
        let notice = "`container_name` of `web` is left out";
        assert!(output.stderr.contains(notice), "{}", output.stderr);
        if let Some(cases) = junit(&project.path().join(format!("j{number}.xml"))) {
            assert!(cases[2].ends_with(&format!("ended with code {number}")), "{cases:?}");
        }
    }
    assert_eq!(held(&project), [""; 0]);
    drop(held_port);
}

/// A service tests the others: they are ready before it runs, once; its output is shown, and its code is
/// the result.
#[test]
fn a_service_is_the_test() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sh -c 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp'
    healthcheck: {test: wget -q -O - http://127.0.0.1/, interval: 1s}
    depends_on: {task: {condition: service_completed_successfully}}
  task: {image: busybox, command: sh -c 'echo once >> /out/times', volumes: [./out:/out]}
  other: {image: busybox, command: touch /out/other, volumes: [./out:/out]}
  tests:
    image: busybox
    command: sh -c 'wget -q -O - http://web/; echo oh >&2; exit 5'
    volumes: [/anonymous]
    depends_on: {web: {condition: service_healthy}}
",
    ) else {
        return;
    };
    let _swept = Swept(&project);
    let output = project.run(&["test", "--no-gc", "--junit", "j.xml", "tests"]);
    ends_with(&output, 5);
    assert_eq!(output.stdout, "hello\n");
    assert!(output.stderr.contains("oh\n"), "{}", output.stderr);
    assert_eq!(held(&project), [""; 0]);
    assert_eq!(fs::read_to_string(project.path().join("out/times")).unwrap(), "once\n");
    assert!(!project.path().join("out/other").exists());
    if let Some(cases) = junit(&project.path().join("j.xml")) {
        assert_eq!(project.masked(&cases[3]), "[PROJECT] tests failure: ended with code 5");
    }
    let output =
        project.run(&["test", "--no-gc", "-e", "A=b", "tests", "sh", "-c", "echo $A; exit 0"]);
    ends_with(&output, 0);
    assert_eq!(output.stdout, "b\n");
    // A signal is passed on to it; another one kills it.
    let deaf = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    let running = project.start(&["test", "--no-gc", "tests", "sh", "-c", deaf]);
    running.shows("ready\n");
    running.signal("TERM");
    let begin = Instant::now();
    eventually("a moment", || (begin.elapsed() > Duration::from_millis(300)).then_some(()));
    assert!(!running.has_ended());
    running.signal("TERM");
    ends_with(&running.finish(), 143);
    assert_eq!(held(&project), [""; 0]);
}

/// A project that has a name of its own is a job's if nobody has it; what is kept stays for a while.
#[test]
fn named_projects_and_kept_ones() {
    let Some(project) = Project::with(SMALL) else { return };
    let _swept = Swept(&project);
    let _alone = sweeping();
    let (name, named) = (project.name.clone(), ["-p", &project.name, "ci", "--"]);
    project.succeed(&["-p", &name, "up", "-d"]);
    let before = project.state();
    let message = project.fail(&[&named[..], &["true"]].concat());
    assert!(message.contains("project `[PROJECT]` is there already"), "{message}");
    assert_eq!(project.state(), before);
    project.succeed(&["-p", &name, "down"]);
    project.succeed(&[&named[..], &["true"]].concat());
    assert_eq!(project.resources(), [""; 0]);

    let output = project.run(&["-p", &name, "ci", "--keep", "--", "false"]);
    ends_with(&output, 1);
    assert!(output.stderr.contains("kept as project `[PROJECT]`"), "{}", output.stderr);
    project.succeed(&["gc"]);
    assert_eq!(project.resources(), ["web-1 running", "network [PROJECT]_default"]);
    // Leases count in no hash.
    let hash =
        project.inspect("web-1")["Config"]["Labels"]["com.docker.compose.config-hash"].take();
    let told = project.succeed(&["-p", &name, "config", "--hash", "web"]).stdout;
    assert_eq!(told, format!("web {}\n", hash.as_str().unwrap()));
    eventually("the end of what is kept", || {
        project.succeed(&["gc", "--older-than", "0"]);
        project.resources().is_empty().then_some(())
    });
}

/// The example with its workflow: each of its lines that runs rcompose, as it stands there.
#[test]
fn the_example_works() {
    let Some(project) = Project::new() else { return };
    if !examples::has(project.engine, "ci", &["busybox:1.37"]) {
        return;
    }
    let _swept = Swept(&project);
    let _alone = sweeping();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci");
    for file in ["compose.yaml", "check.sh", "workflow.yml"] {
        project.file(file, &fs::read_to_string(example.join(file)).unwrap());
    }
    let workflow = fs::read_to_string(example.join("workflow.yml")).unwrap();
    let lines = workflow.lines().filter_map(|line| line.trim().strip_prefix("run: rcompose "));
    let outputs: Vec<String> = lines
        .map(|line| {
            let program = env!("CARGO_BIN_EXE_rcompose");
            let mut command = Command::new("sh");
            command.env("GITHUB_ACTIONS", "true").env("HOME", project.path());
            let output = project.spawn(command, &["-c", &format!("{program} {line}")]).finish();
            ends_with(&output, 0);
            output.stdout
        })
        .collect();
    assert_eq!(outputs, ["<h1>It works</h1>\n", "<h1>It works</h1>\nready\n"]);
    for folder in ["outside", "inside"] {
        junit(&project.path().join(format!("reports/{folder}/junit.xml")));
    }
    assert_eq!(held(&project), [""; 0]);
}

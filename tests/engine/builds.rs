//! `build`, and what else builds: every key of `build` has its effect, and failures say where.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::project::Project;
use crate::run::Output;

/// As [`with_sessions`], for what came later than those.
fn with_newer_builder(scenario: &str, compose: &str) -> Option<Project> {
    let project = with_sessions(scenario, compose)?;
    let is_old = project.engine.builds_the_old_way(scenario, "its builder is too old for it");
    (!is_old).then_some(project)
}

/// A project whose images only builders with sessions can build; `None` if this engine has none.
fn with_sessions(scenario: &str, compose: &str) -> Option<Project> {
    let project = Project::with(compose)?;
    let cannot = project.engine.cannot(scenario, "its builder has no sessions");
    (!cannot).then_some(project)
}

fn image(project: &Project, name: &str) -> Value {
    project.engine.json(&format!("/images/{name}/json"))
}

fn built(project: &Project, service: &str) -> Value {
    image(project, &format!("{}-{service}", project.name))
}

fn id(image: &Value) -> &str {
    image["Id"].as_str().unwrap()
}

/// What a one-off container of a service writes.
#[track_caller]
fn says(project: &Project, service: &str, command: &[&str]) -> String {
    let args = [&["run", "--rm", "-T", service][..], command].concat();
    project.succeed(&args).stdout
}

/// The steps with their states, as `build` shows them: `2/3] RUN x CACHED`.
fn steps(output: &Output) -> Vec<String> {
    let mut titles = std::collections::BTreeMap::new();
    let mut steps = Vec::new();
    for line in output.stdout.lines().filter(|line| line.starts_with('#')) {
        let (number, text) = line.split_once(' ').unwrap_or((line, ""));
        if text.starts_with('[') {
            titles.insert(number.to_owned(), text.to_owned());
        } else if ["CACHED", "CANCELED"].contains(&text) || text.starts_with("DONE") {
            let state = text.split(' ').next().unwrap();
            steps.push(format!("{} {state}", titles[number]));
        }
    }
    steps
}

/// An image gets its name and more names, labels of the files and of the project, the variables and the
/// stage that were asked for.
#[test]
fn images_are_built_as_the_files_say() {
    let Some(project) = Project::new() else { return };
    let name = &project.name;
    project.compose(&format!(
        "
services:
  web:
    image: {name}/web:1
    build:
      context: app
      dockerfile: other/File
      target: second
      args: {{FIRST: one, SECOND: , UNSET: }}
      labels: [mine=yes]
      tags: ['{name}/more:2', '{name}/most']
  plain: {{build: app}}
"
    ));
    project.file(".env", "SECOND=two\n");
    project.file(
        "app/other/File",
        "FROM busybox AS first\nRUN false\n\
         FROM busybox AS second\nARG FIRST SECOND UNSET=default\nRUN echo $FIRST $SECOND $UNSET > /args\n\
         FROM busybox\nRUN false\n",
    );
    project.file("app/Dockerfile", "FROM busybox\nCOPY . /app\n");
    project.file("app/some/file", "text");
    let output = project.succeed(&["build"]);
    assert!(output.stderr.contains("Image [PROJECT]/web:1  Built"), "{}", output.stderr);
    let web = image(&project, &format!("{name}/web:1"));
    for other in ["more:2", "most:latest"] {
        assert_eq!(id(&image(&project, &format!("{name}/{other}"))), id(&web));
    }
    let labels = &web["Config"]["Labels"];
    for (label, value) in [
        ("mine", "yes"),
        ("com.docker.compose.project", name.as_str()),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.version", "2.40.3"),
    ] {
        assert_eq!(labels[label], value, "{label}");
    }
    assert_eq!(says(&project, "web", &["cat", "/args"]), "one two default\n");
    assert_eq!(says(&project, "plain", &["cat", "/app/some/file"]), "text");
    assert_eq!(built(&project, "plain")["Config"]["Labels"]["com.docker.compose.service"], "plain");
}

/// What `build` is told on the command line wins over the files; variables without a value are those of
/// the environment.
#[test]
fn flags_win_over_the_files() {
    let Some(project) = Project::with(
        "services: {web: {build: {dockerfile_inline: \"FROM busybox\\nARG A=0 B=0 C=0\\nRUN echo $$A $$B $$C > /args\\n\", args: {A: file, B: file}}}}",
    ) else {
        return;
    };
    project.file(".env", "C=environment\n");
    project.succeed(&["build", "--build-arg", "B=flag=x", "--build-arg", "C", "--build-arg=NONE"]);
    assert_eq!(says(&project, "web", &["cat", "/args"]), "file flag=x environment\n");
}

/// What an ignore file names stays here, and the one of the Dockerfile wins.
#[test]
fn ignored_files_stay_here() {
    let Some(project) = Project::with(
        "
services:
  web: {build: .}
  other: {build: {context: ., dockerfile: other.Dockerfile}}
",
    ) else {
        return;
    };
    for file in ["Dockerfile", "other.Dockerfile"] {
        project.file(
            file,
            "FROM busybox\nCOPY . /app\nRUN cd /app && find . -type f | sort > /list\n",
        );
    }
    project.file(".dockerignore", "# comment\n*.log\nnode_modules\n!keep.log\n*ile\nother*\n");
    project.file("other.Dockerfile.dockerignore", "*\n!a.log\n");
    for file in ["a.log", "keep.log", "deep/b.log", "node_modules/x/y", "sub/node_modules/z"] {
        project.file(file, "x");
    }
    project.succeed(&["build"]);
    let list = "./.dockerignore\n./compose.yaml\n./deep/b.log\n./keep.log\n./sub/node_modules/z\n";
    assert_eq!(says(&project, "web", &["cat", "/list"]), list);
    assert_eq!(says(&project, "other", &["cat", "/list"]), "./a.log\n");
}

/// Modes, links, empty folders and odd names arrive as they are.
#[test]
fn trees_arrive_whole() {
    let Some(project) = Project::with("services: {web: {build: app}}") else { return };
    project.file("app/Dockerfile", "FROM busybox\nCOPY tree /tree\n");
    project.file("app/tree/plain", "text");
    project.file("app/tree/ünïcode name", "text");
    project.script("app/tree/run", "#!/bin/sh\necho ran\n");
    project.file("app/tree/large", &"0123456789".repeat(100_000));
    let folder = project.path().join("app/tree");
    fs::create_dir(folder.join("empty")).unwrap();
    std::os::unix::fs::symlink("plain", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.join("dangling")).unwrap();
    project.succeed(&["build"]);
    let script = "cd /tree && ls -1 | wc -l && test -f 'ünïcode name' && stat -c '%a %U %F' run empty && readlink link && \
                  readlink dangling && wc -c < large && ./run";
    let said = says(&project, "web", &["sh", "-c", script]);
    assert_eq!(
        said,
        "7\n755 root regular file\n\
         755 root directory\nplain\n/nowhere\n1000000\nran\n"
    );
}

/// What has not changed comes from the cache; a changed file does not.
#[test]
fn unchanged_steps_come_from_the_cache() {
    let Some(project) =
        with_sessions("unchanged_steps_come_from_the_cache", "services: {web: {build: .}}")
    else {
        return;
    };
    let mark = &project.name;
    project.file(
        "Dockerfile",
        &format!("FROM busybox AS base\nRUN echo {mark}\nFROM base\nCOPY file /file\nRUN cat /file > /copy\n"),
    );
    project.file("file", "one");
    project.succeed(&["build"]);
    let first = id(&built(&project, "web")).to_owned();
    let again = project.succeed(&["build"]);
    assert!(steps(&again).iter().any(|it| it.contains("RUN cat") && it.ends_with("CACHED")));
    assert_eq!(id(&built(&project, "web")), first);
    project.file("file", "two");
    let changed = steps(&project.succeed(&["build"]));
    assert!(changed.iter().any(|it| it.contains("RUN cat") && it.ends_with("DONE")), "{changed:?}");
    assert!(changed.iter().any(|it| it.contains("RUN echo") && it.ends_with("CACHED")));
    assert_eq!(says(&project, "web", &["cat", "/copy"]), "two");
    let anew = steps(&project.succeed(&["build", "--no-cache"]));
    assert!(anew.iter().any(|it| it.contains("RUN echo") && it.ends_with("DONE")), "{anew:?}");
    // Some stages alone.
    project.compose("services: {web: {build: {context: ., no_cache_filter: [base]}}}");
    let some = steps(&project.succeed(&["build"]));
    assert!(some.iter().any(|it| it.contains("RUN echo") && it.ends_with("DONE")), "{some:?}");
    project.compose("services: {web: {build: {context: ., no_cache: true}}}");
    let none = steps(&project.succeed(&["build"]));
    assert!(none.iter().all(|it| !it.contains("RUN") || it.ends_with("DONE")), "{none:?}");
}

/// A text of the same length is another one: nothing but the text tells.
#[test]
fn an_inline_dockerfile_may_change() {
    let stack = |word: &str| {
        format!(
            "services: {{web: {{build: {{dockerfile_inline: \"FROM busybox\\nRUN echo {word} > /word\\n\"}}}}}}"
        )
    };
    let Some(project) = Project::with(&stack("one")) else { return };
    for word in ["one", "two"] {
        project.compose(&stack(word));
        project.succeed(&["build"]);
        assert_eq!(says(&project, "web", &["cat", "/word"]).trim(), word);
    }
}

/// Builds start from other folders, images and services, which are built first.
#[test]
fn other_contexts() {
    let Some(project) = with_newer_builder(
        "other_contexts",
        "
services:
  top:
    build:
      dockerfile_inline: |
        FROM base
        COPY --from=files . /files
        COPY --from=image /bin/busybox /other
      additional_contexts: {base: 'service:base', files: ./files, image: 'docker-image://busybox'}
  base:
    build: {dockerfile_inline: \"FROM busybox\\nRUN echo base > /base\\n\"}
",
    ) else {
        return;
    };
    project.file("files/deep/file", "text");
    project.succeed(&["build", "top"]);
    let said = says(&project, "top", &["sh", "-c", "cat /base /files/deep/file && test -x /other"]);
    assert_eq!(said, "base\ntext");
    // The base is built anew with what needs it, and its change arrives, whatever registries say.
    let compose = fs::read_to_string(project.path().join("compose.yaml")).unwrap();
    project.compose(&compose.replace("echo base", "echo changed"));
    project.succeed(&["build", "top"]);
    assert_eq!(says(&project, "top", &["cat", "/base"]), "changed\n");
    // Not even when registries are asked for newer images: none has such a one.
    project.compose(
        "
services:
  top:
    build:
      dockerfile_inline: \"FROM base\\nRUN echo $$KEPT > /kept; pwd >> /kept\"
      additional_contexts: {base: 'service:base'}
      pull: true
  base: {build: {dockerfile_inline: \"FROM busybox\\nENV KEPT=yes\\nWORKDIR /work\\n\"}}
",
    );
    project.succeed(&["build", "top"]);
    assert_eq!(says(&project, "top", &["cat", "/kept"]), "yes\n/work\n");
}

/// What the engine's own builder cannot do is done by `buildx`, which is told the builds and nothing of
/// secrets but their names.
#[test]
fn other_builders_are_asked() {
    let Some(project) = with_sessions(
        "other_builders_are_asked",
        "
services:
  web:
    build:
      context: .
      cache_to: ['type=local,dest=cache']
      secrets: [s]
  base: {build: .}
secrets: {s: {environment: TOKEN}}
",
    ) else {
        return;
    };
    project.file("Dockerfile", "FROM busybox\n");
    project.file(".env", "TOKEN=5ecret\n");
    let message = project.fail(&["build", "web"]);
    assert!(message.contains("needs the program `docker-buildx`"), "{message}");
    assert!(message.contains("`cache_to` wants the cache kept outside the image"), "{message}");
    let program = r#"#!/bin/sh
echo "$*" > arguments
cat > file
echo "$DOCKER_HOST $TOKEN" > environment
case "$*" in *--builder\ bad*) echo 'ERROR: no builder "bad" found' >&2; exit 1;; esac
if grep -q lint file; then echo "Check complete, 1 warning has been found!"; exit 1; fi
cat >&2 <<'END'
{"vertexes":[{"digest":"d","name":"[1/1] RUN x","started":"2026-01-01T00:00:01Z"}]}
{"vertexes":[{"digest":"d","name":"[1/1] RUN x","started":"2026-01-01T00:00:01Z","completed":"2026-01-01T00:00:03Z"}],"logs":[{"vertex":"d","data":"aGVsbG8K","timestamp":"2026-01-01T00:00:02Z"}]}
END
"#;
    project.script(".docker/cli-plugins/docker-buildx", program);
    let read = |path: &str| fs::read_to_string(project.path().join(path)).unwrap();
    let output = project.succeed(&["build", "web"]);
    let want = "#1 [web 1/1] RUN x\n#1 1.000 hello\n#1 DONE 2.0s\n";
    assert_eq!(output.stdout, want);
    let folder = project.path().display().to_string();
    let arguments = read("arguments");
    assert!(arguments.starts_with("buildx bake --file - --progress rawjson"), "{arguments}");
    assert!(arguments.contains(&format!("--allow fs.read={folder}")), "{arguments}");
    assert!(arguments.trim().ends_with(" web"), "{arguments}");
    let file = read("file");
    assert!(file.contains("\"type=local,dest=cache\"") && !file.contains("5ecret"), "{file}");
    assert_eq!(read("environment"), format!("{} 5ecret\n", project.engine.address));
    // A builder that is named builds everything, and its errors are ours.
    project.succeed(&["build", "--builder", "mine", "base"]);
    assert!(read("arguments").contains("--builder mine"), "{}", read("arguments"));
    let message = project.fail(&["build", "--builder", "bad", "base"]);
    assert!(message.contains("no builder \"bad\" found"), "{message}");
    let output = project.run(&["build", "--check", "base"]);
    assert_eq!(output.stdout, "Check complete, 1 warning has been found!\n");
    assert_eq!(output.code, Some(1));
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The command lines of all processes that there are until `over`.
fn commands_until(over: &AtomicBool) -> String {
    let mut all = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        for process in fs::read_dir("/proc").unwrap().flatten() {
            // What has just ended has none.
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            all.insert(String::from_utf8_lossy(&line).replace('\0', " "));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    all.into_iter().collect::<Vec<_>>().join("\n")
}

/// Commands see secrets of files and variables; the image, its history, the output, the list of processes
/// and the engine's events do not.
#[test]
fn secrets_stay_out_of_images() {
    let Some(project) = with_sessions(
        "secrets_stay_out_of_images",
        "
services:
  web:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN --mount=type=secret,id=f sha256sum < /run/secrets/f > /sums
        RUN --mount=type=secret,id=other,target=/x sha256sum < /x >> /sums
      secrets: [f, {source: v, target: other}]
secrets:
  f: {file: ./secret.txt}
  v: {environment: TOKEN}
",
    ) else {
        return;
    };
    let (one, two) = ("first-5ecret-value", "second-5ecret-value");
    project.file("secret.txt", one);
    project.file(".env", &format!("TOKEN={two}\n"));
    let begin = now();
    let over = AtomicBool::new(false);
    let (output, processes) = std::thread::scope(|scope| {
        let processes = scope.spawn(|| commands_until(&over));
        let output = project.succeed(&["build", "--no-cache"]);
        over.store(true, Ordering::Relaxed);
        (output, processes.join().unwrap())
    });
    assert!(processes.contains("--no-cache"), "the build itself was not seen");
    let sums = says(&project, "web", &["cat", "/sums"]);
    let events =
        project.engine.request("GET", &format!("/events?since={begin}&until={}", now() + 1), "").1;
    let sum = |text: &str| {
        let line = format!("printf %s {text} | sha256sum");
        project.spawn(Command::new("sh"), &["-c", &line]).finish().stdout
    };
    assert_eq!(sums, sum(one) + &sum(two));
    let name = format!("{}-web", project.name);
    let history = project.engine.request("GET", &format!("/images/{name}/history"), "").1;
    let everything =
        format!("{}{history}{}{}{events}", built(&project, "web"), output.stdout, output.stderr);
    let archive = project.engine.request("GET", &format!("/images/{name}/get"), "").1;
    for secret in [one, two] {
        assert!(!everything.contains(secret) && !archive.contains(secret));
        assert!(!processes.contains(secret));
    }
    // Before anything is asked for: what a build cannot do without.
    project.file(".env", "");
    let message = project.fail(&["build"]);
    assert!(message.contains("whose variable `TOKEN` is not set"), "{message}");
    assert!(message.contains("compose.yaml:5:7"), "{message}");
}

/// What commands of a build are given: network, names, memory to share, and limits.
#[test]
fn surroundings_of_commands() {
    let Some(project) = with_newer_builder(
        "surroundings_of_commands",
        "
services:
  web:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN cat /etc/hosts > /hosts && df -k /dev/shm | tail -n 1 > /shm && ulimit -n > /files
        RUN ls /sys/class/net > /links
      network: none
      extra_hosts: ['elsewhere:192.0.2.7', 'host:host-gateway']
      shm_size: 12m
      ulimits: {nofile: {soft: 123, hard: 456}}
",
    ) else {
        return;
    };
    project.succeed(&["build"]);
    let said = |file: &str| says(&project, "web", &["cat", file]);
    let hosts = said("/hosts");
    assert!(hosts.contains("192.0.2.7\telsewhere"), "{hosts}");
    let gateway = hosts.lines().find(|line| line.ends_with("\thost")).unwrap();
    assert!(!gateway.contains("host-gateway"), "{hosts}");
    assert_eq!(said("/shm").split_whitespace().nth(1), Some("12288"));
    assert_eq!(said("/files"), "123\n");
    assert_eq!(said("/links").trim(), "lo");
    let message = {
        project
            .compose("services: {web: {build: {dockerfile_inline: FROM busybox, network: mine}}}");
        project.fail(&["build"])
    };
    assert!(message.contains("cannot join the network `mine`"), "{message}");
}

/// An image for another machine is built if nothing has to run for it.
#[test]
fn platforms() {
    let Some(project) = with_sessions(
        "platforms",
        "services: {web: {build: {dockerfile_inline: \"FROM scratch\\nCOPY compose.yaml /\\n\", platforms: [linux/arm64]}}}",
    ) else {
        return;
    };
    project.succeed(&["build"]);
    assert_eq!(built(&project, "web")["Architecture"], "arm64");
}

/// A builder asks for all files of a large context at once, and gets them.
#[test]
fn many_files_may_be_asked_for() {
    let compose = "services: {web: {build: .}}";
    let Some(project) = with_sessions("many_files_may_be_asked_for", compose) else { return };
    for folder in 0..100 {
        for file in 0..100 {
            project.file(&format!("tree/{folder}/{file}"), &format!("{folder} {file:4096}"));
        }
    }
    project.file(
        "Dockerfile",
        "FROM busybox\nCOPY tree /tree\nRUN find /tree -type f | wc -l > /count",
    );
    project.succeed(&["build"]);
    assert_eq!(says(&project, "web", &["cat", "/count"]), "10000\n");
}

/// Services with the same context send it once.
#[test]
fn a_context_travels_once() {
    let Some(project) = with_newer_builder(
        "a_context_travels_once",
        "
services:
  a: {build: {context: app, args: {WHO: a}}}
  b: {build: {context: app, args: {WHO: b}}}
  c: {build: {context: app, args: {WHO: c}}}
",
    ) else {
        return;
    };
    project.file("app/Dockerfile", "FROM busybox\nCOPY . /app\nARG WHO\nRUN echo $WHO > /who\n");
    project.file("app/file", &project.name);
    let output = project.succeed(&["build"]);
    let transfers = output.stdout.lines().filter(|it| {
        it.contains("] load build context") || it.contains("internal] load build context")
    });
    assert_eq!(transfers.count(), 1, "{}", output.stdout);
    for service in ["a", "b", "c"] {
        assert_eq!(says(&project, service, &["cat", "/who"]), format!("{service}\n"));
    }
}

/// A failed step is shown where it stands in the Dockerfile, with what it wrote; other builds go on.
#[test]
fn failures_say_where() {
    let Some(project) = with_newer_builder(
        "failures_say_where",
        "
services:
  bad: {build: app}
  good: {build: {dockerfile_inline: \"FROM busybox\\nRUN echo fine\\n\"}}
  top: {build: {dockerfile_inline: FROM x, additional_contexts: {x: 'service:bad'}}}
",
    ) else {
        return;
    };
    project.file(
        "app/Dockerfile",
        "FROM busybox\n\nRUN echo before && \\\n    echo the reason >&2 && exit 3\n",
    );
    let message = project.fail(&["build"]);
    assert!(message.contains("app/Dockerfile:3:1"), "{message}");
    assert!(message.contains("exit code: 3"), "{message}");
    assert!(message.contains("the reason"), "{message}");
    assert!(message.contains("held back by it: top"), "{message}");
    assert!(message.contains("compose.yaml:3:16"), "{message}");
    assert!(
        project.engine.request("GET", &format!("/images/{}-good/json", project.name), "").0 == 200
    );
    // A name that is none, a file that is not there or is ignored, a stage that is unknown.
    let with = |text: &str| {
        project.compose("services: {bad: {build: {context: app, target: last}}}");
        project.file("app/Dockerfile", text);
        project.fail(&["build"])
    };
    let message = with("FROM busybox AS last\nRUM x\n");
    assert!(message.contains("app/Dockerfile:2:1") && message.contains("RUM"), "{message}");
    let message = with("FROM busybox AS last\nCOPY missing /\n");
    assert!(message.contains("app/Dockerfile:2:1") && message.contains("missing"), "{message}");
    project.file("app/.dockerignore", "here\n");
    project.file("app/here", "x");
    let message = with("FROM busybox AS last\nCOPY here /\n");
    assert!(message.contains("app/Dockerfile:2:1") && message.contains("here"), "{message}");
    let message = with("FROM busybox AS first\n");
    assert!(message.contains("last"), "{message}");
    // A disk that is full, such as a small one in memory; after it the builder does as before.
    let message = with(
        "FROM busybox AS last\nRUN --mount=type=tmpfs,target=/t,size=65536 \\\n    \
         dd if=/dev/zero of=/t/x bs=64k count=9\n",
    );
    assert!(message.contains("app/Dockerfile:2:1"), "{message}");
    assert!(message.to_lowercase().contains("no space left on device"), "{message}");
    assert!(message.contains("help: free space on the engine's disk"), "{message}");
    project.file("app/Dockerfile", "FROM busybox AS last\nRUN echo fine\n");
    project.succeed(&["build"]);
}

/// What is missing here is told before the builder is asked.
#[test]
fn what_is_missing_is_told() {
    let Some(project) = Project::with("services: {web: {build: nowhere}}") else { return };
    let message = project.fail(&["build"]);
    assert!(message.contains("unable to prepare context: path"), "{message}");
    assert!(message.contains("compose.yaml:1:25"), "{message}");
    project.compose("services: {web: {build: .}}");
    let message = project.fail(&["build"]);
    assert!(message.contains("cannot read the Dockerfile"), "{message}");
    project.compose("services: {web: {image: busybox}}");
    let output = project.run(&["build"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
    assert!(output.stderr.contains("no services to build"), "{}", output.stderr);
}

/// `up`, `create` and `run` build what is not there, and what they are told to; containers are made anew
/// for a new image alone.
#[test]
fn containers_follow_their_images() {
    let Some(project) = Project::with(
        "services: {web: {build: ., init: true, command: sleep 600, stop_grace_period: 0s}}",
    ) else {
        return;
    };
    project.file("Dockerfile", "FROM busybox\nCOPY file /file\n");
    project.file("file", "one");
    project.succeed(&["up", "-d"]);
    assert_eq!(project.told("web-1", &["cat", "/file"]), "one");
    let first = project.instance("web-1");
    project.file("file", "two");
    project.succeed(&["up", "-d"]);
    assert_eq!(project.instance("web-1"), first);
    project.succeed(&["up", "-d", "--build"]);
    assert_eq!(project.told("web-1", &["cat", "/file"]), "two");
    assert_eq!(
        project.inspect("web-1")["Image"].as_str().unwrap().trim_start_matches("sha256:"),
        id(&built(&project, "web")).trim_start_matches("sha256:")
    );
    let second = project.instance("web-1");
    project.succeed(&["up", "-d", "--build"]);
    // Podman gives an image a new ID whenever it is built.
    assert!(project.instance("web-1") == second || project.engine.podman);
    project.file("file", "three");
    let said = project.succeed(&["run", "--rm", "--build", "-T", "web", "cat", "/file"]).stdout;
    assert!(said.ends_with("three"), "{said}");
    project.file("file", "four");
    project.succeed(&["create", "--build"]);
    project.succeed(&["start"]);
    assert_eq!(project.told("web-1", &["cat", "/file"]), "four");
    let output = project.run(&["up", "-d", "--no-build", "--quiet-build"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
}

/// An interrupted build ends soon, and the builder with it.
#[test]
fn builds_can_be_interrupted() {
    let Some(project) = Project::new() else { return };
    let mark = &project.name;
    project.compose("services: {web: {build: .}}");
    project.file("Dockerfile", &format!("FROM busybox\nRUN echo {mark}; sleep 600\n"));
    let running = project.start(&["build"]);
    running.shows(" [PROJECT]\n");
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
    // A builder that still had it would not run it anew, but wait for it.
    project.file("Dockerfile", &format!("FROM busybox\nRUN echo {mark}\n"));
    project.succeed(&["build"]);
}

/// `--print` shows what Docker Compose would give to bake; `--quiet` shows nothing; machines get events.
#[test]
fn forms_of_output() {
    let Some(project) = Project::with(
        "services: {web: {image: x, build: {context: ., tags: [y], args: {A: '1'}}}}",
    ) else {
        return;
    };
    project.file("Dockerfile", "FROM busybox\nRUN echo some text\n");
    let printed = project.succeed(&["build", "--print"]).stdout;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["group"]["default"]["targets"][0], "web");
    assert_eq!(printed["target"]["web"]["tags"], serde_json::json!(["y", "x"]));
    project.compose("services: {web: {build: .}}");
    let output = project.succeed(&["build", "-q"]);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let output = project.succeed(&["--progress", "json", "build", "--no-cache"]);
    let lines: Vec<Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let written = |line: &&Value| line["kind"] == "output";
    let text: String = lines.iter().filter(written).filter_map(|it| it["text"].as_str()).collect();
    assert!(text.contains("some text"), "{}", output.stderr);
}

/// Commands of a build may use the agent that is offered, and none else.
#[test]
fn agents_are_offered() {
    use std::io::{Read as _, Write as _};
    let Some(project) = with_sessions(
        "agents_are_offered",
        "
services:
  web:
    build:
      dockerfile_inline: |
        FROM postgres:17
        RUN --mount=type=ssh,id=mine perl -MIO::Socket::UNIX -e 'for my $$m (\"\\0\\0\\0\\1\\13\", \"\\0\\0\\0\\1\\23\") { my $$s = IO::Socket::UNIX->new(Peer => $$ENV{SSH_AUTH_SOCK}) or die; syswrite $$s, $$m; sysread $$s, my $$a, 99; print unpack(\"H*\", $$a), \"\\n\" }' > /answers
      ssh: [mine=./agent]
",
    ) else {
        return;
    };
    // An agent that has no keys, and says so.
    let listener = std::os::unix::net::UnixListener::bind(project.path().join("agent")).unwrap();
    let agent = std::thread::spawn(move || {
        let mut asked = Vec::new();
        // Two commands, the second of which never gets here; and a look whether it is there.
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 5];
            if stream.read_exact(&mut request).is_ok() {
                asked.push(request[4]);
                stream.write_all(&[0, 0, 0, 5, 12, 0, 0, 0, 0]).unwrap();
            }
            if request == [9; 5] {
                break;
            }
        }
        asked
    });
    project.succeed(&["build", "--no-cache"]);
    let mut last = std::os::unix::net::UnixStream::connect(project.path().join("agent")).unwrap();
    last.write_all(&[9; 5]).unwrap();
    let asked = agent.join().unwrap();
    assert_eq!(asked, [11, 9]);
    assert_eq!(says(&project, "web", &["cat", "/answers"]), "000000050c00000000\n0000000105\n");
}

/// A repository may be the context, or a part of one.
#[test]
fn contexts_may_be_repositories() {
    let Some(project) = with_sessions("contexts_may_be_repositories", "services: {}") else {
        return;
    };
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(project.path()).args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            "-c",
            "init.defaultBranch=main",
        ]);
        assert!(command.args(args).output().unwrap().status.success(), "git {args:?}");
    };
    project.file("served/repo/app/Dockerfile", "FROM busybox\nCOPY app /app\n");
    project.file("served/repo/app/file", "from a repository");
    git(&["init", "-q", "served/repo"]);
    git(&["-C", "served/repo", "add", "."]);
    git(&["-C", "served/repo", "commit", "-qm", "x"]);
    let (listener, port) = crate::project::free_port();
    drop(listener);
    let base = format!("--base-path={}", project.path().join("served").display());
    let port_flag = format!("--port={port}");
    let daemon = project.spawn(
        Command::new("git"),
        &["daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1", &port_flag, &base],
    );
    crate::engine::eventually("the git daemon", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    project.compose(&format!(
        "services: {{web: {{build: {{context: 'git://127.0.0.1:{port}/repo/.git#main', dockerfile: app/Dockerfile}}}}}}"
    ));
    let output = project.run(&["build"]);
    daemon.signal("TERM");
    daemon.finish();
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert_eq!(says(&project, "web", &["cat", "/app/file"]), "from a repository");
}

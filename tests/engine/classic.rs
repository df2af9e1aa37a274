//! The builder that is older than `BuildKit`: the engine's only one, or asked for by `DOCKER_BUILDKIT=0`.

use std::fmt::Write as _;
use std::process::Command;

use rcompose::context::Patterns;
use serde_json::Value;

use crate::peer;
use crate::project::Project;
use crate::run::Output;

fn run(project: &Project, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
    command.env_clear().env("HOME", project.path()).env("DOCKER_BUILDKIT", "0");
    project.spawn(command, args).finish()
}

#[track_caller]
fn build(project: &Project) -> Output {
    let output = run(project, &["build"]);
    assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    output
}

#[track_caller]
fn fail(project: &Project) -> String {
    let output = run(project, &["build"]);
    assert_eq!(output.code, Some(1), "{}\n{}", output.stdout, output.stderr);
    output.stderr
}

fn image(project: &Project, name: &str) -> Value {
    project.engine.json(&format!("/images/{name}/json"))
}

#[track_caller]
fn says(project: &Project, service: &str, command: &[&str]) -> String {
    let args = [&["run", "--rm", "-T", service][..], command].concat();
    project.succeed(&args).stdout
}

/// An image gets its names, labels, variables and stage; a Dockerfile may be outside the context, in which it
/// is not found then.
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
      dockerfile: ../docker/File
      target: second
      args: {{FIRST: one two, UNSET: }}
      labels: [mine=yes]
      tags: ['{name}/more:2']
  inline: {{build: {{context: app, dockerfile_inline: \"FROM busybox\\nCOPY . /app\\n\"}}}}
"
    ));
    project.file(
        "docker/File",
        "FROM busybox AS first\nRUN echo first > /first\n\
         FROM busybox AS second\nARG FIRST UNSET=default\nRUN echo $FIRST $UNSET > /args\n\
         COPY . /app\nRUN find /app -type f | sort > /list\nFROM busybox\nRUN false\n",
    );
    project.file("app/.dockerignore", "*.log\nnode_modules\n!keep.log\n");
    for file in ["a.log", "keep.log", "deep/b.log", "node_modules/x/y"] {
        project.file(&format!("app/{file}"), "x");
    }
    let output = build(&project);
    assert!(output.stderr.contains("Image [PROJECT]/web:1  Built"), "{}", output.stderr);
    assert!(output.stdout.contains("transferring context"), "{}", output.stdout);
    let web = image(&project, &format!("{name}/web:1"));
    assert_eq!(image(&project, &format!("{name}/more:2"))["Id"], web["Id"]);
    let labels = &web["Config"]["Labels"];
    for (label, value) in [
        ("mine", "yes"),
        ("com.docker.compose.project", name.as_str()),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.image.builder", "classic"),
    ] {
        assert_eq!(labels[label], value, "{label}");
    }
    assert_eq!(says(&project, "web", &["cat", "/args"]), "one two default\n");
    let list = "/app/.dockerignore\n/app/deep/b.log\n/app/keep.log\n";
    assert_eq!(says(&project, "web", &["cat", "/list"]), list);
    let found = says(&project, "inline", &["sh", "-c", "find /app -type f | sort"]);
    assert_eq!(found, list);
}

/// What is unchanged comes from the cache, unless that is not wanted.
#[test]
fn unchanged_steps_come_from_the_cache() {
    let Some(project) = Project::with(
        "services: {web: {build: {context: ., args: {A: 1, B: 2, C: 3}, labels: {a: 1, b: 2}}}}",
    ) else {
        return;
    };
    let mark = &project.name;
    let dockerfile =
        format!("FROM busybox\nARG A B C\nRUN echo {mark} $A $B $C\nCOPY file /file\n");
    project.file("Dockerfile", &dockerfile);
    project.file("file", "one");
    let id = || image(&project, &format!("{mark}-web"))["Id"].clone();
    assert!(!build(&project).stdout.contains("CACHED"));
    let first = id();
    // Nothing of the request is in an order by chance.
    for _ in 0..3 {
        let again = build(&project).stdout;
        assert!(again.contains("CACHED"), "{again}");
        assert_eq!(id(), first);
    }
    project.file("file", "two");
    build(&project);
    assert_ne!(id(), first);
    project.compose("services: {web: {build: {context: ., no_cache: true}}}");
    let anew = build(&project).stdout;
    assert!(!anew.contains("CACHED"), "{anew}");
}

/// What commands of a build are given: network, names, memory to share, and limits.
#[test]
fn surroundings_of_commands() {
    let Some(project) = Project::with(
        "
services:
  web:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN cat /etc/hosts > /hosts && df -k /dev/shm | tail -n 1 > /shm && ulimit -n > /files
      extra_hosts: ['elsewhere:192.0.2.7', 'other:192.0.2.8']
      shm_size: 12m
      ulimits: {nofile: {soft: 123, hard: 456}}
  lonely:
    build:
      dockerfile_inline: \"FROM busybox\\nRUN ls /sys/class/net > /links\\n\"
      network: none
",
    ) else {
        return;
    };
    build(&project);
    let said = |file: &str| says(&project, "web", &["cat", file]);
    let hosts = said("/hosts");
    for host in ["192.0.2.7\telsewhere", "192.0.2.8\tother"] {
        assert!(hosts.contains(host), "{hosts}");
    }
    assert_eq!(said("/shm").split_whitespace().nth(1), Some("12288"));
    assert_eq!(said("/files"), "123\n");
    assert_eq!(says(&project, "lonely", &["cat", "/links"]), "lo\n");
}

/// A failed step is shown where it stands in the Dockerfile, with what it wrote.
#[test]
fn failures_say_where() {
    let Some(project) = Project::with("services: {bad: {build: app}}") else { return };
    let with = |text: &str| {
        project.file("app/Dockerfile", text);
        fail(&project)
    };
    let message = with("FROM busybox\n\nRUN true\nRUN echo the \\\n  reason && exit 3\n");
    assert!(message.contains("app/Dockerfile:4:1"), "{message}");
    assert!(message.contains("the reason"), "{message}");
    let message = with("FROM busybox AS a\nFROM busybox\nCOPY missing /\n");
    assert!(message.contains("app/Dockerfile:3:1") && message.contains("missing"), "{message}");
    let message = with("FROM busybox\nRUM x\n");
    assert!(message.contains("app/Dockerfile:2:1") && message.contains("RUM"), "{message}");
    project.compose("services: {bad: {build: {context: app, target: last}}}");
    let message = with("FROM busybox\n");
    assert!(message.contains("last"), "{message}");
}

/// What the builder has no word for is refused before it is asked, with the key.
#[test]
fn what_cannot_be_done_is_refused() {
    let Some(project) = Project::new() else { return };
    let refused = |key: &str, rest: &str| {
        project.compose(&format!(
            "services: {{web: {{build: {{dockerfile_inline: FROM busybox, {key}: {rest}}}}}}}\n\
             secrets: {{s: {{file: compose.yaml}}}}\n"
        ));
        let message = fail(&project);
        assert!(message.contains(&format!("`{key}`: ")), "{key}: {message}");
        message
    };
    refused("entitlements", "[network.host]");
    refused("cache_to", "['type=inline']");
    refused("no_cache_filter", "[a]");
    refused("platforms", "[linux/amd64, linux/arm64]");
    refused("sbom", "'true'");
    if !project.engine.podman {
        let message = refused("secrets", "[s]");
        assert!(message.contains("unset DOCKER_BUILDKIT"), "{message}");
        refused("additional_contexts", "{x: 'docker-image://busybox'}");
    }
}

/// Where the builder knows them: commands see secrets of files and variables, and the image does not.
#[test]
fn secrets_stay_out_of_images() {
    let Some(project) = Project::with(
        "
services:
  web:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN --mount=type=secret,id=f sha256sum < /run/secrets/f > /sums
        RUN --mount=type=secret,id=other sha256sum < /run/secrets/other >> /sums
        COPY . /app
      secrets: [f, {source: v, target: other}]
secrets:
  f: {file: ./secret.txt}
  v: {environment: TOKEN}
",
    ) else {
        return;
    };
    if !project.engine.podman {
        return;
    }
    let (one, two) = ("first-5ecret-value", "second-5ecret-value");
    project.file("secret.txt", one);
    project.file(".dockerignore", "secret.txt\n.env\n");
    project.file(".env", &format!("TOKEN={two}\n"));
    let output = build(&project);
    let sums = says(&project, "web", &["cat", "/sums"]);
    let sum = |text: &str| {
        let line = format!("printf %s {text} | sha256sum");
        project.spawn(Command::new("sh"), &["-c", &line]).finish().stdout
    };
    assert_eq!(sums, sum(one) + &sum(two));
    let list = says(&project, "web", &["sh", "-c", "cd /app && find . -type f | sort"]);
    assert_eq!(list, "./.dockerignore\n./compose.yaml\n");
    let name = format!("{}-web", project.name);
    let archive = project.engine.request("GET", &format!("/images/{name}/get"), "").1;
    for secret in [one, two] {
        let everything = [&output.stdout, &output.stderr, &archive];
        assert!(everything.iter().all(|text| !text.contains(secret)));
    }
}

/// Where the builder knows them: builds start from other images, services and folders.
#[test]
fn other_contexts() {
    let Some(project) = Project::with(
        "
services:
  top:
    build:
      dockerfile_inline: |
        FROM base
        COPY --from=image /bin/busybox /other
      additional_contexts: {base: 'service:base', image: 'docker-image://busybox'}
  base:
    build: {dockerfile_inline: \"FROM busybox\\nRUN echo base > /base\\n\"}
  files:
    build:
      dockerfile_inline: |
        FROM busybox
        COPY --from=more . /files
      additional_contexts: {more: ./more}
",
    ) else {
        return;
    };
    if !project.engine.podman {
        return;
    }
    project.file("more/deep/file", "text");
    project.file("more/other", "text");
    project.file("more/.dockerignore", "other");
    let top = run(&project, &["build", "top"]);
    assert_eq!(top.code, Some(0), "{}\n{}", top.stdout, top.stderr);
    assert_eq!(says(&project, "top", &["sh", "-c", "test -x /other && cat /base"]), "base\n");
    if project.engine.is_too_old("folders beside the context", "Podman 5.6 first takes them") {
        let output = run(&project, &["build", "files"]);
        assert!(output.stderr.contains("needs Podman 5.6"), "{}", output.stderr);
        return;
    }
    let files = run(&project, &["build", "files"]);
    assert_eq!(files.code, Some(0), "{}\n{}", files.stdout, files.stderr);
    let found = says(&project, "files", &["sh", "-c", "cd /files && find . -type f | sort"]);
    assert_eq!(found, "./.dockerignore\n./deep/file\n");
}

/// Ignore files, for the tree below.
const IGNORES: [&str; 12] = [
    "a\n",
    "*\n!b\n",
    "**/x\n!b/x\n",
    "*/x\nb/*/y\n",
    "b/**\n!b/c/y\n",
    "**\n!**/*.txt\nb/c\n",
    "# no\n/a/\n./b/c/../x\n",
    "?\n!a\na/[x-y].txt\n",
    "**/x\n!a\n",
    "a*\n!ab\nab/x\n!*/x\n",
    "\\a\n[^a]/c\n",
    " b \n!b/c/x.txt\n**/y\n",
];

const TREE: [&str; 12] = [
    "a/x",
    "a/x.txt",
    "a/z.txt",
    "ab/x",
    "ab/y.txt",
    "b/c/x",
    "b/c/x.txt",
    "b/c/y",
    "b/x",
    "b/z/y",
    "c/x.txt",
    "d",
];

/// What an ignore file leaves out is what our rules say, whoever builds: either builder, and Docker Compose.
#[test]
fn everybody_leaves_out_the_same() {
    let Some(project) = Project::new() else { return };
    let mut compose = "services:\n".to_owned();
    for (number, ignore) in IGNORES.iter().enumerate() {
        let _ = writeln!(
            compose,
            "  s{number}: {{build: {{context: c{number}, dockerfile: ../Dockerfile}}}}"
        );
        project.file(&format!("c{number}/.dockerignore"), ignore);
        for file in TREE {
            project.file(&format!("c{number}/{file}"), file);
        }
    }
    project.compose(&compose);
    project.file(
        "Dockerfile",
        "FROM busybox\nCOPY . /app\nRUN cd /app && find . -type f ! -name .dockerignore | sort > /list\n",
    );
    let check = |who: &str| {
        for (number, ignore) in IGNORES.iter().enumerate() {
            let patterns = Patterns::parse(ignore).unwrap();
            let mut want: Vec<&str> =
                TREE.into_iter().filter(|path| !patterns.matches(path)).collect();
            want.sort_unstable();
            let found = says(&project, &format!("s{number}"), &["cat", "/list"]);
            let found: Vec<&str> =
                found.lines().map(|path| path.strip_prefix("./").unwrap_or(path)).collect();
            assert_eq!(found, want, "{who}: {ignore:?}");
        }
    };
    build(&project);
    check("the classic builder");
    if project.engine.podman {
        return;
    }
    project.succeed(&["build", "--no-cache"]);
    check("BuildKit");
    let Some(peer) = peer::peer() else { return };
    peer::succeed(&peer, &project, &["build", "--no-cache"]);
    check("Docker Compose");
}

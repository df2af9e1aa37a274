//! Docker Compose and rcompose asked the same of the same project: standard output and exit code agree.

use std::fmt::Write as _;

use crate::engine::eventually;
use crate::peer::{peer, run};
use crate::project::Project;

/// Asks both. What they say must be the same, byte for byte.
#[track_caller]
fn agree(peer: &[String], project: &Project, questions: &[&[&str]]) {
    let mut differences = String::new();
    for question in questions {
        // Ages may change between two runs, but not every time.
        let mut answers = None;
        for _ in 0..3 {
            let (theirs, ours) = (run(peer, project, question), project.run(question));
            answers = Some((theirs.code, theirs.stdout, ours.code, ours.stdout));
            if answers.as_ref().is_some_and(|(a, b, c, d)| (a, b) == (c, d)) {
                answers = None;
                break;
            }
        }
        if let Some((their_code, theirs, our_code, ours)) = answers {
            let _ = write!(
                differences,
                "{question:?}\n--- theirs: {their_code:?}\n{theirs}--- ours: {our_code:?}\n{ours}"
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

const STACK: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    ports: ['127.0.0.1::80', '127.0.0.1::85/udp']
    labels: {who: a<b, my-label.x_y: v}
    volumes: [data:/data, /scratch]
    deploy: {replicas: 2}
    healthcheck: {test: 'true', interval: 1h}
    stop_grace_period: 0s
  task: {image: busybox, command: sh -c 'exit 4'}
  db: {image: alpine, init: true, command: [sleep, '600'], stop_grace_period: 0s}
volumes: {data: {}}
";

fn up() -> Option<(Vec<String>, Project)> {
    let peer = peer()?;
    let project = Project::with(STACK)?;
    project.succeed(&["up", "-d"]);
    eventually("the end of the task", || (project.status("task-1") == "exited").then_some(()));
    Some((peer, project))
}

/// `ps` with templates, tables, filters and what is wrong with them.
#[test]
fn lists_of_containers() {
    let Some((peer, project)) = up() else { return };
    agree(
        &peer,
        &project,
        &[
            &["ps"],
            &["ps", "-a", "--no-trunc"],
            &["ps", "-a", "-q"],
            &["ps", "--services"],
            &[
                "ps",
                "--format",
                "table {{.Name}}\\t{{.Publishers}}\\t{{.Label \"who\"}}\\t{{upper .State}}",
            ],
            &[
                "ps",
                "--format",
                "table {{.Label \"my-label.x_y\"}}\\t{{pad .Name 2 2}}|{{truncate .Name 4}}|{{split .Name \"-\"}}",
            ],
            &[
                "ps",
                "-a",
                "--format",
                "{{json .Publishers}} {{json .Name}} {{range .Publishers}}{{.TargetPort}}:{{.URL}} {{end}}",
            ],
            &[
                "ps",
                "-a",
                "--format",
                "{{with .Name}}{{.}}{{end}} {{if eq .State \"running\"}}up{{else}}down{{end}} {{printf \"%-10s|%5d|%q\" .Service .ExitCode .Image}} {{len .Name}} {{index (split .Name \"-\") 0}} {{.ID}} {{.Size}} {{.LocalVolumes}} {{.Networks}} {{.Names}} {{.Project}}",
            ],
            &["ps", "-a", "--format", "{{.CreatedAt}} {{.Command}} {{.Ports}}"],
            &["ps", "--format", "words"],
            &["ps", "--format", ""],
            &["ps", "--format", "table"],
            &["ps", "--format", "tablewords {{.Name}}"],
            &["ps", "--format", "{{.Unknown}}"],
            &["ps", "--format", "{{.Name"],
            &["ps", "--format", "{{unknown .Name}}"],
            &["ps", "--filter", "status=exited", "-q"],
            &["ps", "--filter", "words"],
            &["ps", "--filter", "key=value"],
            &["ps", "unknown"],
        ],
    );
}

/// `ls`, `volumes`, `images`, `top` and `port`, with their flags and mistakes.
#[test]
fn lists_of_other_things() {
    let Some((peer, project)) = up() else { return };
    let name = format!("name={}", project.name);
    let by_name = project.name.clone();
    agree(
        &peer,
        &project,
        &[
            &["ls", "--filter", &name],
            &["ls", "-a", "--filter", &name, "--filter", "name=^nobody$", "-q"],
            &["ls", "-a", "--filter", &name, "--format", "json"],
            &["ls", "--filter", "name=^nobody$", "--format", "JSON"],
            &["ls", "--filter", "key=1"],
            &["ls", "--format", "words"],
            &["volumes"],
            &["volumes", "web"],
            &["volumes", "db"],
            &["volumes", "unknown"],
            &["-p", &by_name, "volumes", "unknown"],
            &["volumes", "-q"],
            &["volumes", "--format", ""],
            &["volumes", "--format", "raw"],
            &[
                "volumes",
                "--format",
                "table {{.Name}}\\t{{.Mountpoint}}\\t{{.Label \"com.docker.compose.volume\"}}\\t{{.Scope}}",
            ],
            &["volumes", "--format", "{{json .Name}} {{.Links}} {{.Status}}"],
            &["volumes", "--format", "{{.ID}}"],
            &["images"],
            &["images", "-q", "db"],
            &["images", "unknown"],
            &["images", "--format", "json", "db"],
            &["images", "--format", "json", "unknown"],
            &["images", "--format", "words"],
            &["top"],
            &["top", "db", "unknown"],
            &["top", "task"],
            &["port", "web", "80"],
            &["port", "web", "85", "--protocol", "udp", "--index", "2"],
            &["port", "web", "80", "--index", "9"],
            &["port", "web", "81"],
            &["port", "unknown", "80"],
            &["port", "task", "80"],
            &["port", "web", "words"],
        ],
    );
}

/// `stats` of what does nothing, and of what does not run.
#[test]
fn usage() {
    let Some((peer, project)) = up() else { return };
    agree(
        &peer,
        &project,
        &[
            &[
                "stats",
                "--no-stream",
                "--format",
                "{{.Name}}|{{.PIDs}}|{{.Container}}|{{.ID}}",
                "db",
            ],
            &["stats", "--no-stream", "-a", "task"],
            &["stats", "--no-stream", "-a", "--no-trunc", "--format", "json", "task"],
            &["stats", "--no-stream", "unknown"],
            &["stats", "--no-stream", "--format", "{{.Unknown}}"],
        ],
    );
}

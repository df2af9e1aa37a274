//! Configs and secrets whose content is in the files or in variables: copied into containers.

use crate::peer::Tool;
use crate::project::Project;

/// Content and variables become files with owner and mode.
///
/// `up` of a service that runs as a user that its image does not know, with configs and secrets from
/// content and from `.env`. The container reads them where they should be.
#[test]
fn content_is_copied_with_owner_and_mode() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    user: '1234:1235'
    configs:
      - text
      - {source: text, target: /etc/app/text.conf, uid: '1234', gid: '1235', mode: 0400}
      - {source: words, target: words.txt, mode: 0640}
    secrets:
      - key
      - {source: key, target: other, uid: '7'}
      - {source: key, target: /deep/er/key, mode: 0404}
configs:
  text: {content: \"one $${WHO}\\ntwo ${WHO}\\n\"}
  words: {environment: WORDS}
secrets: {key: {environment: KEY}}
",
        ) else {
            return;
        };
        project.file(".env", "WHO=me\nKEY=secret words\nWORDS=a \"b\"\n");
        tool.succeed(&project, &["up", "-d"]);
        let told = |command: &str| project.exec("web-1", &["sh", "-c", command]).1;
        assert_eq!(told("cat /text"), "one ${WHO}\ntwo me\n");
        assert_eq!(told("cat /etc/app/text.conf"), "one ${WHO}\ntwo me\n");
        assert_eq!(told("cat /run/secrets/key"), "secret words");
        assert_eq!(told("cat /run/secrets/other /deep/er/key"), "secret wordssecret words");
        for (path, wanted) in [
            ("/text", "444 0 0"),
            ("/etc/app/text.conf", "400 1234 1235"),
            ("/words.txt", "640 0 0"),
            ("/run/secrets/key", "444 0 0"),
            // Docker Compose has the engine give all that names an owner to the container's user.
            ("/run/secrets/other", if tool.is_ours() { "444 7 0" } else { "444 1234 1235" }),
            ("/deep/er/key", "404 0 0"),
        ] {
            assert_eq!(told(&format!("stat -c '%a %u %g' {path}")).trim(), wanted, "{path}");
        }
        // Only root may read what belongs to root alone.
        assert!(told("cat /words.txt").contains("Permission denied"));
    }
}

/// A variable that is missing is a mistake that is found before anything is made.
///
/// `up` without the variable of a secret. The error tells which, where, and nothing is there.
#[test]
fn a_missing_variable_is_an_error() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, command: sleep 600, secrets: [key]}
secrets: {key: {environment: NOT_SET}}
",
    ) else {
        return;
    };
    let error = project.fail(&["up", "-d"]);
    assert!(
        error.contains("environment variable `NOT_SET` required by secret `key` is not set")
            && error.contains("compose.yaml:3:"),
        "{error}"
    );
    assert_eq!(project.resources(), [""; 0]);
    for tool in Tool::all().filter(|tool| !tool.is_ours()) {
        let error = tool.fail(&project, &["up", "-d"]);
        assert!(error.contains("NOT_SET"), "{error}");
    }
}

/// Nothing can be copied into a container that is read-only.
///
/// `up` of such a service with content fails; with a file in its place it works.
#[test]
fn read_only_services_take_files_alone() {
    let compose = |source: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, read_only: true, configs: [text]}}
configs: {{text: {{{source}}}}}
"
        )
    };
    let Some(project) = Project::with(&compose("content: words")) else { return };
    for tool in Tool::all() {
        let error = tool.fail(&project, &["up", "-d"]);
        assert!(error.contains("`file`"), "{error}");
    }
    project.succeed(&["down"]);
    project.file("text.conf", "words");
    project.compose(&compose("file: text.conf"));
    project.succeed(&["up", "-d"]);
    assert_eq!(project.told("web-1", &["cat", "/text"]), "words");
}

/// Changed content reaches a container when it starts again, and replaces none.
///
/// `up`, `up` with other content, `stop` and `up`. The second leaves the container as it is, the last
/// brings the new content into the same container.
#[test]
fn changed_content_comes_with_the_next_start() {
    let compose = |text: &str| {
        format!(
            "
services:
  web: {{image: busybox, init: true, command: sleep 600, configs: [text]}}
configs: {{text: {{content: {text}}}}}
"
        )
    };
    for tool in Tool::all() {
        let Some(project) = Project::with(&compose("old")) else { return };
        tool.succeed(&project, &["up", "-d"]);
        let first = project.instance("web-1");
        project.compose(&compose("new"));
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.instance("web-1"), first);
        assert_eq!(project.told("web-1", &["cat", "/text"]), "old");
        tool.succeed(&project, &["stop", "-t", "0"]);
        tool.succeed(&project, &["up", "-d"]);
        assert_eq!(project.instance("web-1").0, first.0);
        assert_eq!(project.told("web-1", &["cat", "/text"]), "new");
    }
}

/// Every way to start a container brings its files.
///
/// `create` and `start`, then `run`. Both see them; what is empty is no file at all.
#[test]
fn every_start_brings_the_files() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, configs: [text, nothing], secrets: [key]}
configs: {text: {content: words}, nothing: {environment: NOTHING}}
secrets: {key: {environment: KEY}}
",
        ) else {
            return;
        };
        project.file(".env", "KEY=secret\nNOTHING=\n");
        tool.succeed(&project, &["create"]);
        tool.succeed(&project, &["start"]);
        let see = ["sh", "-c", "cat /text /run/secrets/key; ls /nothing 2>&1"];
        let wanted = "wordssecretls: /nothing: No such file or directory\n";
        assert_eq!(project.exec("web-1", &see).1, wanted);
        let run = ["run", "--rm", "-T", "web", "sh", "-c", "cat /text /run/secrets/key"];
        assert_eq!(tool.succeed(&project, &run).stdout, "wordssecret");
        tool.succeed(&project, &["down", "-t", "0"]);
    }
}

/// A file below a tmpfs is seldom seen, which is said.
///
/// `up` of a service with a secret and memory on the same folder. The warning names both, and the
/// container has no such file.
#[test]
fn memory_hides_copied_files() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600, tmpfs: /run, secrets: [key]}
secrets: {key: {environment: KEY}}
",
    ) else {
        return;
    };
    project.file(".env", "KEY=secret\n");
    let said = project.succeed(&["up", "-d"]).stderr;
    assert!(
        said.contains(
            "the secret `key` may stay unseen: the tmpfs on `/run` hides `/run/secrets/key`"
        ),
        "{said}"
    );
    // Podman mounts it only after that, so that it is seen there.
    assert!(project.engine.podman || project.exec("web-1", &["ls", "/run/secrets/key"]).0 != 0);
}

//! `cp`: files between containers and this machine.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use crate::engine::eventually;
use crate::peer::{peer, run, succeed};
use crate::project::Project;

const STACK: &str = "
services:
  web: {image: busybox, init: true, command: sleep 600, scale: 2, stop_grace_period: 0s}
  task: {image: busybox, command: 'true'}
  user: {image: busybox, init: true, command: sleep 600, user: www-data, stop_grace_period: 0s}
";

fn up() -> Option<Project> {
    let project = Project::with(STACK)?;
    project.file("file", "text\n");
    project.file("folder/inner/deep", "deep\n");
    project.file("folder/top", "top\n");
    symlink("file", project.path().join("link")).unwrap();
    symlink("folder", project.path().join("link-to-folder")).unwrap();
    project.succeed(&["up", "-d"]);
    Some(project)
}

fn read(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path().join(path)).unwrap()
}

/// All below a folder of a container, with what links point to.
fn found(project: &Project, container: &str, folder: &str) -> String {
    let script =
        format!("cd {folder} && find . | sort | while read it; do echo $it $(readlink $it); done");
    project.told(container, &["sh", "-c", &script]).replace(" \n", "\n")
}

/// A file goes to all containers of a service, under its own name or another one, and stays as it is.
#[test]
fn files_go_to_all_containers() {
    let Some(project) = up() else { return };
    let path = project.path().join("file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    let output = project.succeed(&["cp", "file", "web:/tmp"]);
    for container in ["web-1", "web-2"] {
        assert_eq!(project.told(container, &["cat", "/tmp/file"]), "text\n");
        assert!(
            output.stderr.contains(&format!("[PROJECT]-{container}  Copied file to")),
            "{}",
            output.stderr
        );
    }
    let owner = fs::metadata(&path).unwrap();
    let want = format!("750 {} {} {}\n", owner.uid(), owner.gid(), owner.mtime());
    assert_eq!(project.told("web-1", &["stat", "-c", "%a %u %g %Y", "/tmp/file"]), want);
    project.succeed(&["cp", "file", "web:/tmp/renamed"]);
    assert_eq!(project.told("web-2", &["cat", "/tmp/renamed"]), "text\n");
    // What is there is replaced.
    project.file("file", "new\n");
    project.succeed(&["cp", "./file", "web:/tmp/renamed"]);
    assert_eq!(project.told("web-2", &["cat", "/tmp/renamed"]), "new\n");
    // A path without a slash before it is one of the root.
    project.succeed(&["cp", "--index", "2", "file", "web:relative"]);
    assert_eq!(project.told("web-2", &["cat", "/relative"]), "new\n");
    assert_ne!(project.exec("web-1", &["test", "-e", "/relative"]).0, 0);
}

/// A folder goes into one that is there, and becomes one that is not; its inside goes without it.
#[test]
fn folders_go_to_containers() {
    let Some(project) = up() else { return };
    let tree = ".\n./inner\n./inner/deep\n./top\n";
    project.succeed(&["cp", "folder", "web:/tmp/new"]);
    assert_eq!(found(&project, "web-2", "/tmp/new"), tree);
    project.succeed(&["cp", "folder", "web:/tmp/new"]);
    assert_eq!(found(&project, "web-1", "/tmp/new/folder"), tree);
    project.succeed(&["cp", "folder/.", "web:/tmp"]);
    assert_eq!(project.told("web-1", &["cat", "/tmp/inner/deep"]), "deep\n");
    project.succeed(&["cp", "folder/.", "web:/tmp/inside"]);
    assert_eq!(found(&project, "web-1", "/tmp/inside"), tree);
    let below = ["sh", "-c", "mkdir -p /real && ln -s /real /tmp/way"];
    project.told("web-1", &below);
    project.succeed(&["cp", "--index", "1", "folder", "web:/tmp/way"]);
    assert_eq!(found(&project, "web-1", "/real/folder"), tree);
}

/// A file comes from the first container, or the one with a number; a folder as a whole.
#[test]
fn files_come_from_one_container() {
    let Some(project) = up() else { return };
    let script = "mkdir -p /data/inner && echo $HOSTNAME > /data/name && chmod 640 /data/name && echo x > /data/inner/x && touch -d @1000000 /data/name && ln /data/name /data/inner/hard";
    for container in ["web-1", "web-2"] {
        project.told(container, &["sh", "-c", script]);
    }
    let host = |container: &str| project.told(container, &["hostname"]);
    project.succeed(&["cp", "web:/data/name", "first"]);
    assert_eq!(read(&project, "first"), host("web-1"));
    let metadata = fs::metadata(project.path().join("first")).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.mtime()), (0o640, 1_000_000));
    project.succeed(&["cp", "--index=2", "web:/data/name", "."]);
    assert_eq!(read(&project, "name"), host("web-2"));
    project.succeed(&["cp", "web:/data", "new"]);
    assert_eq!(read(&project, "new/inner/x"), "x\n");
    assert_eq!(read(&project, "new/inner/hard"), host("web-1"));
    project.succeed(&["cp", "web:/data", "new"]);
    assert_eq!(read(&project, "new/data/inner/x"), "x\n");
    project.succeed(&["cp", "web:/data/.", "inside"]);
    assert_eq!(read(&project, "inside/inner/x"), "x\n");
    // Others than root could write it, if they did not own it.
    let owner = fs::metadata(project.path()).unwrap().uid();
    assert_eq!(fs::metadata(project.path().join("new/name")).unwrap().uid(), owner);
}

/// Links go as links, and what they point to if that is asked for, both ways.
#[test]
fn links_go_as_links() {
    let Some(project) = up() else { return };
    project.succeed(&["cp", "link", "web:/tmp"]);
    assert_eq!(project.told("web-1", &["readlink", "/tmp/link"]), "file\n");
    project.succeed(&["cp", "-L", "link", "web:/tmp/followed"]);
    assert_eq!(project.told("web-1", &["cat", "/tmp/followed"]), "text\n");
    project.succeed(&["cp", "-L", "link-to-folder", "web:/tmp"]);
    assert_eq!(project.told("web-1", &["cat", "/tmp/link-to-folder/top"]), "top\n");
    // A slash behind it follows as well.
    project.succeed(&["cp", "link-to-folder/", "web:/tmp/slash"]);
    assert_eq!(project.told("web-1", &["cat", "/tmp/slash/top"]), "top\n");

    project
        .told("web-1", &["sh", "-c", "mkdir /d && echo there > /d/target && ln -s target /d/way"]);
    if project.engine.cannot("links_go_as_links", "it follows links whether asked to or not") {
        return;
    }
    project.succeed(&["cp", "web:/d/way", "."]);
    assert_eq!(fs::read_link(project.path().join("way")).unwrap().to_str(), Some("target"));
    project.succeed(&["cp", "-L", "web:/d/way", "real"]);
    assert_eq!(read(&project, "real"), "there\n");
    fs::create_dir(project.path().join("into")).unwrap();
    project.succeed(&["cp", "-L", "web:/d/way", "into"]);
    assert_eq!(read(&project, "into/way"), "there\n");
    // A link at the destination is followed.
    project.succeed(&["cp", "web:/d/target", "link"]);
    assert_eq!(read(&project, "file"), "there\n");
}

/// A dash is an archive on standard input or output; input goes to all containers.
#[test]
fn archives_are_piped() {
    let Some(project) = up() else { return };
    let program = env!("CARGO_BIN_EXE_rcompose");
    let shell = |line: &str| project.spawn(Command::new("sh"), &["-c", line]).finish();
    let output = shell(&format!("tar cf - folder | {program} cp - web:/tmp"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for container in ["web-1", "web-2"] {
        assert_eq!(project.told(container, &["cat", "/tmp/folder/inner/deep"]), "deep\n");
    }
    let output = shell(&format!("{program} cp web:/tmp/folder - | tar tf - | sort"));
    // Not all engines put a slash after the name of a folder.
    assert_eq!(
        output.stdout.replace("/\n", "\n"),
        "folder\nfolder/inner\nfolder/inner/deep\nfolder/top\n",
        "{}",
        output.stderr
    );
    let output = shell(&format!("tar cf - folder | {program} cp - web:/tmp/nowhere"));
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("must be a directory"), "{}", output.stderr);
    // More than any buffer holds.
    let output = shell(&format!(
        "head -c 5000000 /dev/zero > large; {program} cp large web:/tmp && {program} cp web:/tmp/large back && cmp large back"
    ));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

/// Owners are kept, or are the container's user.
#[test]
fn owners() {
    let Some(project) = up() else { return };
    project.succeed(&["cp", "file", "user:/tmp/kept"]);
    let owner = fs::metadata(project.path().join("file")).unwrap();
    let stat = |path: &str| project.told("user-1", &["stat", "-c", "%u:%g", path]);
    assert_eq!(stat("/tmp/kept"), format!("{}:{}\n", owner.uid(), owner.gid()));
    project.succeed(&["cp", "-a", "file", "user:/tmp/given"]);
    assert_eq!(stat("/tmp/given"), "33:33\n");
}

/// Containers that do not run are copied to and from; those of `run` only if that is asked for.
#[test]
fn stopped_and_one_off_containers() {
    let Some(project) = up() else { return };
    eventually("the end of the task", || (project.status("task-1") == "exited").then_some(()));
    project.succeed(&["cp", "file", "task:/tmp"]);
    project.succeed(&["cp", "task:/tmp/file", "back"]);
    assert_eq!(read(&project, "back"), "text\n");
    project.succeed(&["run", "-d", "--name", &project.full("extra"), "task", "sleep", "600"]);
    project.succeed(&["cp", "file", "task:/tmp/plain"]);
    assert_ne!(project.exec("extra", &["test", "-e", "/tmp/plain"]).0, 0);
    project.succeed(&["cp", "--all", "file", "task:/tmp/all"]);
    assert_eq!(project.told("extra", &["cat", "/tmp/all"]), "text\n");
}

/// What cannot be copied is said, and nothing is half done.
#[test]
fn what_cannot_be_copied() {
    let Some(project) = up() else { return };
    for container in ["web-1", "web-2"] {
        project.told(container, &["mkfifo", "/tmp/pipe"]);
    }
    let cases = [
        (["a", "b"], "unknown copy direction"),
        (["web:a", "task:b"], "copying between services is not supported"),
        (["", "web:/x"], "source can not be empty"),
        (["file", ""], "destination can not be empty"),
        (["file", ":/x"], "unknown copy direction"),
        (["nobody:/etc", "."], "no container found for service \"nobody\""),
        (["missing", "web:/tmp"], "[DIR]/missing: No such file"),
        (["file", "web:/nowhere/"], "no such directory"),
        (["folder", "web:/etc/passwd"], "cannot copy directory"),
        (["file", "web:/tmp/pipe"], "must be a directory or a regular file"),
        (["web:/etc/passwd", "nowhere/x"], "directory \"[DIR]/nowhere\" does not exist"),
        (["web:/etc/passwd", "nowhere/"], "no such directory"),
        (["web:/etc", "file"], "cannot copy directory"),
        (["web:/missing", "."], "/missing"),
    ];
    for (args, want) in cases {
        let message = project.fail(&["cp", args[0], args[1]]);
        assert!(message.contains(want), "{args:?}: {message}");
    }
    assert!(project.fail(&["cp", "--index", "9", "web:/etc", "."]).contains("container #9"));
    // Podman makes the folder.
    if !project.engine.podman {
        assert!(project.fail(&["cp", "file", "web:/nowhere/x"]).contains("/nowhere"));
    }
    assert_eq!(project.run(&["cp", "file"]).code, Some(1));
    // A folder is not replaced by a file.
    project.file("passwd/keep", "");
    let message = project.fail(&["cp", "web:/etc/passwd", "."]);
    assert!(message.contains("cannot overwrite directory"), "{message}");
    assert_eq!(read(&project, "passwd/keep"), "");
}

/// Docker Compose copies the same trees to the same places, and refuses the same.
#[test]
fn copies_are_like_those_of_docker_compose() {
    let Some(peer) = peer() else { return };
    let Some(project) = up() else { return };
    let ways: [&[&str]; 8] = [
        &["file", "web:/tmp/name"],
        &["folder", "web:/tmp"],
        &["folder", "web:/tmp/name"],
        &["folder/.", "web:/tmp"],
        &["folder/.", "web:/tmp/name"],
        &["-L", "link", "web:/tmp"],
        &["link-to-folder/", "web:/tmp"],
        &["-L", "link-to-folder/.", "web:/tmp/name"],
    ];
    let copied = |by_peer: bool, way: &[&str]| {
        for container in ["web-1", "web-2"] {
            project.told(container, &["sh", "-c", "rm -rf /tmp/*"]);
        }
        let args = [&["cp"], way].concat();
        if by_peer {
            succeed(&peer, &project, &args)
        } else {
            project.succeed(&args)
        };
        found(&project, "web-2", "/tmp")
    };
    for way in ways {
        assert_eq!(copied(false, way), copied(true, way), "{way:?}");
    }
    project.told(
        "web-1",
        &["sh", "-c", "mkdir -p /d/e && echo x > /d/e/x && ln -s e /d/l && ln -s e/x /d/f"],
    );
    let back: [&[&str]; 7] = [
        &["web:/d", "out/new"],
        &["web:/d/.", "out/new"],
        &["web:/d/e/x", "out/new"],
        &["web:/d/e/x", "out"],
        &["web:/d/l", "out"],
        &["-L", "web:/d/l", "out"],
        &["-L", "web:/d/f", "out"],
    ];
    let tree = |by_peer: bool, way: &[&str]| {
        let out = project.path().join("out");
        let _ = fs::remove_dir_all(&out);
        fs::create_dir(&out).unwrap();
        // Which container is the first is up to the engine with Docker Compose.
        let args = [&["cp", "--index", "1"], way].concat();
        if by_peer {
            succeed(&peer, &project, &args)
        } else {
            project.succeed(&args)
        };
        let list = ["-c", "cd out && find . -printf '%p %y %m %l\\n' | sort"];
        project.spawn(Command::new("sh"), &list).finish().stdout
    };
    for way in back {
        assert_eq!(tree(false, way), tree(true, way), "{way:?}");
    }
    let refused: [&[&str]; 5] = [
        &["folder", "web:/etc/passwd"],
        &["file", "web:/nowhere/"],
        &["missing", "web:/tmp"],
        &["web:/etc", "file"],
        &["web:/missing", "."],
    ];
    for way in refused {
        let args = [&["cp"], way].concat();
        assert_eq!(
            (run(&peer, &project, &args).code, project.run(&args).code),
            (Some(1), Some(1)),
            "{way:?}"
        );
    }
}

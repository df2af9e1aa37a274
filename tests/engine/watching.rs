//! `watch`: what is saved on this machine is in the containers, and what is not is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::eventually;
use crate::project::Project;
use crate::proxy::Proxy;
use crate::run::Running;

/// A service that sleeps, with rules for what changes.
fn sleeping(rules: &str) -> String {
    format!(
        "services:\n  web:\n    image: busybox\n    init: true\n    command: sleep 600\n    develop:\n      watch: {rules}\n"
    )
}

/// A project whose watch has begun, with its lines.
fn watching<'a>(project: &'a Project, args: &[&str]) -> Running<'a> {
    let running = project.start(&[&["watch"], args].concat());
    running.shows("Watch enabled");
    running
}

/// How files get into containers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// At the container's root, where that can be had.
    Root,
    /// By the engine.
    Engine,
}

/// A project for each way.
fn both_ways() -> impl Iterator<Item = (Project, Way)> {
    [Way::Root, Way::Engine].into_iter().filter_map(|way| {
        let mut project = Project::new()?;
        if way == Way::Engine {
            project.set("RCOMPOSE_SYNC", "engine");
        }
        Some((project, way))
    })
}

/// Ends a watch by a signal.
#[track_caller]
fn end(running: Running<'_>) -> String {
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert!(output.stdout.ends_with("Watch disabled\n"), "{}", output.stdout);
    output.stdout
}

/// The lines about what was done since the watch began, without times.
fn actions(stdout: &str) -> Vec<String> {
    let (_, lines) = stdout.split_once("Watch enabled\n").unwrap();
    let ours = lines.lines().filter(|line| *line != "Watch disabled");
    ours.map(|line| line.rsplit_once("  ").map_or(line, |(text, _)| text).to_owned()).collect()
}

/// All below a folder: path, kind, permissions, content.
fn tree(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            if metadata.is_symlink() {
                all.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if metadata.is_dir() {
                all.push(format!("{name}/"));
                waiting.push(path);
            } else {
                all.push(format!("{name} {mode:o} {}", fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// The same of a folder of a container, got as an archive, so that it needs no program. An engine may fail
/// to make one while files come and go; that is shown as what is there.
fn tree_inside(project: &Project, container: &str, folder: &str) -> Vec<String> {
    let copy = project.path().join("copy");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).unwrap();
    let service = container.rsplit_once('-').unwrap().0;
    let from = format!("{service}:{folder}/.");
    let output = project.run(&["cp", &from, "copy"]);
    if output.code == Some(0) { tree(&copy) } else { vec![output.stderr] }
}

/// Waits until a folder of a container is as one of the project.
#[track_caller]
fn becomes_equal(project: &Project, container: &str, folder: &str, source: &str) {
    let mut last = Vec::new();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("equal trees".to_owned(), || {
            last = tree_inside(project, container, folder);
            (last == tree(&project.path().join(source))).then_some(())
        });
    }));
    let want = tree(&project.path().join(source));
    let missing = want.iter().filter(|it| !last.contains(it));
    let more = last.iter().filter(|it| !want.contains(it));
    let few: [Vec<&String>; 2] = [missing.take(9).collect(), more.take(9).collect()];
    assert!(result.is_ok(), "missing and too much: {few:#?}");
}

/// Everything that can happen to a tree is mirrored, for all replicas, and each change is told once.
///
/// Files, folders, links, permissions; renames and removals of files and folders, a file in place of a
/// folder and the other way round; with an image that has no program at all for it.
#[test]
fn trees_are_mirrored() {
    for (project, way) in both_ways() {
        mirror_trees(&project, way);
    }
}

fn mirror_trees(project: &Project, way: Way) {
    // At the root, nothing in the image is needed.
    let preparation = if way == Way::Root { "rm /bin/rm; " } else { "" };
    project.compose(&format!(
        "
services:
  web:
    image: busybox
    init: true
    entrypoint: [/bin/busybox, sh, -c, '{preparation}exec sleep 600']
    scale: 2
    develop:
      watch: [{{action: sync, path: ./src, target: /app/src, initial_sync: true}}]
"
    ));
    project.file("src/first", "1");
    project.file("src/old/deep/file", "old");
    project.file("src/becomes-folder", "file");
    project.file("src/becomes-file/inner", "x");
    let src = project.path().join("src");
    let running = watching(project, &[]);
    becomes_equal(project, "web-1", "/app/src", "src");
    project.file("src/new", "new");
    fs::create_dir_all(src.join("empty/in/empty")).unwrap();
    symlink("../first", src.join("empty/link")).unwrap();
    symlink("nowhere", src.join("dangling")).unwrap();
    fs::set_permissions(src.join("first"), fs::Permissions::from_mode(0o700)).unwrap();
    becomes_equal(project, "web-1", "/app/src", "src");
    fs::rename(src.join("old"), src.join("renamed")).unwrap();
    fs::remove_file(src.join("new")).unwrap();
    fs::remove_file(src.join("becomes-folder")).unwrap();
    project.file("src/becomes-folder/now", "y");
    fs::remove_dir_all(src.join("becomes-file")).unwrap();
    project.file("src/becomes-file", "z");
    fs::remove_file(src.join("dangling")).unwrap();
    becomes_equal(project, "web-1", "/app/src", "src");
    fs::remove_dir_all(src.join("renamed")).unwrap();
    becomes_equal(project, "web-1", "/app/src", "src");
    for number in ["1", "2"] {
        let (_, found) =
            project.exec(&format!("web-{number}"), &["/bin/busybox", "find", "/app/src"]);
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_unstable();
        let want = [
            "/app/src",
            "/app/src/becomes-file",
            "/app/src/becomes-folder",
            "/app/src/becomes-folder/now",
            "/app/src/empty",
            "/app/src/empty/in",
            "/app/src/empty/in/empty",
            "/app/src/empty/link",
            "/app/src/first",
        ];
        assert_eq!(found, want, "replica {number}");
    }
    // Another folder takes the place of one.
    project.file("src/swapped/a", "1");
    project.file("src/swapped/b", "1");
    becomes_equal(project, "web-1", "/app/src", "src");
    project.file("other/b", "2");
    fs::rename(src.join("swapped"), project.path().join("away")).unwrap();
    fs::rename(project.path().join("other"), src.join("swapped")).unwrap();
    becomes_equal(project, "web-1", "/app/src", "src");
    // The folder itself may go and come back.
    fs::remove_dir_all(&src).unwrap();
    project.file("src/again", "again");
    becomes_equal(project, "web-1", "/app/src", "src");
    end(running);
}

/// One save is one action, whichever way an editor does it; what changes nothing is none.
///
/// Truncate and write, a temporary file that is renamed, backup files, `sed -i`, `git checkout`; then
/// reads, `touch`, and the same bytes once more.
#[test]
fn one_save_is_one_action() {
    let Some(project) = Project::with(&sleeping("[{action: sync, path: ./src, target: /app/src}]"))
    else {
        return;
    };
    project.file("src/a.txt", "zero\n");
    project.file("src/b.txt", "b\n");
    let src = project.path().join("src");
    let file = src.join("a.txt");
    let running = watching(&project, &[]);
    let saved = |text: &str| {
        eventually(format!("{text} in the container"), || {
            let (code, found) = project.exec("web-1", &["cat", "/app/src/a.txt"]);
            (code == 0 && found.trim() == text).then_some(())
        });
    };
    let shell = |line: &str| {
        let status = Command::new("sh").args(["-ec", line]).current_dir(&src).status().unwrap();
        assert!(status.success(), "{line}");
    };
    fs::write(&file, "one\n").unwrap();
    saved("one");
    // As VS Code and many others.
    fs::write(src.join(".a.txt.tmp-123"), "two\n").unwrap();
    fs::rename(src.join(".a.txt.tmp-123"), &file).unwrap();
    saved("two");
    // As vim: the old one becomes a backup, the new one is written and synced, the backup goes.
    fs::write(src.join("4913"), "").unwrap();
    fs::remove_file(src.join("4913")).unwrap();
    fs::rename(&file, src.join("a.txt~")).unwrap();
    let mut written = fs::File::create(&file).unwrap();
    std::io::Write::write_all(&mut written, b"three\n").unwrap();
    written.sync_all().unwrap();
    drop(written);
    fs::remove_file(src.join("a.txt~")).unwrap();
    saved("three");
    shell("sed -i s/three/four/ a.txt");
    saved("four");
    shell("git init -q . && git add . && git -c user.name=n -c user.email=e commit -qm one");
    shell(
        "git checkout -qb other; echo five > a.txt; git -c user.name=n -c user.email=e commit -qam two",
    );
    saved("five");
    shell("git checkout -q -");
    saved("four");
    // None of these is a change.
    shell("cat a.txt b.txt > /dev/null; touch a.txt b.txt; chmod 644 a.txt; echo four > a.txt");
    fs::copy(src.join("b.txt"), src.join(".b.txt.new")).unwrap();
    fs::rename(src.join(".b.txt.new"), src.join("b.txt")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    fs::write(&file, "last\n").unwrap();
    saved("last");
    let done = actions(&end(running));
    assert_eq!(done, vec!["web  synced src/a.txt"; 7], "{done:#?}");
}

/// What rules leave out is not sent, and not watched; `--explain` says why.
#[test]
fn rules_leave_out() {
    let Some(project) = Project::new() else { return };
    project.compose(
        "
services:
  web:
    build: {context: ., dockerfile_inline: FROM busybox}
    init: true
    command: sleep 600
    develop:
      watch:
        - {action: sync, path: ., target: /app, ignore: [log/, '*.tmp'], include: [src, log, a.tmp, node_modules]}
",
    );
    project.file(".dockerignore", "# built elsewhere\nnode_modules\nsrc/*.o\n!src/keep.o\n");
    for file in ["src/a", "log/a", "node_modules/m/a", ".git/HEAD", "other/a"] {
        project.file(file, "0");
    }
    let running = watching(&project, &["--no-up"]);
    let explained = project.succeed(&[
        "watch",
        "--explain",
        "src/a.o",
        "--explain",
        "src/keep.o",
        "--explain",
        "log/x",
        "--explain",
        "other/a",
        "--explain",
        ".git/HEAD",
    ]);
    assert_eq!(
        explained.stdout,
        "src/a.o
  web  sync   left out by `src/*.o`, line 3 of .dockerignore
src/keep.o
  web  sync   taken, as /app/src/keep.o
log/x
  web  sync   left out by `log`, `ignore` of the rule
other/a
  web  sync   left out: no pattern of `include` matches
.git/HEAD
  web  sync   left out by `**/.git`, repositories of Git
"
    );
    end(running);
    let running = watching(&project, &["--quiet"]);
    for file in [
        "src/b",
        "src/a.o",
        "src/keep.o",
        "log/b",
        "node_modules/m/b",
        ".git/HEAD",
        "other/b",
        "a.tmp",
        "src/x~",
        "src/.x.swp",
    ] {
        project.file(file, "1");
    }
    eventually("the files".to_owned(), || running.stdout().contains("synced").then_some(()));
    project.file("src/last", "1");
    running.shows("src/last");
    end(running);
    let found = project.told("web-1", &["find", "/app"]);
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    assert_eq!(found, ["/app", "/app/src", "/app/src/b", "/app/src/keep.o", "/app/src/last"]);
    assert_eq!(project.run(&["watch", "--explain", "/etc/passwd"]).code, Some(1));
}

/// Rules that cannot work are refused with their places, before anything starts.
#[test]
fn bad_rules_are_refused() {
    let Some(project) = Project::new() else { return };
    project.file("src/a", "");
    fs::create_dir_all(project.path().join("ctx")).unwrap();
    let check = |rule: &str, build: &str, message: &str, column: u32| {
        project.compose(&format!("services:\n  web:\n    image: busybox\n{build}    develop:\n      watch:\n        - {rule}\n"));
        let stderr = project.fail(&["watch"]);
        let line = 6 + build.lines().count();
        assert!(stderr.contains(message), "{rule}: {stderr}");
        assert!(stderr.contains(&format!("compose.yaml:{line}:{column}")), "{rule}: {stderr}");
        assert_eq!(project.resources(), [""; 0]);
    };
    let build = "    build: {context: ctx, dockerfile_inline: FROM busybox}\n";
    check("{action: sync, path: ./src}", "", "the action `sync` needs a `target`", 20);
    check("{action: sync, path: ./no, target: /x}", "", "`[DIR]/no` cannot be watched", 32);
    check("{action: rebuild, path: ./src}", "", "`rebuild` needs a `build`", 20);
    check(
        "{action: rebuild, path: ./src}",
        build,
        "no build of this service reads `[DIR]/src`",
        35,
    );
    check("{action: sync+exec, path: ./src, target: /x}", "", "`sync+exec` needs an `exec`", 20);
    check(
        "{action: sync, path: ./src, target: /x, ignore: ['[']}",
        "",
        "`[` is not a valid pattern",
        60,
    );
    project.compose("services: {web: {image: busybox}}");
    let stderr = project.fail(&["watch"]);
    assert!(stderr.contains("none of the selected services is configured for watch"), "{stderr}");
    assert_eq!(project.resources(), [""; 0]);
    // Whether the target is a file is known where there is a container.
    project.compose(&sleeping("[{action: sync, path: ./src, target: /etc/passwd}]"));
    project.succeed(&["up", "-d"]);
    let stderr = project.fail(&["watch"]);
    assert!(stderr.contains("the target `/etc/passwd` is a file in [PROJECT]-web-1"), "{stderr}");
    assert!(stderr.contains("compose.yaml:7:"), "{stderr}");
    assert_eq!(project.fail(&["up", "--watch"]), stderr);
    // If the file goes, the folder would.
    project.compose(&sleeping("[{action: sync, path: ./src/a, target: /home}]"));
    let stderr = project.fail(&["watch", "--no-up"]);
    assert!(stderr.contains("the target `/home` is a folder in [PROJECT]-web-1"), "{stderr}");
}

/// `sync+restart`, `restart` and `sync+exec` do what they say once for each change, in all replicas.
#[test]
fn restarts_and_commands() {
    let Some(project) = Project::new() else { return };
    project.compose(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    scale: 2
    develop:
      watch:
        - {action: sync+restart, path: ./conf, target: /conf}
        - {action: restart, path: ./flag}
        - {action: sync+exec, path: ./css, target: /css, exec: {command: [sh, -c, 'echo $A $$(id -u) $$(pwd) $$(cat /css/a) >> /told; echo made'], user: '1000', working_dir: /tmp, environment: {A: b}}}
        - {action: sync+exec, path: ./bad, target: /bad, exec: {command: [sh, -c, 'echo why; exit 3']}}
".replace("$A", "$$A").as_str(),
    );
    for file in ["conf/a", "css/a", "bad/a", "flag"] {
        project.file(file, "0");
    }
    let running = watching(&project, &[]);
    for number in ["1", "2"] {
        project.told(&format!("web-{number}"), &["sh", "-c", "touch /told; chmod 666 /told"]);
    }
    let before = [project.instance("web-1"), project.instance("web-2")];
    project.file("css/a", "1");
    running.shows("web  ran sh -c");
    assert_eq!([project.instance("web-1"), project.instance("web-2")], before);
    for number in ["1", "2"] {
        assert_eq!(
            project.told(&format!("web-{number}"), &["cat", "/told"]).trim(),
            "b 1000 /tmp 1"
        );
    }
    assert!(
        running.stdout().contains("web-1 ->  | made\n")
            && running.stdout().contains("web-2 ->  | made\n")
    );
    project.file("conf/a", "1");
    running.shows("web  restarted");
    let after = [project.instance("web-1"), project.instance("web-2")];
    for number in 0..2 {
        assert_eq!(after[number].0, before[number].0);
        assert_ne!(after[number].1, before[number].1);
    }
    assert_eq!(project.told("web-2", &["cat", "/conf/a"]).trim(), "1");
    // A command that fails ends nothing.
    project.file("bad/a", "1");
    running.shows("cannot run sh -c echo why; exit 3: the hook exited with status 3");
    project.file("flag", "1");
    eventually("another restart".to_owned(), || {
        (running.stdout().matches("web  restarted").count() == 2).then_some(())
    });
    assert_ne!(project.instance("web-1").1, after[0].1);
    end(running);
}

/// A rebuild makes the image and the containers anew, keeps what was synced, and holds up no other
/// service; what is saved meanwhile is not lost, nor is a change of what is being built.
#[test]
fn rebuilds_hold_up_nobody() {
    let Some(project) = Project::new() else { return };
    project.compose(
        "
services:
  slow:
    build: {context: ctx, dockerfile_inline: \"FROM busybox\\nCOPY f /f\\nRUN sleep 2\\n\"}
    init: true
    command: sleep 600
    develop:
      watch:
        - {action: rebuild, path: ./ctx}
        - {action: sync, path: ./src, target: /src}
  quick:
    image: busybox
    init: true
    command: sleep 600
    develop: {watch: [{action: sync, path: ./src, target: /src}]}
  follows:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {slow: {condition: service_started, restart: true}}
  apart:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [slow]
",
    );
    project.file("ctx/f", "1");
    project.file("src/a", "1");
    let running = watching(&project, &["--quiet"]);
    let before = ["slow-1", "quick-1", "follows-1", "apart-1"].map(|it| project.instance(it));
    let old = project.inspect("slow-1")["Image"].as_str().unwrap().to_owned();
    project.file("ctx/f", "2");
    running.shows("slow  rebuilding");
    project.file("src/a", "2");
    running.shows("quick  synced src/a");
    assert!(!running.stdout().contains("slow  rebuilt"), "{}", running.stdout());
    assert_eq!(project.told("quick-1", &["cat", "/src/a"]).trim(), "2");
    running.shows("slow  rebuilt");
    // The new container has what was saved while it was made.
    eventually("what was saved".to_owned(), || {
        let (_, found) = project.exec("slow-1", &["cat", "/src/a", "/f"]);
        (found.split_whitespace().collect::<String>() == "22").then_some(())
    });
    let after = ["slow-1", "quick-1", "follows-1", "apart-1"].map(|it| project.instance(it));
    assert_ne!(after[0].0, before[0].0);
    assert_eq!(after[1], before[1]);
    assert_eq!(after[2].0, before[2].0);
    assert_ne!(after[2].1, before[2].1, "it restarts with the other");
    assert_eq!(after[3], before[3]);
    let (status, _) = project.engine.request("GET", &format!("/images/{old}/json"), "");
    assert_eq!(status, 404, "the image that nothing stands for any more is removed");
    // It goes on with the new container, and a build that fails ends nothing.
    project.file("src/a", "3");
    eventually("what was saved".to_owned(), || {
        (project.exec("slow-1", &["cat", "/src/a"]).1.trim() == "3").then_some(())
    });
    fs::remove_file(project.path().join("ctx/f")).unwrap();
    running.shows("slow  cannot be built");
    project.file("ctx/f", "4");
    eventually("another rebuild".to_owned(), || {
        (running.stdout().matches("slow  rebuilt").count() == 2).then_some(())
    });
    assert_eq!(project.told("slow-1", &["cat", "/f"]).trim(), "4");
    end(running);
}

/// Whoever restarts, kills, removes or makes containers: in the end they have all that was saved.
#[test]
fn containers_that_come_and_go() {
    for (project, way) in both_ways() {
        come_and_go(&project, way);
    }
}

fn come_and_go(project: &Project, way: Way) {
    // What is in memory, Docker itself cannot reach; it is gone with the process.
    let is_reached = way == Way::Root && rustix::process::geteuid().is_root();
    let memory = if project.engine.podman || is_reached { "/mem" } else { "/disk" };
    let rules = format!(
        "[{{action: sync, path: ./src, target: /src}}, {{action: sync, path: ./mem, target: {memory}/x}}]"
    );
    project.compose(&sleeping(&rules).replace("init: true", "init: true\n    tmpfs: /mem"));
    for file in ["src/a", "src/gone", "mem/a"] {
        project.file(file, "0");
    }
    let running = watching(project, &[]);
    project.file("src/a", "1");
    project.file("src/new", "1");
    project.file("mem/a", "1");
    fs::remove_file(project.path().join("src/gone")).unwrap();
    let has = |container: &str, text: &str| {
        eventually(format!("{text} in {container}"), || {
            let line = format!("cat /src/a /src/new {memory}/x/a; echo; ls /src");
            let command = ["sh", "-c", &line];
            let (_, found) = project.exec(container, &command);
            let found: Vec<&str> = found.split_whitespace().collect();
            (found.join(" ") == text).then_some(())
        });
    };
    has("web-1", "111 a new");
    let id = project.full("web-1");
    project.engine.post(&format!("/containers/{id}/restart?t=0"), &Value::Null);
    has("web-1", "111 a new");
    project.engine.post(&format!("/containers/{id}/kill"), &Value::Null);
    eventually("its end".to_owned(), || (project.status("web-1") == "exited").then_some(()));
    project.file("src/a", "2");
    project.engine.post(&format!("/containers/{id}/start"), &Value::Null);
    has("web-1", "211 a new");
    project.succeed(&["up", "-d", "--force-recreate", "-t", "0"]);
    has("web-1", "211 a new");
    running.shows("a new container: synced");
    project.succeed(&["up", "-d", "--scale", "web=2"]);
    has("web-2", "211 a new");
    // Without any container, it is kept for the next one.
    project.succeed(&["down", "-t", "0"]);
    project.file("src/new", "3");
    running.shows("to be synced: src/new once there is a container");
    project.succeed(&["up", "-d"]);
    has("web-1", "231 a new");
    end(running);
}

/// A second watch is refused with the process that has the first; the next one is not.
#[test]
fn one_watch_at_a_time() {
    let Some(project) = Project::with(&sleeping("[{action: sync, path: ./src, target: /src}]"))
    else {
        return;
    };
    project.file("src/a", "0");
    let running = watching(&project, &[]);
    let lock = project.path().join(format!(".docker/docker-compose/{}.pid", project.name));
    let id = fs::read_to_string(&lock).unwrap();
    let stderr = project.fail(&["watch"]);
    let want = format!(
        "error: cannot take exclusive lock for project \"[PROJECT]\": process with PID {id} is still running\n"
    );
    assert_eq!(stderr, want);
    let stderr = project.fail(&["up", "--watch"]);
    assert_eq!(stderr, want);
    running.signal("KILL");
    drop(running);
    // What it has left says of a process that has ended.
    assert!(lock.exists());
    end(watching(&project, &["--no-up"]));
    assert!(!lock.exists());
    // That of the other tool is respected.
    fs::write(&lock, "1").unwrap();
    let stderr = project.fail(&["watch"]);
    assert!(stderr.contains("process with PID 1 is still running"), "{stderr}");
}

/// A service that Docker Compose has started is watched as well.
#[test]
fn what_others_have_started_is_watched() {
    let Some(project) = Project::with(&sleeping("[{action: sync, path: ./src, target: /src}]"))
    else {
        return;
    };
    project.file("src/a", "0");
    let Some(peer) = crate::peer::peer() else { return };
    crate::peer::succeed(&peer, &project, &["up", "-d"]);
    let before = project.instance("web-1");
    let running = watching(&project, &["--no-up"]);
    project.file("src/a", "1");
    running.shows("web  synced src/a");
    assert_eq!(project.told("web-1", &["cat", "/src/a"]).trim(), "1");
    assert_eq!(project.instance("web-1"), before);
    end(running);
}

/// Links that a container plants lead nothing out of it, and removals nowhere but below the target.
#[test]
fn links_in_containers_lead_nowhere() {
    for (project, way) in both_ways() {
        project.compose(&sleeping("[{action: sync, path: ./src, target: /app/src}]"));
        lead_nowhere(&project, way);
    }
}

fn lead_nowhere(project: &Project, way: Way) {
    project.file("src/out/a", "0");
    project.file("src/keep", "0");
    project.file("host/victim", "precious");
    let host = project.path().join("host");
    let running = watching(project, &[]);
    project.told("web-1", &["sh", "-c", &format!("mkdir -p /app/src /etc/x; echo kept > /etc/x/a; ln -s /etc/x /app/src/out; ln -s {} /app/src/host", host.display())]);
    // Through a link that leads out of the target nothing is removed.
    fs::remove_file(project.path().join("src/out/a")).unwrap();
    eventually("the removal".to_owned(), || running.stdout().contains("src/out/a").then_some(()));
    project.file("src/host/victim", "overwritten");
    running.shows("src/host");
    fs::remove_dir_all(project.path().join("src/host")).unwrap();
    running.shows("removed src/host");
    assert_eq!(fs::read_to_string(host.join("victim")).unwrap(), "precious");
    // A program in the image follows links within it.
    if way == Way::Root {
        assert_eq!(project.told("web-1", &["cat", "/etc/x/a"]).trim(), "kept");
    }
    end(running);
}

/// What machines read: the lines of a watch as JSON, as the schema says.
#[test]
fn a_watch_is_told_to_machines() {
    let Some(project) = Project::with(&sleeping("[{action: sync, path: ./src, target: /src}]"))
    else {
        return;
    };
    project.file("src/a", "0");
    let running = watching(&project, &["--no-up"]);
    end(running);
    let running = project.start(&["--progress", "json", "watch"]);
    running.shows("Watch enabled");
    project.file("src/a", "1");
    running.shows("\"watch\"");
    running.signal("TERM");
    let output = running.finish();
    assert_eq!(output.code, Some(130));
    let events = output.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let watched: Vec<Value> = events.filter(|event| event["kind"] == "watch").collect();
    assert_eq!(watched.len(), 1, "{watched:?}");
    assert_eq!(crate::schema::kind_of(&watched[0]), "watch");
    let mut event = watched[0].clone();
    event["seconds"].take();
    let want = json!({"id": "Service web", "kind": "watch", "name": "web", "action": "sync", "status": "Done", "text": "synced src/a", "seconds": null});
    assert_eq!(event, want);
}

/// `up --watch` shows what containers write, and what the watch does between that; the session outlives
/// containers that are replaced, and ends as without a watch.
#[test]
fn a_session_watches() {
    let Some(project) = Project::new() else { return };
    project.compose(
        "
services:
  web:
    build: {context: ctx, dockerfile_inline: \"FROM busybox\\nCOPY f /f\\nCMD echo begun $$(cat /f); exec sleep 600\\n\"}
    init: true
    develop:
      watch:
        - {action: rebuild, path: ./ctx}
        - {action: sync+restart, path: ./conf, target: /conf}
        - {action: sync, path: ./src, target: /src}
",
    );
    for file in ["ctx/f", "conf/a", "src/a"] {
        project.file(file, "1");
    }
    let running = project.start(&["up", "--watch", "--abort-on-container-exit"]);
    running.shows("web-1  | begun 1\n");
    running.shows("\u{29bf} Watch enabled\n");
    project.file("src/a", "2");
    running.shows("\u{29bf} web  synced src/a");
    project.file("conf/a", "2");
    running.shows("\u{29bf} web  restarted");
    eventually("its output".to_owned(), || {
        (running.stdout().matches("web-1  | begun 1\n").count() == 2).then_some(())
    });
    project.file("ctx/f", "3");
    running.shows("\u{29bf} web  rebuilt");
    running.shows("web-1  | begun 3\n");
    project.file("src/a", "4");
    eventually("what was saved".to_owned(), || {
        (project.exec("web-1", &["cat", "/src/a"]).1 == "4").then_some(())
    });
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("\u{29bf} Watch disabled\n"), "{}", output.stdout);
    assert_eq!(project.status("web-1"), "exited");
    // What has ended by itself ends the session all the same.
    let running = project.start(&["up", "--watch", "--abort-on-container-exit"]);
    running.shows("Watch enabled");
    let id = project.full("web-1");
    project.engine.post(&format!("/containers/{id}/kill"), &Value::Null);
    assert_eq!(running.finish().code, Some(137));
    // Without rules, nothing is begun.
    project.succeed(&["down", "-t", "0"]);
    project.compose("services: {web: {image: busybox}}");
    let stderr = project.fail(&["up", "--watch"]);
    assert!(stderr.contains("none of the selected services is configured for watch"), "{stderr}");
    assert_eq!(project.resources(), [""; 0]);
}

/// On a terminal, keys turn the watch on and off, and leave the containers to themselves.
#[test]
fn keys_are_offered_on_a_terminal() {
    let Some(project) = Project::new() else { return };
    project.compose(&sleeping("[{action: sync, path: ./src, target: /src}]"));
    project.file("src/a", "1");
    let program = env!("CARGO_BIN_EXE_rcompose");
    let line = format!("stty rows 24 cols 80; {program} up; echo code $?; stty -a");
    let mut command = Command::new("script");
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    let (reader, mut keys) = std::io::pipe().unwrap();
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path());
    command.env("DOCKER_HOST", &project.engine.address).env("HOME", project.path());
    let running = Running::start_with(&project, command, reader.into());
    running.shows("Enable Watch");
    let mut press = |key: &[u8]| std::io::Write::write_all(&mut keys, key).unwrap();
    press(b"w");
    running.shows("Watch enabled");
    running.shows("Disable Watch");
    project.file("src/a", "2");
    running.shows("synced src/a");
    assert_eq!(project.told("web-1", &["cat", "/src/a"]), "2");
    press(b"w");
    running.shows("Watch disabled");
    project.file("src/a", "3");
    press(b"xd");
    let output = running.finish();
    assert!(output.stdout.contains("code 0"), "{}", output.stdout);
    // The terminal is as it was.
    let settings = output.stdout.rsplit("code 0").next().unwrap();
    assert!(settings.contains(" icanon") && settings.contains(" echo "), "{settings}");
    assert_eq!(project.status("web-1"), "running");
    assert_eq!(project.told("web-1", &["cat", "/src/a"]), "2");
    // Why there is nothing to watch is told, and the containers go on.
    project.compose(&sleeping("[{action: sync, path: ./none, target: /src}]"));
    let (reader, mut keys) = std::io::pipe().unwrap();
    let mut command = Command::new("script");
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path());
    command.env("DOCKER_HOST", &project.engine.address).env("HOME", project.path());
    let running = Running::start_with(&project, command, reader.into());
    running.shows("Enable Watch");
    std::io::Write::write_all(&mut keys, b"w").unwrap();
    running.shows("/none` cannot be watched");
    std::io::Write::write_all(&mut keys, b"d").unwrap();
    assert!(running.finish().stdout.contains("code 0"));
}

/// The example that the README shows: a page, a setting and the Dockerfile are changed.
#[test]
fn the_example_works() {
    let Some(project) = Project::new() else { return };
    if !crate::examples::has(project.engine, "watch", &["busybox:1.37"]) {
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/watch");
    for file in
        ["compose.yaml", "Dockerfile", "httpd.conf", "site/index.html", "site/drafts/next.html"]
    {
        project.file(file, &fs::read_to_string(example.join(file)).unwrap());
    }
    // Scenarios run at the same time.
    let compose = fs::read_to_string(example.join("compose.yaml")).unwrap();
    project.compose(&compose.replace("127.0.0.1:${PORT:-8080}:80", "80"));
    let page = |path: &str| {
        let address = format!("http://127.0.0.1/{path}");
        project.exec("web-1", &["wget", "-q", "-O", "-", &address]).1
    };
    let served = |path: &str, text: &str| {
        eventually(format!("{text} from {path}"), || (page(path).trim() == text).then_some(()));
    };
    let running = project.start(&["up", "--watch"]);
    running.shows("Watch enabled");
    served("index.html", "<h1>Hello</h1>");
    project.file("site/index.html", "<h1>Goodbye</h1>");
    project.file("site/drafts/next.html", "still not");
    running.shows("web  synced site/index.html");
    served("index.html", "<h1>Goodbye</h1>");
    served("drafts/next.html", "not yet");
    project.file("httpd.conf", "I:start.html\n");
    project.file("site/start.html", "<h1>Start</h1>");
    running.shows("web  restarted");
    served("", "<h1>Start</h1>");
    let dockerfile = fs::read_to_string(example.join("Dockerfile")).unwrap();
    project.file("Dockerfile", &dockerfile.replace("CMD", "RUN echo built > /srv/site/built\nCMD"));
    running.shows("web  rebuilt");
    served("built", "built");
    served("index.html", "<h1>Goodbye</h1>");
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
}

/// More happens than the system tells of: nothing is lost, and a line says so.
#[test]
fn lost_events_lose_nothing() {
    let Some(project) = Project::with(&sleeping(
        "[{action: sync, path: ./src, target: /app/src, initial_sync: true}]",
    )) else {
        return;
    };
    for number in 0..50 {
        project.file(&format!("src/{number}/old"), "old");
    }
    let running = watching(&project, &[]);
    // While it stands still, the queue of the system runs full: it holds some 16,000 events.
    running.signal("STOP");
    for number in 0..9000 {
        project.file(&format!("src/{}/n{number}", number % 50), "new");
    }
    for number in 0..50 {
        fs::remove_file(project.path().join(format!("src/{number}/old"))).unwrap();
    }
    project.file("src/0/n0", "changed");
    running.signal("CONT");
    running.shows("more happened to files than the system tells of");
    becomes_equal(&project, "web-1", "/app/src", "src");
    project.file("src/later", "1");
    running.shows("src/later");
    end(running);
}

/// Where the system allows no more watches, all is looked at again and again, and a line says what to do.
#[test]
fn a_limit_of_watches_loses_nothing() {
    let Some(project) = Project::with(&sleeping(
        "[{action: sync, path: ./src, target: /app/src, initial_sync: true}]",
    )) else {
        return;
    };
    for number in 0..20 {
        project.file(&format!("src/{number}/a"), "1");
    }
    project.succeed(&["up", "-d"]);
    // In a namespace of our own, the limit is ours.
    let line = format!(
        "echo 9 > /proc/sys/user/max_inotify_watches && exec {} watch --no-up",
        env!("CARGO_BIN_EXE_rcompose")
    );
    let mut command = Command::new("unshare");
    command.env("HOME", project.path()).args(["-Ur", "sh", "-c", &line]);
    let running = project.spawn(command, &[]);
    eventually("the watch".to_owned(), || {
        (running.has_ended() || running.stdout().contains("Watch enabled")).then_some(())
    });
    if running.stderr().contains("unshare") {
        crate::engine::say("a_limit_of_watches_loses_nothing is left out: there are no namespaces");
        return;
    }
    running.shows("raise the limit: sysctl fs.inotify.max_user_watches");
    for number in 0..20 {
        project.file(&format!("src/{number}/a"), "2");
    }
    fs::remove_dir_all(project.path().join("src/7")).unwrap();
    project.file("src/new/b", "1");
    becomes_equal(&project, "web-1", "/app/src", "src");
    end(running);
}

/// The engine goes away in the middle of a transfer, and comes back: all is there then.
#[test]
fn an_engine_that_goes_loses_nothing() {
    let Some(mut project) = Project::with(&sleeping(
        "[{action: sync, path: ./src, target: /app/src, initial_sync: true}]",
    )) else {
        return;
    };
    project.set("RCOMPOSE_SYNC", "engine");
    project.file("src/a", "1");
    project.file("src/gone", "1");
    let proxy = Proxy::new(project.engine);
    let running = project.start_at(&proxy.address, &["watch"]);
    running.shows("Watch enabled");
    // The transfer is under way when all breaks off.
    proxy.stop_at(1);
    project.file("src/a", "2");
    assert!(proxy.stands_still(|| running.has_ended()));
    proxy.cut();
    project.file("src/b", "2");
    fs::remove_file(project.path().join("src/gone")).unwrap();
    running.shows("web  cannot be synced");
    proxy.comes_back();
    running.shows("the engine was gone for a while");
    becomes_equal(&project, "web-1", "/app/src", "src");
    project.file("src/later", "1");
    running.shows("web  synced src/later");
    end(running);
}

/// What is synced belongs to whom it does with Docker Compose: to the container's user if it has one, else
/// to whom it belongs here. Permissions are kept to the last bit.
#[test]
fn owners_and_permissions() {
    for (project, _) in both_ways() {
        keeps_owners(&project);
    }
}

fn keeps_owners(project: &Project) {
    let service = |name: &str, user: &str| {
        let rule = "{action: sync, path: ./src, target: /t}";
        format!(
            "  {name}: {{image: busybox, init: true, command: sleep 600, {user} develop: {{watch: [{rule}]}}}}\n"
        )
    };
    let users =
        [("some", "'1000:1001'"), ("number", "'4321'"), ("named", "nobody"), ("root", "root")];
    let some = users.map(|(name, user)| service(name, &format!("user: {user},"))).concat();
    project.compose(&format!("services:\n{some}{}", service("none", "")));
    project.file("src/a", "1");
    let src = project.path().join("src");
    let running = watching(project, &[]);
    project.file("made/f", "x");
    project.file("made/d/g", "x");
    for (path, mode) in [("made/f", 0o4751), ("made/d/g", 0o600), ("made/d", 0o2770)] {
        let path = project.path().join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        // Who is not root can give nothing away.
        let _ = std::os::unix::fs::chown(&path, Some(1234), Some(2345));
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let made = fs::metadata(project.path().join("made/f")).unwrap();
    let host = {
        use std::os::unix::fs::MetadataExt as _;
        format!("{}:{}", made.uid(), made.gid())
    };
    for name in ["f", "d"] {
        fs::rename(project.path().join("made").join(name), src.join(name)).unwrap();
    }
    for (name, _) in users {
        running.shows(&format!("{name}  synced"));
    }
    // Where nobody is named, Podman takes the superuser for the user.
    let none = if project.engine.podman { "0:0" } else { &*host };
    for (service, owner) in [
        ("some-1", "1000:1001"),
        ("number-1", "4321:0"),
        ("named-1", "65534:65534"),
        ("root-1", "0:0"),
        ("none-1", none),
    ] {
        let want = format!("4751 {owner} /t/f\n2770 {owner} /t/d\n600 {owner} /t/d/g");
        eventually(format!("{want} in {service}"), || {
            let command = ["stat", "-c", "%a %u:%g %n", "/t/f", "/t/d", "/t/d/g"];
            let (_, found) = project.exec(service, &command);
            (found.trim() == want).then_some(())
        });
    }
    end(running);
}

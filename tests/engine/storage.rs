//! Volumes, binds and memory: what containers keep, and for how long.

use crate::project::Project;

/// Data in a named volume lives until it is asked to go.
///
/// `up`, a file written, `down`, `up`, `down -v`. The file survives the first `down`, and the volume
/// does not survive the second.
#[test]
fn a_named_volume_outlives_down() {
    let Some(project) = Project::with(
        "
services:
  web: {image: busybox, init: true, command: sleep 600, volumes: [data:/data]}
volumes: {data: {}}
",
    ) else {
        return;
    };
    project.succeed(&["up", "-d"]);
    project.told("web-1", &["sh", "-c", "echo precious > /data/file"]);
    project.succeed(&["down"]);
    assert_eq!(project.resources(), ["volume [PROJECT]_data"]);
    project.succeed(&["up", "-d"]);
    assert_eq!(project.told("web-1", &["cat", "/data/file"]), "precious\n");
    project.succeed(&["down", "-v"]);
    assert_eq!(project.resources(), [""; 0]);
}

/// Folders of the host and memory are mounted where the file says.
///
/// `up` of a service with binds, one of a folder that is not there, and with memory in both
/// notations. The folder is made, files are seen on both sides, read-only is kept, memory is memory.
#[test]
fn binds_and_memory() {
    let Some(project) = Project::with(
        "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    volumes:
      - ./not/there:/made
      - ./here:/here:ro
      - {type: bind, source: ./here/file, target: /one, read_only: true}
      - {type: tmpfs, target: /memory, tmpfs: {size: 1m}}
    tmpfs: [/scratch]
",
    ) else {
        return;
    };
    project.file("here/file", "from the host\n");
    project.succeed(&["up", "-d"]);
    project.told("web-1", &["sh", "-c", "echo out > /made/file; echo in > /scratch/file"]);
    let made = std::fs::read_to_string(project.path().join("not/there/file")).unwrap();
    assert_eq!(made, "out\n");
    for path in ["/here/file", "/one"] {
        assert_eq!(project.told("web-1", &["cat", path]), "from the host\n");
    }
    let (code, _) = project.exec("web-1", &["touch", "/here/other"]);
    assert_ne!(code, 0);
    let mounts = project.told("web-1", &["cat", "/proc/mounts"]);
    for target in ["/memory", "/scratch"] {
        assert!(mounts.contains(&format!("tmpfs {target} tmpfs ")), "{mounts}");
    }
    let memory = mounts.lines().find(|line| line.contains(" /memory ")).unwrap();
    assert!(memory.contains("size=1024k"), "{memory}");
}

/// A container that is replaced passes on its anonymous volumes, unless new ones are asked for.
///
/// `up`, a file written, `up` with a changed file, then `up -V`. The volume is the same after the
/// first, and a new one after the second; `down -v` removes the one in use.
#[test]
fn anonymous_volumes_are_passed_on() {
    let compose = |mode: &str| {
        format!(
            "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {{MODE: {mode}}}
    volumes: [/data]
"
        )
    };
    let Some(project) = Project::with(&compose("one")) else { return };
    let volume = || project.anonymous_volumes().remove(0);
    project.succeed(&["up", "-d"]);
    let first = volume();
    project.told("web-1", &["sh", "-c", "echo passed on > /data/file"]);

    let old = project.instance("web-1");
    project.compose(&compose("two"));
    project.succeed(&["up", "-d"]);
    assert_ne!(project.instance("web-1"), old);
    assert_eq!(volume(), first);
    assert_eq!(project.told("web-1", &["cat", "/data/file"]), "passed on\n");

    project.succeed(&["up", "-d", "-V"]);
    let second = volume();
    assert_ne!(second, first);
    project.succeed(&["down", "-v"]);
    let there = |name: &str| project.engine.request("GET", &format!("/volumes/{name}"), "").0;
    assert_eq!(there(&second), 404);
    // Nobody knows whose it was: it stays, as it does with Docker Compose.
    assert_eq!(there(&first), 200);
    project.engine.request("DELETE", &format!("/volumes/{first}"), "");
}

//! Disks that are full: one message that says which, with what to do about it.

use std::fs::File;

use crate::sandbox::Sandbox;

fn sandbox() -> Sandbox {
    Sandbox::with("services: {a: {image: i}}")
}

/// What is said when standard output goes to a full disk.
#[track_caller]
fn without_room(args: &[&str]) -> String {
    let sandbox = sandbox();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = sandbox.command(args).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn files_that_are_asked_for() {
    let told = sandbox().run(&["config", "-o", "/dev/full"]).failed();
    insta::assert_snapshot!(told, @r"
    error: cannot write `/dev/full`: No space left on device (os error 28)
     |
     = help: free some space on that disk, or name another place
    ");
}

#[test]
fn standard_output() {
    for args in [&["config"][..], &["config", "--services"], &["version"], &["--help"], &[]] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(without_room(args), @r"
            error: cannot write the output: No space left on device (os error 28)
             |
             = help: free some space on that disk, or let the output go elsewhere
            ");
        }
    }
}

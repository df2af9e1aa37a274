//! Lock files, as far as nobody has to be asked: what is stale, and what cannot be locked.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn lock(names: &[&str]) -> String {
    let lines: String = names.iter().map(|name| format!("  {name}: {DIGEST}\n")).collect();
    format!("version: 1\nimages:\n{lines}")
}

const STACK: &str = "
services:
  web: {image: 'web:1'}
  built: {build: {context: ., args: {VERSION: '2'}}}
  off: {image: off, profiles: [x]}
";
const DOCKERFILE: &str = "\
# syntax=docker/dockerfile:1
ARG VERSION=1
FROM base:$VERSION AS first
FROM scratch
COPY --from=first /a /a
COPY --from=tool:3 /b /b
";
const ALL: [&str; 5] = ["base:2", "docker/dockerfile:1", "off:latest", "tool:3", "web:1"];

#[test]
fn a_lock_that_has_all_is_fine() {
    let sandbox = Sandbox::with(STACK).file("Dockerfile", DOCKERFILE);
    let sandbox = sandbox.file("compose.lock.yaml", lock(&ALL));
    assert_eq!(sandbox.run(&["lock", "--check"]).quiet(), "");
    // What is exact already needs no lock, and neither does nothing.
    let exact = Sandbox::with(&format!("services: {{a: {{image: 'a@{DIGEST}'}}}}"));
    let exact = exact.file("compose.lock.yaml", "version: 1\nimages: {}\n");
    assert_eq!(exact.run(&["lock", "--check"]).quiet(), "");
}

#[test]
fn what_is_stale_is_named_with_its_place() {
    let sandbox = Sandbox::with(STACK).file("Dockerfile", DOCKERFILE);
    assert_snapshot!(sandbox.run(&["lock", "--check"]).failed(), @"
    error: there is no lock file `compose.lock.yaml`
     |
     = help: make it with `rcompose lock`
    ");
    let names = ["base:1", "docker/dockerfile:1", "off:latest", "tool:3"];
    let sandbox = sandbox.file("compose.lock.yaml", lock(&names));
    assert_snapshot!(sandbox.run(&["lock", "--check"]).failed(), @"
    error: `web:1` is not in the lock file
     --> compose.yaml:3:16
      |
    3 |   web: {image: 'web:1'}
      |                ^^^^^^^
      |
      = help: run `rcompose lock`
    error: nothing uses `base:1` any more
     --> compose.lock.yaml:3:3
      |
    3 |   base:1: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      |   ^^^^^^
      |
      = help: run `rcompose lock`
    error: `base:2` is not in the lock file
     --> Dockerfile:3:6
      |
    3 | FROM base:$VERSION AS first
      |      ^^^^^^^^^^^^^
      |
      = note: `Dockerfile` is built at compose.yaml:4:18
      = help: run `rcompose lock`
    ");
    // Images of services that are off do not matter to those that run.
    assert_snapshot!(sandbox.run(&["create", "--locked", "built"]).failed(), @"
    error: `base:2` is not in the lock file
     --> Dockerfile:3:6
      |
    3 | FROM base:$VERSION AS first
      |      ^^^^^^^^^^^^^
      |
      = note: `Dockerfile` is built at compose.yaml:4:18
      = help: run `rcompose lock`
    ");
}

#[test]
fn what_cannot_be_locked_is_told() {
    let sandbox = Sandbox::with(
        "services: {a: {build: {context: ., dockerfile_inline: 'FROM a:$$X'}}, \
         b: {build: 'https://h.example/x.git'}, c: {build: nowhere}, d: {build: .}}",
    );
    let sandbox = sandbox.file("Dockerfile", "FROM Upper\n");
    let sandbox = sandbox.file("compose.lock.yaml", lock(&[]));
    let output = sandbox.run(&["lock", "--check"]);
    assert_snapshot!(output, @"
    code: 0
    --- stderr
    warning: what `a:$X` stands for depends on the build (compose.yaml:1:55)
     |
     = note: without a value: `X`
     = help: give the `ARG` a default, or set it in `build.args`
    warning: what is built from `https://h.example/x.git` cannot be locked (compose.yaml:1:82)
     |
     = help: build it from a local folder
    warning: cannot read `[DIR]/nowhere/Dockerfile`: No such file or directory (os error 2) (compose.yaml:1:121)
    warning: `Upper` is no reference of an image: a repository must be lowercase (Dockerfile:1:6)
    ");
    assert_snapshot!(sandbox.run(&["create", "--locked"]).failed(), @"
    error: what `a:$X` stands for depends on the build
     --> compose.yaml:1:55
      |
    1 | services: {a: {build: {context: ., dockerfile_inline: 'FROM a:$$X'}}, b: {build: 'https://h.example/x.git'}, c: {build: nowhere}, d: ...
      |                                                       ^^^^^^^^^^^^
      |
      = note: without a value: `X`
      = help: give the `ARG` a default, or set it in `build.args`
    error: what is built from `https://h.example/x.git` cannot be locked
     --> compose.yaml:1:82
      |
    1 | services: {a: {build: {context: ., dockerfile_inline: 'FROM a:$$X'}}, b: {build: 'https://h.example/x.git'}, c: {build: nowhere}, d: ...
      |                                                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: build it from a local folder
    error: cannot read `[DIR]/nowhere/Dockerfile`: No such file or directory (os error 2)
     --> compose.yaml:1:121
      |
    1 | services: {a: {build: {context: ., dockerfile_inline: 'FROM a:$$X'}}, b: {build: 'https://h.example/x.git'}, c: {build: nowhere}, d: ...
      |                                                                                                                         ^^^^^^^
    error: `Upper` is no reference of an image: a repository must be lowercase
     --> Dockerfile:1:6
      |
    1 | FROM Upper
      |      ^^^^^
      |
      = note: `Dockerfile` is built at compose.yaml:1:142
    ");
    let broken = Sandbox::with(STACK).file("compose.lock.yaml", "version: 7\n");
    assert_snapshot!(broken.run(&["lock", "--check"]).failed(), @"
    error: a lock file has `version: 1`
     --> compose.lock.yaml:1:10
      |
    1 | version: 7
      |          ^
      |
      = help: use the rcompose that made it, or delete it
    ");
}

#[test]
fn flags_of_lock() {
    let sandbox = Sandbox::with(STACK).file("Dockerfile", DOCKERFILE);
    assert_snapshot!(sandbox.run(&["lock", "web"]).failed(), @"
    error: the following required arguments were not provided:
      --upgrade

    Usage: rcompose lock --upgrade <SERVICES>...

    For more information, try '--help'.
    ");
    assert_snapshot!(sandbox.run(&["lock", "--upgrade", "wev"]).failed(), @"error: no such service: wev (did you mean `web`?)");
    assert_eq!(sandbox.run(&["lock", "--check", "--upgrade"]).code, Some(1));
}

#[test]
fn what_is_built_for_others_is_held_to_the_lock_too() {
    let sandbox = Sandbox::with(
        "
services:
  web: {build: {dockerfile_inline: FROM base, additional_contexts: {base: 'service:base'}}}
  base: {build: {dockerfile_inline: 'FROM tool:3'}}
",
    );
    let sandbox = sandbox.file("compose.lock.yaml", lock(&["tool:3"]));
    let printed = sandbox.run(&["build", "--locked", "--print", "web"]).quiet();
    assert!(printed.contains(&format!("FROM tool@{DIGEST}")), "{printed}");
    let sandbox = sandbox.file("compose.lock.yaml", lock(&["other:3"]));
    assert_snapshot!(sandbox.run(&["build", "--locked", "--print", "web"]).failed(), @"
    error: `tool:3` is not in the lock file
     --> compose.yaml:4:37
      |
    4 |   base: {build: {dockerfile_inline: 'FROM tool:3'}}
      |                                     ^^^^^^^^^^^^^
      |
      = help: run `rcompose lock`
    ");
}

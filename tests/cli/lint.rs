//! `lint`: findings with their places, in every format; exit codes; silence.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

const COMPOSE: &str = "\
services:
  web:
    build: ./web
    depends_on: [db]
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: hunter2
";

const DOCKERFILE: &str = "\
FROM node:22
WORKDIR /app
COPY . .
RUN npm ci
USER node
CMD node server.js
";

fn project() -> Sandbox {
    Sandbox::with(COMPOSE).file("web/Dockerfile", DOCKERFILE).file("web/server.js", "x")
}

/// The rules that are broken, each with its line.
fn rules(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let args = [&["lint", "--format", "json"], args].concat();
    let output = sandbox.run(&args);
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        format!(
            "{}:{} {}",
            row["file"].as_str().unwrap(),
            row["line"],
            row["rule"].as_str().unwrap()
        )
    };
    output.stdout.lines().map(row).collect()
}

#[test]
fn findings_with_place_reason_and_fix() {
    let output = project().run(&["lint"]);
    assert_snapshot!(output, @r#"
    code: 0
    --- stdout
    warning[unready-dependency]: `web` does not wait until the database `db` takes requests
     --> compose.yaml:4:18
      |
    4 |     depends_on: [db]
      |                  ^^
    5 |   db:
      |   -- this has no `healthcheck`
      |
      = note: a container that has started takes no requests yet: a database prepares its files first, which takes seconds. Those that ask too early fail, sometimes.
      = help: give `db` a `healthcheck`, such as `test: [CMD-SHELL, 'pg_isready -h 127.0.0.1']`, and write `db: {condition: service_healthy}` in `depends_on`
    warning[secret-in-environment]: the secret `POSTGRES_PASSWORD` stands in the file
     --> compose.yaml:8:26
      |
    8 |       POSTGRES_PASSWORD: hunter2
      |                          ^^^^^^^
      |
      = note: the file is shared and kept for ever in version control, and whoever may look at the container sees its environment.
      = help: take it from a variable that must be set, `${POSTGRES_PASSWORD:?}`, or from `secrets`
    warning[copy-before-install]: all files are copied before dependencies are installed
     --> web/Dockerfile:3:1
      |
    3 | COPY . .
      | ^^^^^^^^
    4 | RUN npm ci
      |     ------ this runs again after every change
      |
      = note: a step is cached until something before it changes. With all sources before it, the install runs again after every change of any file.
      = help: copy `package.json` and `package-lock.json` first, install, then copy the rest
    warning[shell-form]: this `CMD` runs in a shell, which passes no signals on
     --> web/Dockerfile:6:5
      |
    6 | CMD node server.js
      |     ^^^^^^^^^^^^^^
      |
      = note: the shell is the first process and passes no signals on, so the program is killed after the grace period instead of stopping.
      = help: write it as a list: `CMD ["node", "server.js"]`
    --- stderr
    4 warnings
    "#);
}

#[test]
fn nothing_to_flag() {
    let output = Sandbox::with("services: {a: {image: 'a:1'}}").run(&["lint"]);
    assert_snapshot!(output, @"
    code: 0
    --- stderr
    nothing to flag
    ");
}

#[test]
fn exit_codes() {
    let sandbox = Sandbox::with("services:\n  a:\n    image: a\n");
    let code = |args: &[&str]| sandbox.run(&[&["lint"], args].concat()).code;
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--fail-on", "warning"]), Some(1));
    assert_eq!(code(&["--fail-on", "info"]), Some(1));
    assert_eq!(code(&["--fail-on", "warning", "--allow", "floating-tag"]), Some(0));
    assert_eq!(code(&["--deny", "floating-tag"]), Some(1));
    assert_eq!(code(&["--deny", "floating-tag", "--fail-on", "never"]), Some(0));
    assert_eq!(code(&["--deny", "no-digest,links"]), Some(1));
    assert_eq!(code(&["--warn", "no-digest"]), Some(0));
    let broken = Sandbox::with("services: {a: {build: .}}").file("Dockerfile", "RUN x\n");
    assert_eq!(broken.run(&["lint"]).code, Some(1));
    let missing = Sandbox::with("services: {a: {build: .}}");
    assert_snapshot!(missing.run(&["lint"]), @"
    code: 1
    --- stdout
    error[dockerfile-missing]: cannot read the Dockerfile `Dockerfile`: No such file or directory (os error 2)
     --> compose.yaml:1:23
      |
    1 | services: {a: {build: .}}
      |                       ^
      |
      = note: the image cannot be built.
      = help: name the file in `build.dockerfile`, relative to `build.context`
    --- stderr
    1 error
    ");
}

#[test]
fn words_that_cannot_be() {
    let sandbox = Sandbox::with("services: {a: {image: 'a:1'}}");
    assert_snapshot!(sandbox.run(&["lint", "--allow", "floating-tags"]).failed(), @"error: no such rule: floating-tags (did you mean `floating-tag`?)");
    assert_snapshot!(sandbox.run(&["lint", "--fail-on", "hint"]).failed(), @r#"error: unknown --fail-on value "hint": expected error, warning, info or never"#);
    assert_snapshot!(sandbox.run(&["lint", "--format", "xml"]).failed(), @r#"error: unsupported format "xml""#);
    assert_snapshot!(sandbox.run(&["lint", "--explain", "x"]).failed(), @"error: no such rule: x");
}

#[test]
fn rules_and_their_explanation() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(&["lint", "--rules"]).quiet();
    assert!(list.lines().any(|line| line.starts_with("no-digest")), "{list}");
    assert_snapshot!(sandbox.run(&["lint", "--explain", "shell-form"]).quiet(), @r#"
    shell-form (warning)

    Flagged: `CMD` or `ENTRYPOINT` as a line for the shell.

    The shell is the first process and passes no signals on, so the program is killed after the grace period instead of stopping.
    So: write it as a list: `CMD ["program", "argument"]`.

    Instead of

        FROM node:22
        CMD node server.js

    write

        FROM node:22
        CMD ["node", "server.js"]
    "#);
}

#[test]
fn json_has_an_object_a_line() {
    let output = project().run(&["lint", "--format", "json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let first = output.stdout.lines().next().unwrap();
    let row: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(row["rule"], "unready-dependency");
    assert_eq!((&row["line"], &row["column"]), (&4.into(), &18.into()));
}

#[test]
fn github_commands() {
    let sandbox = Sandbox::with("services:\n  a:\n    image: a\n");
    assert_snapshot!(sandbox.run(&["lint", "--format", "github"]).quiet(), @"::warning file=compose.yaml,line=3,endLine=3,col=12,endColumn=13,title=floating-tag::`a` names no version, so it is whatever is newest%0Anote: what such a name stands for changes from day to day and from machine to machine, so what worked yesterday breaks today, and nobody can go back.%0Ahelp: name a version: `a:VERSION`");
}

#[test]
fn sarif_for_code_scanning() {
    let text = project().run(&["lint", "--format", "sarif"]).quiet();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(!rules[index]["help"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(["compose.yaml", "web/Dockerfile"].contains(&uri), "{uri}");
        let region = &place["region"];
        assert_eq!(region["startLine"], region["endLine"]);
        assert!(region["startColumn"].as_u64() < region["endColumn"].as_u64());
        assert_eq!(result["level"], "warning");
    }
    let empty = Sandbox::with("services: {a: {image: 'a:1'}}");
    let text = empty.run(&["lint", "--format", "sarif"]).quiet();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn comments_silence_rules() {
    let sandbox = Sandbox::with(
        "\
services:
  a:
    # It is ours.
    # rcompose-lint: ignore floating-tag -- it is ours
    image: a
    privileged: true # rcompose-lint: ignore privileged, links
  b:
    image: b # rcompose-lint: ignore nothing-of-the-kind
  c:
    # rcompose-lint: please
    image: c:1
",
    );
    assert_eq!(
        rules(&sandbox, &[]),
        [
            "compose.yaml:6 unused-ignore",
            "compose.yaml:8 floating-tag",
            "compose.yaml:8 unknown-rule",
            "compose.yaml:10 unknown-rule",
        ]
    );
    // What is not looked for, or not looked at, says nothing of comments.
    assert!(!rules(&sandbox, &["--allow", "links"]).concat().contains("unused-ignore"));
    assert!(!rules(&sandbox, &["a"]).concat().contains("unused-ignore"));
}

#[test]
fn comments_in_dockerfiles() {
    let sandbox = Sandbox::with("services: {a: {build: .}}").file(
        "Dockerfile",
        "\
# rcompose-lint: ignore runs-as-root
FROM debian:12
# rcompose-lint: ignore sudo, apt-recommends -- a test of both
RUN apt-get update \\
    && sudo apt-get install -y a
RUN x \\
    # rcompose-lint: ignore sudo
    && sudo b \\
    && sudo c
",
    );
    assert_eq!(rules(&sandbox, &[]), ["Dockerfile:9 sudo"]);
}

#[test]
fn services_and_profiles() {
    let sandbox = Sandbox::with(
        "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b}\n  c: {image: c, profiles: [off]}\n",
    );
    assert_eq!(rules(&sandbox, &[]).len(), 3);
    assert_eq!(rules(&sandbox, &["a"]), ["compose.yaml:2 floating-tag"]);
    assert_eq!(rules(&sandbox, &["c"]), ["compose.yaml:4 floating-tag"]);
    assert_eq!(sandbox.run(&["lint", "d"]).code, Some(1));
}

#[test]
fn what_env_files_say_is_never_shown() {
    let sandbox = Sandbox::with(
        "services:\n  a:\n    image: a:1\n    env_file: [app.env, missing.env]\n    environment:\n      \
         DB_PASSWORD: ${DB_PASSWORD:?}\n      API_TOKEN: ${TOKEN}\n      API_KEY:\n",
    )
    .file(".env", "DB_PASSWORD=of-dotenv\nTOKEN=of-dotenv\nAPI_KEY=of-dotenv\n")
    .file("app.env", "SECRET_KEY=of-the-env-file\n");
    assert_snapshot!(sandbox.run(&["lint"]), @"
    code: 0
    --- stderr
    nothing to flag
    ");
    // Nor need anybody have them.
    let bare =
        Sandbox::with("services: {a: {image: 'a:1', environment: {A_TOKEN: '${A:?set it}'}}}");
    assert_snapshot!(bare.run(&["lint"]), @"
    code: 0
    --- stderr
    warning: the variable `A` must have a value; `1` stands for it (compose.yaml:1:53)
    nothing to flag
    ");
}

#[test]
fn folders_that_travel_whole() {
    let sandbox = project().file("web/.git/objects/pack", vec![0; 3_000_000]);
    let output = sandbox.run(&["lint", "--allow", "copy-before-install", "web"]);
    assert_snapshot!(output, @r#"
    code: 0
    --- stdout
    warning[no-dockerignore]: this copies 3.0 MB in 3 files, and there is no `.dockerignore`
     --> web/Dockerfile:3:1
      |
    3 | COPY . .
      | ^^^^^^^^
      |
      = note: the largest are .git (3.0 MB), Dockerfile (75 B), server.js (1 B)
      = note: history, dependencies and secrets of this machine get into the image, and each change of any of them builds it anew.
      = help: write a `.dockerignore` with the line `.git`
    warning[shell-form]: this `CMD` runs in a shell, which passes no signals on
     --> web/Dockerfile:6:5
      |
    6 | CMD node server.js
      |     ^^^^^^^^^^^^^^
      |
      = note: the shell is the first process and passes no signals on, so the program is killed after the grace period instead of stopping.
      = help: write it as a list: `CMD ["node", "server.js"]`
    --- stderr
    2 warnings
    "#);
    for ignore in ["web/.dockerignore", "web/Dockerfile.dockerignore"] {
        let sandbox = project().file("web/.git/x", "x").file(ignore, ".git\n");
        assert!(!rules(&sandbox, &[]).concat().contains("no-dockerignore"), "{ignore}");
    }
}

#[test]
fn dockerfiles_in_the_compose_file() {
    let sandbox = Sandbox::with(
        "\
services:
  a:
    build:
      dockerfile_inline: |
        FROM alpine
        USER 1000

        # rcompose-lint: ignore sudo
        RUN sudo x
        RUN cd x && \\
          sudo y
        CMD a $$b
  b:
    build:
      dockerfile_inline: \"FROM busybox\\nUSER 1\\n\"
",
    );
    assert_snapshot!(sandbox.run(&["lint", "--fail-on", "never"]), @r#"
    code: 0
    --- stdout
    warning[floating-tag]: `alpine` names no version, so it is whatever is newest
     --> compose.yaml:5:14
      |
    5 |         FROM alpine
      |              ^^^^^^
      |
      = note: what such a name stands for changes from day to day and from machine to machine, so what worked yesterday breaks today, and nobody can go back.
      = help: name a version: `alpine:VERSION`
    info[cd-in-run]: only this step runs in `x`
      --> compose.yaml:10:13
       |
    10 |         RUN cd x && \
       |             ^^
       |
       = note: the folder is that of the one step; what comes after is where it was before.
       = help: set it with `WORKDIR` before the `RUN`
    warning[sudo]: a build needs no `sudo`
      --> compose.yaml:11:11
       |
    11 |           sudo y
       |           ^^^^
       |
       = note: a build is root until `USER` says otherwise; `sudo` loses the environment, and an image that has it is easier to take over.
       = help: leave it out, and put such steps before `USER`
    warning[shell-form]: this `CMD` runs in a shell, which passes no signals on
      --> compose.yaml:12:13
       |
    12 |         CMD a $$b
       |             ^^^^
       |
       = note: the shell is the first process and passes no signals on, so the program is killed after the grace period instead of stopping.
       = help: put `exec` before the program that stays, or write a list
    warning[floating-tag]: `busybox` names no version, so it is whatever is newest
      --> compose.yaml:15:32
       |
    15 |       dockerfile_inline: "FROM busybox\nUSER 1\n"
       |                                ^^^^^^^
       |
       = help: name a version: `busybox:VERSION`
    --- stderr
    4 warnings, 1 remark
    "#);
}

#[test]
fn dockerfiles_of_several_services() {
    let sandbox = Sandbox::with(
        "\
services:
  a: {build: {context: ., target: one}}
  b: {build: {context: ., target: two, args: {TAG: 1}}}
",
    )
    .file(
        "Dockerfile",
        "ARG TAG\nFROM x:$TAG AS one\nUSER 1\nCMD a\nFROM scratch AS two\nUSER 1\nCMD b\n",
    );
    assert_eq!(
        rules(&sandbox, &[]),
        ["Dockerfile:2 undefined-base", "Dockerfile:4 shell-form", "Dockerfile:7 shell-form"]
    );
    assert_eq!(rules(&sandbox, &["b"]), ["Dockerfile:7 shell-form"]);
}

#[test]
fn problems_of_dockerfiles_are_told_at_once() {
    let sandbox = Sandbox::with("services: {a: {build: .}}")
        .file("Dockerfile", "FROM a:1\r\nRUNN x\r\nUSER 1\r\nCOPY a\r\nRUN <<EOF\r\nb\r\n");
    assert_snapshot!(sandbox.run(&["lint"]), @"
    code: 1
    --- stdout
    error[dockerfile-syntax]: unknown instruction `RUNN`
     --> Dockerfile:2:1
      |
    2 | RUNN x␍
      | ^^^^
      |
      = note: the build stops there.
      = help: did you mean `RUN`?
    error[dockerfile-syntax]: `COPY` requires at least two arguments
     --> Dockerfile:4:1
      |
    4 | COPY a␍
      | ^^^^
      |
      = help: mend it; the reference of Dockerfiles has the forms of all instructions
    error[dockerfile-syntax]: nothing ends this here-document
     --> Dockerfile:5:5
      |
    5 | RUN <<EOF␍
      |     ^^^^^
      |
      = help: end it with a line `EOF`
    --- stderr
    3 errors
    ");
}

#[test]
fn hostile_dockerfiles() {
    let mut bytes = Vec::new();
    let mut state = 1_u32;
    for _ in 0..100_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    let cases: [(&str, Vec<u8>); 12] = [
        ("random bytes", bytes.clone()),
        (
            "random letters",
            bytes.iter().map(|byte| b" \n\\`\"'<$(){}[]#RUNFOM"[*byte as usize % 21]).collect(),
        ),
        ("nothing", Vec::new()),
        ("a mark and nothing", b"\xef\xbb\xbf".to_vec()),
        ("a mark", b"\xef\xbb\xbfFROM a:1\nUSER 1\n".to_vec()),
        ("many stages", "FROM a:1\n".repeat(20_000).into_bytes()),
        ("a long line", ["FROM a:1\nRUN ", &"x ".repeat(500_000)].concat().into_bytes()),
        (
            "many continuations",
            ["FROM a:1\nRUN a", &" \\\n b".repeat(200_000)].concat().into_bytes(),
        ),
        ("many here-documents", "FROM a:1\nRUN <<A <<B\n".repeat(3_000).into_bytes()),
        ("deep brackets", ["FROM a:1\nRUN ", &"$(".repeat(100_000)].concat().into_bytes()),
        (
            "a chain of stages",
            (0..2000)
                .fold("FROM a:1 AS s0\n".to_owned(), |text, at| {
                    format!("{text}FROM s{at} AS s{}\n", at + 1)
                })
                .into_bytes(),
        ),
        ("old ends of lines", b"FROM a:1\r\n# c\r\nRUN x \\\r\n y\r\nUSER 1\r\n".to_vec()),
    ];
    for (name, text) in cases {
        let sandbox = Sandbox::with("services: {a: {build: .}}").file("Dockerfile", text);
        let output = sandbox.run(&["lint"]);
        assert!(matches!(output.code, Some(0 | 1)), "{name}: {output}");
        assert!(!output.stderr.contains("panicked"), "{name}: {output}");
    }
}

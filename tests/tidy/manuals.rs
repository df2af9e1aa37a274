//! Documents that say what the code does: architecture, exit codes, events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, ExitCode};

use rcompose::commands::Exit;
use rcompose::event::Subject;
use serde_json::Value;

use super::{LAYERS, USERS, filled, made, read, root, schema};

/// What a module says that it is for: the first sentence of its documentation.
fn duty(module: &str) -> String {
    let path = [format!("src/{module}/mod.rs"), format!("src/{module}.rs")]
        .into_iter()
        .find(|path| root().join(path).exists())
        .unwrap();
    let text = read(&path);
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let sentence = paragraph.split(". ").next().unwrap().trim_end_matches('.');
    // Names of modules are links in the documentation of the code alone.
    sentence.replace("[`", "`").replace("`]", "`")
}

#[test]
fn the_architecture_is_that_of_the_code() {
    let listed = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut layers = "| module | what it is for | may use |\n|---|---|---|\n".to_owned();
    for (module, uses) in LAYERS {
        let _ = writeln!(layers, "| `{module}` | {} | {} |", duty(module), listed(uses));
    }
    let mut crates = "| crate | its users |\n|---|---|\n".to_owned();
    for (name, users) in USERS {
        let _ = writeln!(crates, "| `{name}` | {} |", listed(users));
    }
    let path = "docs/architecture.md";
    made(path, &filled(&read(path), &[("modules", &layers), ("crates", &crates)]));
}

/// Each way to end has its row in the document, and ends so.
#[test]
fn exit_codes_are_as_written() {
    let rows: BTreeSet<String> = read("docs/exit-codes.md")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code.to_owned())
        })
        .collect();
    // A new way to end does not compile until it has a word here.
    let word = |exit: Exit| match exit {
        Exit::Success => "0",
        Exit::Failure => "1",
        Exit::Code(_) => "N",
        Exit::Interrupted => "130",
    };
    let mut words = BTreeSet::from(["2".to_owned()]);
    for exit in [Exit::Success, Exit::Failure, Exit::Code(7), Exit::Interrupted] {
        let word = word(exit);
        words.insert(word.to_owned());
        let code: u8 = word.parse().unwrap_or(7);
        assert_eq!(format!("{:?}", ExitCode::from(exit)), format!("{:?}", ExitCode::from(code)));
    }
    assert_eq!(rows, words);
    for (args, code) in [
        (&["version"][..], 0),
        (&[], 0),
        (&["up", "--no-such-flag"], 1),
        (&["-f", "no-such-file.yaml", "config"], 1),
        (&["-f", "examples/app-db-cache/compose.yaml", "lint", "--deny", "no-digest"], 1),
        (&["-H", "unix:///no/such/socket", "ps", "-p", "x"], 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
        let output = command.args(args).current_dir(root()).env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}

/// Each kind of event has a heading and an example, which is as the schema says.
#[test]
fn events_have_examples() {
    let mut examples: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let text = read("docs/events.md");
    let (mut kind, mut inside) = (String::new(), false);
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut kind);
        } else if line.starts_with("```") {
            inside = line == "```json";
        } else if inside {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}"));
            assert_eq!(schema::kind_of(&event), kind, "{line}");
            examples.entry(kind.clone()).or_default().push(event);
        }
    }
    let described = schema::schema();
    let kinds = described["$defs"].as_object().unwrap();
    assert_eq!(examples.keys().collect::<BTreeSet<_>>(), kinds.keys().collect());
    // A new kind of subject does not compile until it is in this list, which is that of the schema.
    let subjects = [
        Subject::Container,
        Subject::Image,
        Subject::Network,
        Subject::Volume,
        Subject::Service,
        Subject::Provider,
        Subject::Model,
        Subject::Artifact,
    ]
    .map(|make| match make("x".to_owned()) {
        it @ (Subject::Container(_)
        | Subject::Image(_)
        | Subject::Network(_)
        | Subject::Volume(_)
        | Subject::Service(_)
        | Subject::Provider(_)
        | Subject::Model(_)
        | Subject::Artifact(_)) => it.kind(),
    });
    let known = &kinds["progress"]["properties"]["kind"]["enum"];
    assert_eq!(*known, serde_json::json!(subjects));
    // The example of a problem is what the program says of that mistake.
    let problem = &examples["problem"][0];
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("events");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("compose.yaml"), "services:\n  web:\n    imgae: nginx\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rcompose"))
        .args(["--progress", "json", "config"])
        .current_dir(&folder)
        .env_clear()
        .env("PWD", &folder)
        .output()
        .unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    let first: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert_eq!(&first, problem);
}

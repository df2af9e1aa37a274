//! Rules of the house that neither the compiler nor clippy knows: layering, words, and files that are
//! made from others.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests read the project and fail loudly"
)]

#[path = "tidy/compatibility.rs"]
mod compatibility;
#[path = "tidy/manuals.rs"]
mod manuals;
#[path = "tidy/markdown.rs"]
mod markdown;
#[path = "shared/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcompose::commands::{self, Shell};
use rcompose::compose::keys::service::SERVICE;
use rcompose::compose::schema::Effect;
use rcompose::lint;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Files below `folder` whose names end in `end`, as paths from the root.
fn files(name: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(name)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing ends in `{end}` in `{name}`");
    found
}

/// The code of a source file: no comments, no tests.
fn code(path: &str) -> String {
    let text = read(path);
    let text = text.split("\n#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line);
            code.push('\n');
            code
        },
    )
}

/// The source files with code, without those of tests.
fn sources() -> Vec<String> {
    files("src", ".rs").into_iter().filter(|path| !path.ends_with("/tests.rs")).collect()
}

/// The top-level module that a source file belongs to.
fn module(path: &str) -> &str {
    let inner = path.strip_prefix("src/").unwrap();
    inner.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every `start` in `code` with the name that follows it.
fn names_after<'a>(code: &'a str, start: &str) -> BTreeSet<&'a str> {
    let ends = |char: char| !char.is_ascii_alphanumeric() && char != '_';
    code.split(start).skip(1).map(|rest| rest.split(ends).next().unwrap()).collect()
}

/// Each module and those it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diagnostic", &["source"]),
    ("env", &[]),
    ("event", &[]),
    ("names", &[]),
    ("labels", &[]),
    ("spec", &[]),
    ("reference", &[]),
    ("stream", &[]),
    ("registry", &["env", "reference", "stream"]),
    ("remote", &["env", "reference", "registry"]),
    ("archive", &[]),
    // Patterns are cleaned as other paths are.
    ("context", &["archive", "spec"]),
    ("yaml", &["source", "diagnostic"]),
    ("compose", &["source", "diagnostic", "env", "yaml", "names", "spec"]),
    ("dockerfile", &["source", "diagnostic"]),
    // Tests of rules load projects, for which there is an environment.
    ("lint", &["source", "diagnostic", "env", "yaml", "compose", "dockerfile", "reference"]),
    ("lock", &["source", "diagnostic", "yaml", "reference"]),
    (
        "state",
        &[
            "source",
            "diagnostic",
            "yaml",
            "names",
            "labels",
            "spec",
            "compose",
            "dockerfile",
            "lock",
            "reference",
        ],
    ),
    // Steps name their subject as events do.
    (
        "plan",
        &[
            "source",
            "diagnostic",
            "yaml",
            "names",
            "labels",
            "spec",
            "compose",
            "state",
            "event",
            "reference",
        ],
    ),
    ("engine", &["env", "labels", "spec", "context", "state", "event", "reference", "stream"]),
    (
        "execute",
        &[
            "source", "yaml", "names", "labels", "spec", "state", "plan", "engine", "event",
            "compose",
        ],
    ),
    ("watch", &["source", "diagnostic", "yaml", "spec", "archive", "context", "compose", "engine"]),
    // Names are made from the engine's answers.
    ("dns", &["names", "labels", "engine"]),
    // Tables of containers are made from the engine's answers.
    ("report", &["env", "event", "diagnostic", "labels", "engine"]),
    (
        "commands",
        &[
            "source",
            "diagnostic",
            "env",
            "event",
            "names",
            "labels",
            "spec",
            "archive",
            "context",
            "yaml",
            "compose",
            "state",
            "plan",
            "engine",
            "dns",
            "execute",
            "report",
            "reference",
            "registry",
            "remote",
            "dockerfile",
            "lock",
            "lint",
            "watch",
        ],
    ),
];

#[test]
fn modules_use_only_what_is_below_them() {
    let mut seen = BTreeSet::new();
    for path in sources() {
        let module = module(&path);
        if ["lib", "main"].contains(&module) {
            continue;
        }
        seen.insert(module.to_owned());
        let (_, allowed) = LAYERS
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("`{module}` is not in the table of layers"));
        for used in names_after(&code(&path), "crate::") {
            assert!(
                used == module || allowed.contains(&used),
                "{path}: `{module}` must not use `{used}`"
            );
        }
    }
    let listed: BTreeSet<String> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, listed);
}

/// Crates that one part alone may know, and the beginnings of paths of that part.
const USERS: &[(&str, &[&str])] = &[
    ("granit_parser", &["src/yaml/parse.rs"]),
    ("parse_dockerfile", &["src/dockerfile/parse.rs"]),
    ("petgraph", &["src/compose/graph.rs"]),
    ("annotate_snippets", &["src/diagnostic.rs"]),
    (
        "sha2",
        &[
            "src/state/hash.rs",
            "src/engine/contexts.rs",
            "src/registry/mod.rs",
            "src/engine/build/",
            "src/watch/tree.rs",
        ],
    ),
    ("clap", &["src/commands/"]),
    ("tar", &["src/archive.rs", "src/engine/files.rs", "src/context/pack.rs", "src/watch/pack.rs"]),
    ("hickory_proto", &["src/dns/"]),
    ("hyper", &["src/engine/", "src/registry/", "src/stream.rs"]),
    ("hyper_util", &["src/engine/", "src/registry/", "src/stream.rs"]),
    ("signal_hook", &["src/commands/signals.rs"]),
    (
        "tokio",
        &[
            "src/engine/",
            "src/registry/",
            "src/stream.rs",
            "src/execute/",
            "src/watch/fs.rs",
            "src/watch/sync.rs",
            "src/commands/",
        ],
    ),
    ("futures_util", &["src/engine/", "src/execute/", "src/watch/sync.rs", "src/commands/"]),
    ("bollard_buildkit_proto", &["src/engine/build/"]),
    ("prost", &["src/engine/build/"]),
    ("tonic", &["src/engine/build/"]),
    ("rustls", &["src/engine/", "src/registry/http.rs"]),
    ("tokio_rustls", &["src/engine/tls.rs", "src/registry/http.rs"]),
    ("rustls_native_certs", &["src/registry/http.rs"]),
    (
        "base64",
        &[
            "src/registry/",
            "src/engine/build/",
            "src/engine/credentials.rs",
            "src/remote/artifact.rs",
        ],
    ),
    // Its types are the language of the engine; nothing else in it is used.
    ("bollard", &["src/engine/", "src/spec.rs", "src/state/", "src/compose/keys/"]),
];

#[test]
fn crates_have_their_users() {
    for path in sources() {
        let code = code(&path);
        for (name, users) in USERS {
            assert!(
                !code.contains(&format!("{name}::"))
                    || users.iter().any(|user| path.starts_with(user)),
                "{path} must not use `{name}`"
            );
        }
    }
    for path in sources().iter().filter(|path| !path.starts_with("src/engine/")) {
        let code = code(path);
        let used = names_after(&code, "bollard::");
        assert!(used.iter().all(|part| *part == "models"), "{path}: only `bollard::models`");
    }
}

#[test]
fn engines_differ_in_one_place() {
    for path in sources() {
        // Where they are found, what they are, and how they differ.
        let places = ["discover", "facts", "quirks"].map(|name| format!("src/engine/{name}.rs"));
        let may = places.contains(&path) || path.starts_with("src/engine/quirks/");
        for line in code(&path).lines().filter(|_| !may) {
            // What is said to people is no difference.
            let text: String = line.split('"').step_by(2).collect();
            let text = text.to_lowercase();
            assert!(
                !text.contains("podman") || text.contains("is_podman"),
                "{path}: a difference between engines is a row of `engine/quirks.rs`: {line}"
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in files("src", ".rs") {
        assert!(read(&path).starts_with("//! "), "{path} has no `//!`");
    }
}

#[test]
fn files_stay_readable() {
    // Tables may be long.
    let tables = ["src/compose/schema.rs", "src/compose/keys/service.rs"];
    for path in sources() {
        let lines = code(&path).lines().count();
        assert!(
            lines <= 500 || tables.contains(&path.as_str()),
            "{path} has {lines} lines of code; find its parts"
        );
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let mut inside = false;
    let mut before = "";
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && line.contains('=') {
            count += 1;
            assert!(before.starts_with("# "), "no reason stands above `{line}`");
        }
        before = line;
    }
    assert!(count > 10, "the dependencies were not found");
}

#[test]
fn the_changelog_is_kept() {
    let text = read("CHANGELOG.md");
    assert!(text.starts_with("# Changelog\n"));
    let mut releases = 0;
    for line in text.lines() {
        if let Some(release) = line.strip_prefix("## ") {
            releases += 1;
            assert!(release.starts_with('['), "`{line}`: a release stands in brackets");
            assert_eq!(releases == 1, release == "[Unreleased]", "`{line}`");
        }
        if let Some(kind) = line.strip_prefix("### ") {
            let kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
            assert!(kinds.contains(&kind), "`{line}` is no kind of change");
        }
    }
    assert!(releases > 0);
}

/// Examples load without a word, are what `lint` asks for, and say what they show.
#[test]
fn examples_are_exemplary() {
    for path in files("examples", "compose.yaml") {
        let run = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
            command.args(["-f", &path]).args(args).current_dir(root()).env_clear();
            let output = command.output().unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert_eq!(run(&["config", "--quiet"]), "", "{path}");
        assert_eq!(run(&["lint"]), "nothing to flag\n", "{path}");
        let folder = path.strip_suffix("/compose.yaml").unwrap();
        let manual = read(&format!("{folder}/README.md"));
        assert!(manual.contains("```sh\nrcompose "), "{folder}: no command");
        assert!(read("README.md").contains(&format!("({folder}/README.md)")), "{folder}");
    }
}

/// Compares a made file with what it should be, or writes it if `RCOMPOSE_UPDATE` is set.
fn made(path: &str, text: &str) {
    if std::env::var_os("RCOMPOSE_UPDATE").is_some() {
        fs::write(root().join(path), text).unwrap();
    }
    let current = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(current == text, "`{path}` is out of date: run `make generated`");
}

/// A document with other texts between `<!-- NAME -->` and `<!-- /NAME -->`.
fn filled(text: &str, blocks: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (name, block) in blocks {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = text.split_once(&start).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        text = format!("{before}{start}{block}{end}{after}");
    }
    text
}

#[test]
fn completions_are_current() {
    for (shell, file) in [
        (Shell::Bash, "rcompose.bash"),
        (Shell::Elvish, "rcompose.elv"),
        (Shell::Fish, "rcompose.fish"),
        (Shell::Powershell, "rcompose.ps1"),
        (Shell::Zsh, "_rcompose"),
    ] {
        made(&format!("completions/{file}"), &shell.script("rcompose"));
    }
}

/// They are made where they are packed: `RCOMPOSE_MAN` names the folder.
#[test]
fn man_pages_can_be_made() {
    let folder = std::env::var_os("RCOMPOSE_MAN").map(PathBuf::from);
    let mut root = commands::cli();
    root.build();
    let shown = root.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help");
    for command in std::iter::once(&root).chain(shown) {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let command = command.clone().disable_help_subcommand(true).after_help(None);
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        let version = concat!("rcompose ", env!("CARGO_PKG_VERSION"));
        clap_mangen::Man::new(command).source(version).render(&mut page).unwrap();
        let mut text = String::from_utf8(page).unwrap();
        for (number, line) in examples.lines().skip(1).enumerate() {
            let (typed, about) = line.trim().split_once("   ").unwrap();
            let heading = if number == 0 { ".SH EXAMPLES\n" } else { "" };
            let escaped = |text: &str| text.trim().replace('\\', "\\e").replace('-', "\\-");
            let _ = write!(text, "{heading}.TP\n\\fB{}\\fR\n{}\n", escaped(typed), escaped(about));
        }
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH OPTIONS"), "{name}: {text}");
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(format!("{name}.1")), text).unwrap();
        }
    }
}

#[test]
fn the_rules_of_lint_are_written_down() {
    made("docs/lint.md", &lint::manual::document());
}

/// Sizes change with compilers, so that only their place is looked at.
#[test]
fn figures_of_the_readme() {
    let text = read("README.md");
    let (_, rest) = text.split_once("<!-- figures -->\n").unwrap();
    let (block, _) = rest.split_once("<!-- /figures -->").unwrap();
    let block = block.replace('\n', " ");
    let number = |start: &str, end: &str| {
        let (_, rest) =
            block.split_once(start).unwrap_or_else(|| panic!("no `{start}` in {block}"));
        rest.split_once(end).unwrap_or_else(|| panic!("no `{end}` in {block}")).0.to_owned()
    };
    let size: f64 = number("one file of ", " MB").parse().unwrap();
    assert!((1.0..=12.0).contains(&size), "{size} MB");
    let crates = |depth: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--offline", "--locked", "--edges", "normal"]).args(depth);
        cargo.args(["--target", "x86_64-unknown-linux-gnu", "--prefix", "none", "--format", "{p}"]);
        let output = cargo.current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let names = lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
        // The program itself is one of them.
        (names.collect::<BTreeSet<_>>().len() - 1).to_string()
    };
    let help = "run `make figures`";
    assert_eq!(number("made of ", " crates"), crates(&["--depth", "1"]), "{help}");
    assert_eq!(number("names, ", " in all"), crates(&[]), "{help}");
}

#[test]
fn the_readme_is_true() {
    let mut commands = "| command | what it does |\n|---|---|\n".to_owned();
    for command in commands::cli().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(commands, "| `{}` | {about} |", command.get_name());
    }
    let names = |wanted: fn(&Effect) -> bool| {
        let rows = SERVICE.keys.iter().filter(|key| wanted(&key.effect));
        rows.map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
    };
    let keys = format!(
        "All {} keys of a service are read, checked and merged, and have their effect on what is \
         started, but for these:\n\n\
         - Engines have nothing for these, so they draw a warning: {}.\n",
        SERVICE.keys.len(),
        names(|effect| matches!(effect, Effect::Ignored(_))),
    );
    made("README.md", &filled(&read("README.md"), &[("commands", &commands), ("keys", &keys)]));
}

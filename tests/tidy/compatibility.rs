//! `docs/compatibility.md`: what of Docker Compose works, out of the command line, the tables of keys and
//! those of engines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rcompose::commands;
use rcompose::compose::keys::ROOT;
use rcompose::compose::keys::service::SERVICE;
use rcompose::compose::schema::{Effect, Record, Shape};
use rcompose::engine::facts::{Api, Facts};
use rcompose::engine::quirks::{self, builds};
use rcompose::spec::{BuildSpec, ContainerSpec};

use super::{made, read};

/// What is there, and is not the same. Each names a command and a flag (`-` stands for what comes before
/// the command, nothing for all of the command).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("-", "--ansi", "a value that is none of the three is an error"),
    ("-", "--dry-run", "prints the plan: each step and its cause"),
    ("-", "--parallel", "bounds all steps, not pulls, pushes and builds alone"),
    ("-", "--progress", "`json` is as in 5.x, and has more keys"),
    ("config", "--no-env-resolution", "as in 5.x; it has no effect in 2.40"),
    ("down", "--volumes", "keeps volumes that another project has made, with a warning"),
    ("events", "--until", "its time is an end like any other: exit code 0, and no error"),
    ("logs", "", "lines of several containers come in the order in which they were written"),
    ("scale", "", "a negative number is refused"),
    ("up", "", "the second Ctrl-C kills, the third leaves; output goes on while containers stop"),
    (
        "up",
        "--menu",
        "offers the keys of watch and of detaching; there is no Docker Desktop to open",
    ),
    (
        "up",
        "--wait",
        "a container that ends with 0 and is not to be restarted has done its work; with Docker Compose that is a failure",
    ),
    ("up", "--wait-timeout", "also bounds the waits between services, as in 5.x"),
    ("version", "", "its own name and version"),
    (
        "watch",
        "",
        "a save is one action, whatever the editor does; bytes that are the same are none",
    ),
];

/// Keys inside of others that nothing comes of, and why; the engine has nothing for them.
const IDLE: &[(&str, &str)] = &[
    ("version", ORDER),
    ("services.*.deploy.mode", ORCHESTRATOR),
    ("services.*.deploy.labels", ORCHESTRATOR),
    ("services.*.deploy.update_config", ORCHESTRATOR),
    ("services.*.deploy.rollback_config", ORCHESTRATOR),
    ("services.*.deploy.placement", ORCHESTRATOR),
    ("services.*.deploy.endpoint_mode", ORCHESTRATOR),
    ("services.*.deploy.restart_policy.delay", ORCHESTRATOR),
    ("services.*.deploy.restart_policy.window", ORCHESTRATOR),
    ("services.*.deploy.resources.reservations.cpus", ORCHESTRATOR),
    ("services.*.deploy.resources.reservations.generic_resources", ORCHESTRATOR),
    ("services.*.ports.name", "it is a note"),
    ("services.*.ports.mode", ORCHESTRATOR),
    ("services.*.ports.app_protocol", ORCHESTRATOR),
    ("networks.*.ipam.options", "Docker Compose drops it as well"),
    ("secrets.*.labels", ORCHESTRATOR),
    ("configs.*.labels", ORCHESTRATOR),
];
const ORCHESTRATOR: &str = "for orchestrators; Docker Compose does nothing with it either";
const ORDER: &str = "outdated, and draws a warning, as with Docker Compose";

/// Keys whose use is an error.
const REFUSED: &[(&str, &str)] = &[
    ("secrets.*.external", KEPT),
    ("secrets.*.driver", KEPT),
    ("secrets.*.driver_opts", "goes with `driver`"),
    ("secrets.*.template_driver", KEPT),
    ("configs.*.external", KEPT),
    ("configs.*.template_driver", KEPT),
];
const KEPT: &str = "an orchestrator would keep it, so a service cannot use it";

/// A flag by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flag {
    long: String,
    short: Option<char>,
    hidden: bool,
}

impl Flag {
    /// A flag as it stands in the list: `~` if it is hidden, `--long`, `/-s`.
    fn parse(word: &str) -> Self {
        let hidden = word.starts_with('~');
        let word = word.trim_start_matches('~');
        let (long, short) = word.split_once("/-").unwrap_or((word, ""));
        let long = long.strip_prefix("--").unwrap().to_owned();
        Self { long, short: short.chars().next(), hidden }
    }

    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("`-{short}` `--{}`", self.long),
            None => format!("`--{}`", self.long),
        }
    }
}

/// The commands of Docker Compose with their flags.
fn theirs() -> BTreeMap<String, Vec<Flag>> {
    let text = read("tests/facts/commands.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (command, flags) = line.split_once(':').unwrap();
            (command.to_owned(), flags.split_whitespace().map(Flag::parse).collect())
        })
        .collect()
}

/// The commands here, `-` for what comes before them.
fn ours() -> BTreeMap<String, clap::Command> {
    let cli = commands::cli();
    let mut all: BTreeMap<String, clap::Command> =
        cli.get_subcommands().map(|it| (it.get_name().to_owned(), it.clone())).collect();
    all.insert("-".to_owned(), cli);
    all
}

/// Whether a command takes a flag, by both of its names.
fn takes(command: &clap::Command, flag: &Flag) -> bool {
    command.get_arguments().any(|arg| {
        let mut longs: Vec<&str> = arg.get_long().into_iter().collect();
        longs.extend(arg.get_all_aliases().unwrap_or_default());
        let mut shorts: Vec<char> = arg.get_short().into_iter().collect();
        shorts.extend(arg.get_all_short_aliases().unwrap_or_default());
        longs.contains(&&*flag.long) && flag.short.is_none_or(|short| shorts.contains(&short))
    })
}

fn joined(flags: &[&Flag]) -> String {
    flags.iter().map(|flag| flag.shown()).collect::<Vec<_>>().join(", ")
}

fn title(command: &str) -> String {
    match command {
        "-" => "(before the command)".to_owned(),
        command => format!("`{command}`"),
    }
}

fn commands_and_flags(out: &mut String) {
    let (theirs, ours) = (theirs(), ours());
    out.push_str(
        "## Commands and flags\n\n\
         Works: the flag does here what it does there. Flags in brackets are those that the help of Docker Compose \
         does not name.\n\n\
         | command | state | flags that work | flags that differ | flags that are not there |\n|---|---|---|---|---|\n",
    );
    let differs = |command: &str, flag: &str| {
        DIFFERENCES.iter().any(|(of, name, _)| *of == command && *name == flag)
    };
    for (name, flags) in &theirs {
        let Some(command) = ours.get(name) else {
            let _ = writeln!(out, "| {} | not there | | | |", title(name));
            continue;
        };
        let (there, lacking): (Vec<&Flag>, Vec<&Flag>) =
            flags.iter().partition(|flag| takes(command, flag));
        let (other, works): (Vec<&Flag>, Vec<&Flag>) =
            there.into_iter().partition(|flag| differs(name, &format!("--{}", flag.long)));
        let (hidden, works): (Vec<&Flag>, Vec<&Flag>) = works.into_iter().partition(|it| it.hidden);
        let mut cell = joined(&works);
        if !hidden.is_empty() {
            let space = if cell.is_empty() { "" } else { " " };
            let _ = write!(cell, "{space}({})", joined(&hidden));
        }
        let state = if differs(name, "") { "differs" } else { "works" };
        let _ = writeln!(
            out,
            "| {} | {state} | {cell} | {} | {} |",
            title(name),
            joined(&other),
            joined(&lacking)
        );
    }
    out.push_str(
        "\n`alpha` is what Docker Compose tries out, `bridge` converts projects for other systems.\n",
    );
    out.push_str("\nWhat differs:\n\n| command | flag | here |\n|---|---|---|\n");
    for (command, flag, how) in DIFFERENCES {
        let known = ours.get(*command).unwrap_or_else(|| panic!("there is no `{command}`"));
        assert!(theirs.contains_key(*command), "`{command}` is no command of Docker Compose");
        assert!(flag.is_empty() || takes(known, &Flag::parse(flag)), "`{command}` has no {flag}");
        let flag = if flag.is_empty() { String::new() } else { format!("`{flag}`") };
        let _ = writeln!(out, "| {} | {flag} | {how} |", title(command));
    }
    out.push_str("\nWhat is here alone:\n\n| command | flags |\n|---|---|\n");
    for (name, command) in &ours {
        let known: BTreeSet<&str> = match theirs.get(name) {
            Some(flags) => flags.iter().map(|flag| &*flag.long).collect(),
            None => BTreeSet::new(),
        };
        let everywhere = |flag: &str| flag == "help" || (name != "-" && flag == "dry-run");
        let own: Vec<Flag> = command
            .get_arguments()
            .filter(|arg| !arg.is_hide_set())
            .filter_map(|arg| Some((arg.get_long()?.to_owned(), arg.get_short())))
            .filter(|(long, _)| !known.contains(&**long) && !everywhere(long))
            .map(|(long, short)| Flag { long, short, hidden: false })
            .collect();
        let is_new = !theirs.contains_key(name);
        if is_new || !own.is_empty() {
            let new = if is_new { " (new)" } else { "" };
            let flags = joined(&own.iter().collect::<Vec<_>>());
            let _ = writeln!(out, "| {}{new} | {flags} |", title(name));
        }
    }
}

/// All paths below a shape that are names of keys.
fn paths(shape: &Shape, path: &str, found: &mut Vec<String>) {
    match shape {
        Shape::Record(record) => {
            for key in record.keys {
                let path = match path {
                    "" => key.name.to_owned(),
                    path => format!("{path}.{}", key.name),
                };
                found.push(path.clone());
                paths(&key.shape, &path, found);
            }
        }
        Shape::Dict(dict) => paths(&dict.value, &format!("{path}.*"), found),
        Shape::List(list) => paths(&list.item, path, found),
        Shape::Short(short) => paths(&short.long, path, found),
        Shape::Either(one, other) => {
            paths(one, path, found);
            paths(other, path, found);
        }
        _ => {}
    }
}

fn note<'a>(table: &[(&str, &'a str)], path: &str) -> Option<&'a str> {
    let is_below =
        |of: &str| path == of || path.strip_prefix(of).is_some_and(|it| it.starts_with('.'));
    table.iter().find(|(of, _)| is_below(of)).map(|(_, why)| *why)
}

/// Names of keys in a row, and what comes of those that are not like the others.
fn rows(record: &'static Record, path: &str, out: &mut String) {
    for key in record.keys {
        let path =
            if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        let mut inner = Vec::new();
        paths(&key.shape, "", &mut inner);
        let mut seen = BTreeSet::new();
        inner.retain(|it| seen.insert(it.clone()));
        let (works, other): (Vec<String>, Vec<String>) = inner.into_iter().partition(|inner| {
            let whole =
                format!("{path}.{}", inner.trim_start_matches(".*").trim_start_matches('.'));
            note(IDLE, &whole).or(note(REFUSED, &whole)).is_none()
        });
        // What is in something without effect goes with it.
        let tops = other.iter().filter(|it| {
            let parents = it.match_indices('.').map(|(end, _)| &it[..end]);
            !parents.into_iter().any(|parent| other.iter().any(|it| it == parent))
        });
        let other: Vec<String> = tops.cloned().collect();
        let names = |names: &[String]| {
            let clean = |name: &String| format!("`{}`", name.trim_start_matches(".*."));
            names.iter().map(clean).collect::<Vec<_>>().join(", ")
        };
        let state = match (note(IDLE, &path), note(REFUSED, &path), key.effect) {
            (Some(why), ..) => format!("no effect: {why}"),
            (_, Some(why), _) => format!("refused: {why}"),
            (.., Effect::Ignored(why)) => format!("warns: {why}"),
            (.., Effect::Loading) => "works: read before there is a project".to_owned(),
            (.., Effect::Planner) => "works: decides what there is, and when".to_owned(),
            (.., Effect::Build) => "works: says how the image is made".to_owned(),
            (.., Effect::Client) => "works: concerns who watches and looks on".to_owned(),
            (.., Effect::Container(_)) => "works: asked of the engine".to_owned(),
            (.., Effect::Unsaid) => "works".to_owned(),
        };
        let _ =
            writeln!(out, "| `{}` | {state} | {} | {} |", key.name, names(&works), names(&other));
    }
}

const HEAD: &str =
    "| key | state | keys in it that work | keys in it without effect |\n|---|---|---|---|\n";

/// The record behind names of the user's.
fn named(key: &str) -> &'static Record {
    match ROOT.key(key).unwrap().shape {
        Shape::Dict(dict) => match &dict.value {
            Shape::Record(record) => record,
            _ => panic!("`{key}` has no records"),
        },
        _ => panic!("`{key}` is no dictionary"),
    }
}

fn keys(out: &mut String) {
    let mut all = Vec::new();
    paths(&Shape::Record(&ROOT), "", &mut all);
    for (path, _) in IDLE.iter().chain(REFUSED) {
        assert!(all.iter().any(|it| it == path), "`{path}` is in no table");
    }
    out.push_str(
        "\n## Keys\n\n\
         The language is complete. A key that is in none of these tables is an error with its place, unless it begins with `x-` \
         or is a name or an option of the user's.\n",
    );
    let _ = write!(out, "\n### The top level\n\n| key | state |\n|---|---|\n");
    for key in ROOT.keys {
        let state =
            note(IDLE, key.name).map_or("works".to_owned(), |why| format!("no effect: {why}"));
        let _ = writeln!(out, "| `{}` | {state} |", key.name);
    }
    let _ = write!(out, "\n### A service\n\n{HEAD}");
    rows(&SERVICE, "services.*", out);
    for (section, name) in [
        ("networks", "A network"),
        ("volumes", "A volume"),
        ("secrets", "A secret"),
        ("configs", "A config"),
        ("models", "A model"),
    ] {
        let _ = write!(out, "\n### {name}\n\n{HEAD}");
        rows(named(section), &format!("{section}.*"), out);
    }
}

/// Engines that stand for their generations.
fn engines() -> [(&'static str, Facts); 5] {
    [
        ("Docker 20.10", Facts::docker(Api(1, 41))),
        ("Docker 25", Facts::docker(Api(1, 44))),
        ("Docker 28.1", Facts::docker(Api(1, 49))),
        ("Podman 4.3", Facts::podman(Api(4, 3))),
        ("Podman 5.6", Facts::podman(Api(5, 6))),
    ]
}

/// A row for something that is so on some engines, by what `is` says of each.
fn row(out: &mut String, says: &str, word: &str, is: impl Fn(&Facts) -> bool) {
    let cells = engines().map(|(_, facts)| if is(&facts) { word } else { "" });
    // Where it is so nowhere, newer or older engines than these are meant, and nobody would look for it.
    if cells.iter().any(|cell| !cell.is_empty()) {
        let _ = writeln!(out, "| {says} | {} |", cells.join(" | "));
    }
}

fn differences_of_engines(out: &mut String) {
    let names = engines().map(|(name, _)| name).join(" | ");
    let head = format!("| what | {names} |\n|---|---|---|---|---|---|\n");
    let _ = write!(
        out,
        "\n## Engines\n\n\
         rcompose speaks to Docker from 20.10 (API {}) and to Podman from 4.3. What an engine cannot do is refused with the \
         reason; what it would lose without a word draws a warning.\n\n{head}",
        Api::OLDEST,
    );
    for gate in quirks::GATES {
        row(out, gate.says, "refused", |facts| !(gate.able)(facts));
    }
    for loss in quirks::LOSSES {
        row(out, &format!("`{}`: {}", loss.key, loss.says), "warns", loss.lost);
    }
    let _ = write!(out, "\nBuilds with BuildKit, which Docker has and Podman has not:\n\n{head}");
    for loss in builds::BUILD_LOSSES {
        let says = format!("`{}`: {}", loss.asks, loss.says);
        row(out, &says, "warns", |facts| facts.buildkit && (loss.lost)(facts));
    }
    let _ = write!(
        out,
        "\nBuilds without it: Podman's own builder, and Docker's classic one with `DOCKER_BUILDKIT=0`.\n\n{head}"
    );
    for gate in builds::BUILD_GATES {
        row(out, &format!("`{}`: {}", gate.key, gate.says), "refused", |facts| !(gate.able)(facts));
    }
    let _ = write!(
        out,
        "\nThese work everywhere, because what is asked for is adapted to the engine:\n\n\
         | what | adapted for | because |\n|---|---|---|\n"
    );
    let mut adapted = |name: &str, applies: fn(&Facts) -> bool, because: &str| {
        let engines = engines();
        let names: Vec<&str> =
            engines.iter().filter(|(_, facts)| applies(facts)).map(|(name, _)| *name).collect();
        let _ = writeln!(out, "| {name} | {} | {because} |", names.join(", "));
    };
    for quirk in quirks::QUIRKS {
        adapted(quirk.name, quirk.applies, quirk.because);
    }
    for quirk in builds::BUILD_QUIRKS {
        adapted(&format!("builds: {}", quirk.name), quirk.applies, quirk.because);
    }
}

#[test]
fn the_table_of_compatibility_is_current() {
    // Nothing that asks for nothing is refused, or the tables mean something else than they say here.
    assert!(quirks::GATES.iter().all(|gate| !(gate.asked)(&ContainerSpec::default())));
    assert!(builds::BUILD_GATES.iter().all(|gate| !(gate.asked)(&BuildSpec::default())));
    let mut out = "# Compatibility\n\n\
        What of Docker Compose (2.40, and 5.5 where it has more) works here, command by command, flag by flag and key by \
        key, and what engines cannot do. `make generated` makes this file from the command line, the tables of keys and \
        those of engines; the list of Docker Compose's commands and flags is \
        [`tests/facts/commands.txt`](../tests/facts/commands.txt).\n\n"
        .to_owned();
    commands_and_flags(&mut out);
    keys(&mut out);
    differences_of_engines(&mut out);
    made("docs/compatibility.md", &out);
}

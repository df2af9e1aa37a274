//! A program that the Docker CLI calls: `docker rcompose …`, or `docker compose …` where it is linked so.
//!
//! A plugin is found by the name of its file, `docker-NAME`. It first has to say what it is, and is then given
//! the words of the whole command line, flags of the Docker CLI before its name included.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::json;

use crate::env::Env;

/// Asks what the plugin is.
const HANDSHAKE: &str = "docker-cli-plugin-metadata";

/// Set by the Docker CLI for the plugins that it starts: how it was called itself.
const CALLER: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// Names the socket that the Docker CLI closes when the plugin has to end.
const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// Flags of the Docker CLI with a value, by their letters.
const VALUES: &[(&str, Option<char>)] = &[
    ("config", None),
    ("context", Some('c')),
    ("host", Some('H')),
    ("log-level", Some('l')),
    ("tlscacert", None),
    ("tlscert", None),
    ("tlskey", None),
];

/// The same of its switches.
const SWITCHES: &[(&str, char)] = &[("debug", 'D'), ("help", 'h'), ("version", 'v')];

/// Who has called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A shell, or whoever else.
    Direct,
    /// The Docker CLI, which asks what this is.
    Handshake,
    /// The Docker CLI, for its user.
    Plugin(Plugin),
}

/// A call of the Docker CLI.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plugin {
    /// As which command: `rcompose`, or `compose`.
    name: String,
    /// What `rcompose` would have been called with, the program's name included.
    pub args: Vec<String>,
    /// The folder of the Docker configuration, if a flag names one.
    config: Option<String>,
}

impl Plugin {
    /// What people have typed to get here.
    pub(super) fn command_line(&self) -> String {
        format!("docker {}", self.name)
    }

    /// The environment, with what the flags of the Docker CLI say in place of variables.
    pub(super) fn environment(&self, env: Env) -> Env {
        match &self.config {
            Some(folder) => env.with("DOCKER_CONFIG", folder),
            None => env,
        }
    }

    /// The socket that ends with the caller's patience.
    pub(super) fn socket(env: &Env) -> Option<&str> {
        env.non_empty(SOCKET)
    }
}

/// Finds out who has called, with `args`, of which the first is the program's name.
pub(super) fn call(args: &[String], env: &Env) -> Call {
    let [program, rest @ ..] = args else {
        return Call::Direct;
    };
    if let [first, ..] = rest
        && first == HANDSHAKE
    {
        return Call::Handshake;
    }
    let file = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // The variable is inherited by whatever a plugin starts, and a link may be called by hand.
    match file.strip_prefix("docker-").filter(|_| env.non_empty(CALLER).is_some()) {
        Some(name) => plugin(name, rest).map_or(Call::Direct, Call::Plugin),
        None => Call::Direct,
    }
}

/// Takes the words apart; `None` if the plugin is not named among them.
fn plugin(name: &str, words: &[String]) -> Option<Plugin> {
    let mut rest: VecDeque<&str> = words.iter().map(String::as_str).collect();
    let mut plugin = Plugin { name: name.to_owned(), ..Plugin::default() };
    let mut flags: Vec<String> = Vec::new();
    let mut wants_help = false;
    while let Some(word) = next_if(&mut rest, |word| word.starts_with('-')) {
        for flag in flags_of(word, &mut rest) {
            match flag.split_once('=') {
                Some(("--config", folder)) => plugin.config = Some(folder.to_owned()),
                _ if flag == "--help" => wants_help = true,
                _ => flags.push(flag),
            }
        }
    }
    let requests = ["help", "__complete", "__completeNoDesc"];
    let asks = next_if(&mut rest, |word| requests.contains(&word));
    next_if(&mut rest, |word| word == name)?;
    plugin.args.push("rcompose".to_owned());
    match asks {
        Some("help") => wants_help = true,
        Some(request) => plugin.args.push(request.to_owned()),
        None => {}
    }
    plugin.args.append(&mut flags);
    plugin.args.extend(rest.into_iter().map(str::to_owned));
    if wants_help {
        plugin.args.push("--help".to_owned());
    }
    Some(plugin)
}

fn next_if<'w>(rest: &mut VecDeque<&'w str>, fits: impl Fn(&str) -> bool) -> Option<&'w str> {
    if fits(rest.front()?) { rest.pop_front() } else { None }
}

/// The flags of one word, written long, with their values, of which the last may be the next word.
fn flags_of(word: &str, rest: &mut VecDeque<&str>) -> Vec<String> {
    let mut with_value = |name: &str, value: &str| {
        let value = if value.is_empty() { rest.pop_front().unwrap_or_default() } else { value };
        format!("--{name}={value}")
    };
    if let Some(name) = word.strip_prefix("--") {
        let needs_value = VALUES.iter().any(|(it, _)| *it == name);
        return vec![if needs_value { with_value(name, "") } else { word.to_owned() }];
    }
    let mut flags = Vec::new();
    let mut letters = word.trim_start_matches('-').chars();
    while let Some(letter) = letters.next() {
        if let Some((name, _)) = VALUES.iter().find(|(_, it)| *it == Some(letter)) {
            let value = letters.as_str();
            flags.push(with_value(name, value.strip_prefix('=').unwrap_or(value)));
            break;
        }
        let long = SWITCHES.iter().find(|(_, it)| *it == letter).map(|(name, _)| *name);
        flags.push(long.map_or_else(|| format!("-{letter}"), |name| format!("--{name}")));
    }
    flags
}

/// What the Docker CLI is told of the plugin.
pub(super) fn handshake() -> String {
    let about = json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "rcompose",
        "Version": concat!("v", env!("CARGO_PKG_VERSION")),
        "ShortDescription": "Run Compose projects on Docker and Podman",
    });
    format!("{about}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(|word| if word == "''" { "" } else { word }.to_owned()).collect()
    }

    #[test]
    fn words_of_the_docker_cli() {
        let env = Env::fixed("/", [(CALLER, "docker")]);
        let check = |line: &str, want: &str| {
            let Call::Plugin(plugin) = call(&words(line), &env) else {
                panic!("{line}: no plugin");
            };
            assert_eq!(plugin.args, words(want), "{line}");
            assert_eq!(plugin.config.as_deref(), line.contains("/conf").then_some("/conf"));
        };
        check("/x/docker-rcompose rcompose", "rcompose");
        check("docker-rcompose rcompose up -d", "rcompose up -d");
        check("docker-compose compose -f a ps", "rcompose -f a ps");
        check("docker-rcompose -H unix:///s rcompose ps", "rcompose --host=unix:///s ps");
        check("docker-rcompose -c rcompose rcompose ps", "rcompose --context=rcompose ps");
        check("docker-rcompose -Dcbox rcompose ps", "rcompose --debug --context=box ps");
        check("docker-rcompose -l=warn rcompose ps", "rcompose --log-level=warn ps");
        check(
            "docker-rcompose --tls --tlskey k --tlscert=c rcompose ps",
            "rcompose --tls --tlskey=k --tlscert=c ps",
        );
        check("docker-rcompose --config /conf rcompose ps", "rcompose ps");
        check("docker-rcompose --config=/conf rcompose ps", "rcompose ps");
        check("docker-rcompose help rcompose up", "rcompose up --help");
        check("docker-rcompose --help rcompose", "rcompose --help");
        check("docker-rcompose __complete rcompose up ''", "rcompose __complete up ''");
        // What follows is the plugin's own.
        check("docker-rcompose rcompose rcompose -h help", "rcompose rcompose -h help");
    }

    #[test]
    fn calls_of_others() {
        let docker = Env::fixed("/", [(CALLER, "docker")]);
        let shell = Env::fixed("/", []);
        let check = |line: &str, env: &Env, want: Call| assert_eq!(call(&words(line), env), want);
        check("docker-rcompose docker-cli-plugin-metadata", &shell, Call::Handshake);
        check("docker-compose up -d", &shell, Call::Direct);
        // A link that something started by a plugin calls.
        check("docker-compose up -d", &docker, Call::Direct);
        check("rcompose rcompose", &docker, Call::Direct);
        check("docker-rcompose", &docker, Call::Direct);
        check("docker-rcompose --config", &docker, Call::Direct);
    }
}

//! Which engine is meant: flags, variables and contexts, in the order in which they count.

use std::fmt;
use std::path::PathBuf;

use crate::engine::contexts::{self, DockerConfig};
use crate::engine::error::Error;
use crate::env::Env;

/// Where an engine is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    /// Host and port, encrypted or not.
    Tcp {
        address: String,
        tls: Option<Tls>,
    },
    Ssh(Ssh),
}

/// How a TCP connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether the engine must prove who it is.
    pub verify: bool,
    /// Whose signature proves that; the system's authorities if `None`.
    pub ca: Option<PathBuf>,
    /// Who we are.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// An engine behind a login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// The engine's socket on that machine, if it is not the one that its client uses.
    pub socket: Option<String>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(out, "tcp://{address}"),
            Self::Ssh(Ssh { user, host, port, socket }) => {
                let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                write!(out, "ssh://{user}{host}{port}{}", socket.as_deref().unwrap_or(""))
            }
        }
    }
}

/// What the command line says of the engine.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub host: Option<String>,
    pub context: Option<String>,
    pub tls: bool,
    pub tls_verify: bool,
    pub ca: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<String>,
}

/// The engine that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one, and who says so.
    Named { endpoint: Endpoint, by: String },
    /// Whichever is there.
    Any,
}

impl Choice {
    /// The flag, `DOCKER_HOST`, the context, in this order.
    ///
    /// # Errors
    /// A context that does not exist, or an address that cannot be used.
    pub fn find(env: &Env, wanted: &Wanted) -> Result<Self, Error> {
        let config = DockerConfig::find(env);
        let tls = wanted.tls(env, &config);
        let named = |host: &str, by: &str| {
            let endpoint = Endpoint::parse(host, tls.clone())?;
            Ok(Self::Named { endpoint, by: by.to_owned() })
        };
        if let Some(host) = wanted.host.as_deref().filter(|host| !host.is_empty()) {
            return named(host, "--host");
        }
        let variable = env.non_empty("DOCKER_HOST");
        if let (None, Some(host)) = (wanted.context.as_deref(), variable) {
            return named(host, "DOCKER_HOST");
        }
        let context = match (wanted.context.as_deref(), env.non_empty("DOCKER_CONTEXT")) {
            (Some(name), _) => Some((name.to_owned(), "--context")),
            (None, Some(name)) => Some((name.to_owned(), "DOCKER_CONTEXT")),
            (None, None) => config.current_context().map(|name| (name, "the Docker configuration")),
        };
        let by_default = || match (variable, &tls) {
            (Some(host), _) => named(host, "DOCKER_HOST"),
            // As Docker's client: whoever asks for TLS means a port.
            (None, Some(_)) => named("tcp://localhost", "the request for TLS"),
            (None, None) => Ok(Self::Any),
        };
        let Some((name, by)) = context.filter(|(name, _)| !matches!(&**name, "" | "default"))
        else {
            return by_default();
        };
        let context = config.context(&name)?;
        if context.host.is_empty() {
            return Ok(Self::Any);
        }
        let endpoint = Endpoint::parse(&context.host, context.tls)?;
        Ok(Self::Named { endpoint, by: format!("the context `{name}` of {by}") })
    }
}

impl Wanted {
    /// How flags and variables, or files in the usual place, say that a port is encrypted.
    fn tls(&self, env: &Env, config: &DockerConfig) -> Option<Tls> {
        let verify = self.tls_verify || env.non_empty("DOCKER_TLS_VERIFY").is_some();
        if !verify && !self.tls && env.non_empty("DOCKER_TLS").is_none() {
            return None;
        }
        let folder = env.non_empty("DOCKER_CERT_PATH").map(PathBuf::from);
        let folder = folder.or_else(|| config.folder().map(PathBuf::from)).unwrap_or_default();
        // A file that is asked for must be there; one in the usual place may be.
        let file = |flag: &Option<String>, name: &str| match flag {
            Some(path) => Some(env.working_directory().join(path)),
            None => Some(folder.join(name)).filter(|path| contexts::is_file(path)),
        };
        Some(Tls {
            verify,
            // Without the usual authority no engine is believed, rather than any of the system's.
            ca: file(&self.ca, "ca.pem").or_else(|| verify.then(|| folder.join("ca.pem"))),
            certificate: file(&self.certificate, "cert.pem"),
            key: file(&self.key, "key.pem"),
        })
    }
}

impl Endpoint {
    fn parse(text: &str, tls: Option<Tls>) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Err(Error::Endpoint {
                message: format!("the engine address `{text}` {why}"),
                help: Some(
                    "name it as unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]"
                        .to_owned(),
                ),
            })
        };
        let tcp = |address: &str, tls: Option<Tls>| {
            let address = address.trim_end_matches('/');
            let has_port = address
                .rsplit_once(':')
                .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && !host.ends_with(':'));
            let port = if tls.is_some() { 2376 } else { 2375 };
            let address = if has_port { address.to_owned() } else { format!("{address}:{port}") };
            Self::Tcp { address, tls }
        };
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp" | "http", address)) if !address.trim_matches('/').is_empty() => {
                match address.trim_end_matches('/').split_once('/') {
                    Some(_) => invalid("has a path, which is not possible"),
                    None => Ok(tcp(address, tls)),
                }
            }
            Some(("ssh", rest)) => match Ssh::parse(rest) {
                Ok(ssh) => Ok(Self::Ssh(ssh)),
                Err(why) => invalid(why),
            },
            Some(("npipe", _)) => invalid("is for Windows alone"),
            Some(("https", _)) => invalid("is none; tcp:// with DOCKER_TLS_VERIFY=1 is encrypted"),
            // As Docker's client has it.
            None if text.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
            }) =>
            {
                Ok(tcp(text, tls))
            }
            _ => invalid("is none"),
        }
    }
}

impl Ssh {
    /// Reads `[USER@]HOST[:PORT][/SOCKET]`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (login, socket) = match text.find('/') {
            Some(slash) => (&text[..slash], Some(&text[slash..]).filter(|path| *path != "/")),
            None => (text, None),
        };
        let (user, place) = match login.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, login),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("has a password, which ssh takes from nobody; use a key");
        }
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.filter(|port| !port.is_empty()).map(str::parse) {
            None => None,
            Some(Ok(port)) => Some(port),
            Some(Err(_)) => return Err("has a port that is none"),
        };
        // What begins with a dash would be an option of ssh.
        let is_word = |text: &str| !text.is_empty() && !text.starts_with('-');
        if !is_word(host) || user.is_some_and(|user| !is_word(user)) {
            return Err("names no host");
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            socket: socket.map(str::to_owned),
        })
    }

    /// The words of the command that reaches the engine.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if let Some(user) = &self.user {
            words.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        words.extend(["-o", "ConnectTimeout=30", "-T", "--", &self.host].map(str::to_owned));
        // A host with Podman alone has the same command under another name. A shell that is none of the
        // usual ones needs no more than to pass the whole on to one that is.
        let (docker, other) = match self.socket.as_ref().map(|path| path.replace('\'', "")) {
            None => (String::new(), String::new()),
            Some(path) => (format!(" --host 'unix://{path}'"), format!(" --url 'unix://{path}'")),
        };
        let docker = format!("exec docker{docker} system dial-stdio");
        let other = format!("exec podman{other} system dial-stdio");
        let is_there = "command -v docker >/dev/null";
        words.push(format!("sh -c \"if {is_there}; then {docker}; else {other}; fi\""));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        let parsed = Endpoint::parse(text, None);
        parsed.map(|it| it.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("tcp://localhost", "tcp://localhost:2375"),
            ("tcp://127.0.0.1:4000/", "tcp://127.0.0.1:4000"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("127.0.0.1:4000", "tcp://127.0.0.1:4000"),
            ("ssh://host", "ssh://host"),
            ("ssh://me@host:22/run/x.sock", "ssh://me@host:22/run/x.sock"),
            ("ssh://[fe80::1]:22/", "ssh://[fe80::1]:22"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected));
        }
        for text in [
            "",
            "x",
            "unix://relative",
            "tcp://",
            "tcp://a/b",
            "https://a",
            "npipe:////./pipe/docker_engine",
            "ssh://",
            "ssh://me:secret@host",
            "ssh://-oProxyCommand=x",
            "ssh://-l@host",
            "ssh://host:port",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let encrypted = Endpoint::parse("tcp://host", Some(Tls::default())).unwrap();
        assert_eq!(encrypted.to_string(), "tcp://host:2376");
    }

    #[test]
    fn commands_of_ssh() {
        let command = |text: &str| Ssh::parse(text).unwrap().command().join(" ");
        assert_eq!(
            command("me@host:2222"),
            "-l me -p 2222 -o ConnectTimeout=30 -T -- host sh -c \"if command -v docker >/dev/null; \
             then exec docker system dial-stdio; else exec podman system dial-stdio; fi\""
        );
        let other = command("host/run/user/1/docker.sock");
        assert!(other.contains("docker --host 'unix:///run/user/1/docker.sock' system"), "{other}");
        assert!(other.contains("podman --url 'unix:///run/user/1/docker.sock' system"), "{other}");
    }

    fn find(env: &Env, wanted: &Wanted) -> Result<String, String> {
        match Choice::find(env, wanted) {
            Ok(Choice::Named { endpoint, by }) => Ok(format!("{endpoint} by {by}")),
            Ok(Choice::Any) => Ok("any".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_flag_wins_then_the_variable_then_the_context() {
        let env = Env::fixed("/", [("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "nope")]);
        let host = Wanted { host: Some("tcp://b:2".to_owned()), ..Wanted::default() };
        let context = |name: &str| Wanted { context: Some(name.to_owned()), ..Wanted::default() };
        assert_eq!(find(&env, &host).unwrap(), "tcp://b:2 by --host");
        assert_eq!(find(&env, &Wanted::default()).unwrap(), "tcp://a:1 by DOCKER_HOST");
        assert_eq!(find(&env, &context("default")).unwrap(), "tcp://a:1 by DOCKER_HOST");
        let message = find(&env, &context("missing")).unwrap_err();
        assert_eq!(message, "there is no context `missing`");
        let message = find(&Env::fixed("/", [("DOCKER_CONTEXT", "nope")]), &Wanted::default());
        assert_eq!(message.unwrap_err(), "there is no context `nope`");
        assert_eq!(find(&Env::default(), &Wanted::default()).unwrap(), "any");
    }

    #[test]
    fn who_asks_for_tls_gets_it() {
        let tls = |env: &[(&'static str, &'static str)], wanted: &Wanted| match Choice::find(
            &Env::fixed("/", env.iter().copied()),
            wanted,
        )
        .unwrap()
        {
            Choice::Named { endpoint: Endpoint::Tcp { tls, address }, .. } => {
                tls.map(|tls| (address, tls.verify))
            }
            _ => None,
        };
        let there = ("DOCKER_HOST", "tcp://there");
        assert_eq!(tls(&[there], &Wanted::default()), None);
        assert_eq!(tls(&[there, ("DOCKER_TLS_VERIFY", "")], &Wanted::default()), None);
        let verified = Some(("there:2376".to_owned(), true));
        assert_eq!(tls(&[there, ("DOCKER_TLS_VERIFY", "1")], &Wanted::default()), verified);
        let flag = Wanted { tls_verify: true, ..Wanted::default() };
        assert_eq!(tls(&[there], &flag), verified);
        let flag = Wanted { tls: true, ..Wanted::default() };
        assert_eq!(tls(&[there], &flag), Some(("there:2376".to_owned(), false)));
        // As Docker's client: the port of this machine, where no address is named.
        assert_eq!(tls(&[], &flag), Some(("localhost:2376".to_owned(), false)));
    }
}

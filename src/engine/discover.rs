//! Finds an engine that answers: the one that is named, else the first of those that may be there,
//! else a Podman that is started for us.
#![expect(clippy::disallowed_methods, reason = "engines are looked for in the file system")]

use std::fs;
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::connect::{Trace, Transport};
use crate::engine::endpoint::{Choice, Endpoint, Wanted};
use crate::engine::error::Error;
use crate::engine::facts::Facts;
use crate::env::Env;

/// Seconds without a connection after which a Podman that we have started goes away: long enough for
/// the next command to find it.
const IDLE: u32 = 10;
/// How long it may take to begin to listen.
const START: Duration = Duration::from_secs(20);

/// A place where an engine may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub endpoint: Endpoint,
    /// Whose place it is.
    pub whose: String,
}

/// How an engine was looked for at one place.
pub struct Attempt {
    pub candidate: Candidate,
    pub outcome: Result<(Transport, Facts), Error>,
}

/// Reaches the engine that is meant.
///
/// # Errors
/// An address that cannot be, an engine that does not answer, or none at all.
pub(super) async fn reach(
    env: &Env,
    wanted: &Wanted,
    trace: Option<Trace>,
) -> Result<(Transport, Facts), Error> {
    let mut tried = Vec::new();
    for candidate in candidates(env, wanted)? {
        let named = candidate.is_named();
        match attempt(env, candidate, trace).await {
            Attempt { outcome: Ok(found), .. } => return Ok(found),
            Attempt { outcome: Err(error), .. } if named => return Err(error),
            failed => tried.push(failed),
        }
    }
    let denied = tried.iter().find(|it| it.is_denied());
    if let Some(attempt) = denied {
        // Somebody who may not use an engine has one, and would be surprised by another.
        let help = attempt.outcome.as_ref().err().and_then(Error::help).unwrap_or_default();
        return Err(Error::NoEngine { tried: tried.iter().map(Attempt::tell).collect(), help });
    }
    let mut tried: Vec<String> = tried.iter().map(Attempt::tell).collect();
    match start_podman(env, trace).await {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => tried.push("podman: it is not installed".to_owned()),
        Err(why) => tried.push(format!("podman system service: {why}")),
    }
    let help = "install and start Docker or Podman, or name an engine elsewhere with DOCKER_HOST or \
                --host";
    Err(Error::NoEngine { tried, help: help.to_owned() })
}

/// Looks everywhere, also behind the first that answers; starts nothing.
///
/// # Errors
/// An address that cannot be.
pub async fn survey(env: &Env, wanted: &Wanted) -> Result<Vec<Attempt>, Error> {
    let mut attempts = Vec::new();
    for candidate in candidates(env, wanted)? {
        attempts.push(attempt(env, candidate, None).await);
    }
    Ok(attempts)
}

impl Candidate {
    /// Whether it is the one that was asked for.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.whose.starts_with("named by ")
    }
}

impl Attempt {
    /// Whether there is one, but not for us.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(&self.outcome, Err(Error::Unreachable { denied: true, .. }))
    }

    /// The place, and why there is no engine.
    #[must_use]
    pub fn tell(&self) -> String {
        let Candidate { endpoint, whose } = &self.candidate;
        format!("{endpoint} ({whose}): {}", self.problem())
    }

    /// Why there is no engine.
    #[must_use]
    pub fn problem(&self) -> String {
        match &self.outcome {
            Ok(_) => "it answers".to_owned(),
            Err(Error::Unreachable { cause, .. }) => cause.clone(),
            Err(error) => error.to_string(),
        }
    }
}

/// The places to look at, in this order; only one if that is named.
fn candidates(env: &Env, wanted: &Wanted) -> Result<Vec<Candidate>, Error> {
    if let Choice::Named { endpoint, by } = Choice::find(env, wanted)? {
        return Ok(vec![Candidate { endpoint, whose: format!("named by {by}") }]);
    }
    Ok(usual(env))
}

fn usual(env: &Env) -> Vec<Candidate> {
    let at = |path: PathBuf, whose: &str| Candidate {
        endpoint: Endpoint::Unix(path),
        whose: whose.to_owned(),
    };
    let runtime = runtime_folder(env);
    let mut all = vec![at(PathBuf::from("/var/run/docker.sock"), "Docker")];
    all.extend(runtime.iter().map(|it| at(it.join("docker.sock"), "rootless Docker")));
    all.extend(env.home().map(|it| at(it.join(".docker/run/docker.sock"), "Docker Desktop")));
    all.extend(runtime.iter().map(|it| at(it.join("podman/podman.sock"), "rootless Podman")));
    all.push(at(PathBuf::from("/run/podman/podman.sock"), "Podman"));
    all.extend(own_socket(env).map(|path| at(path, "Podman that rcompose has started")));
    all
}

/// The user's folder for sockets; that of root is the system's.
fn runtime_folder(env: &Env) -> Option<PathBuf> {
    if let Some(folder) = env.non_empty("XDG_RUNTIME_DIR") {
        return Some(PathBuf::from(folder));
    }
    let usual = PathBuf::from(format!("/run/user/{}", rustix::process::getuid().as_raw()));
    Some(usual).filter(|folder| folder.is_dir())
}

/// Where a Podman of ours listens. Not at the place that systemd may want for its own.
fn own_socket(env: &Env) -> Option<PathBuf> {
    let folder = if rustix::process::getuid().is_root() {
        Some(PathBuf::from("/run"))
    } else {
        runtime_folder(env)
    };
    folder.map(|folder| folder.join("rcompose-podman.sock"))
}

async fn attempt(env: &Env, candidate: Candidate, trace: Option<Trace>) -> Attempt {
    let outcome = match Transport::new(candidate.endpoint.clone(), trace) {
        Ok(transport) => match Facts::ask(&transport, env).await {
            Ok(facts) => Ok((transport, facts)),
            Err(error) if candidate.is_named() => Err(error.noting(&candidate.whose)),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    Attempt { candidate, outcome }
}

/// The path of a program.
#[must_use]
pub fn program(env: &Env, name: &str) -> Option<PathBuf> {
    let folders = env.non_empty("PATH")?.split(':').filter(|folder| !folder.is_empty());
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    folders.map(|folder| env.working_directory().join(folder).join(name)).find(is_program)
}

/// Starts Podman's service, which ends by itself when nobody needs it any more; `None` if there is no
/// Podman.
async fn start_podman(
    env: &Env,
    trace: Option<Trace>,
) -> Result<Option<(Transport, Facts)>, String> {
    let Some(podman) = program(env, "podman") else { return Ok(None) };
    let socket = own_socket(env)
        .ok_or("there is no folder for its socket: set XDG_RUNTIME_DIR to one of yours")?;
    let (mut service, mut log) =
        run_service(&podman, &socket).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + START;
    loop {
        let candidate =
            Candidate { endpoint: Endpoint::Unix(socket.clone()), whose: String::new() };
        match attempt(env, candidate, trace).await.outcome {
            Ok(found) => return Ok(Some(found)),
            Err(error) if Instant::now() >= deadline => {
                let _ = service.kill();
                return Err(error.to_string());
            }
            Err(_) => {}
        }
        if service.try_wait().is_ok_and(|ended| ended.is_some()) {
            let mut text = String::new();
            let _ = log.rewind().and_then(|()| log.read_to_string(&mut text));
            return Err(text.lines().last().unwrap_or("it ended without a word").to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs the service with what it complains of in a file without a name, so that nothing is left of
/// either.
fn run_service(podman: &Path, socket: &Path) -> std::io::Result<(Child, fs::File)> {
    let path = socket.with_extension(format!("log-{}", std::process::id()));
    let log = fs::File::options().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    let mut command = Command::new(podman);
    if !Path::new("/run/systemd/system").is_dir() {
        // By default it asks systemd for control groups, and its journal for events.
        command.args(["--cgroup-manager=cgroupfs", "--events-backend=file"]);
    }
    command.args(["system", "service", &format!("--time={IDLE}")]);
    command.arg(format!("unix://{}", socket.display()));
    // It outlives this run, and an interrupt at the terminal is not for it.
    command.process_group(0).current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    Ok((command.spawn()?, log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_their_order() {
        let env = Env::fixed("/", [("XDG_RUNTIME_DIR", "/r"), ("HOME", "/h")]);
        let all: Vec<String> =
            usual(&env).iter().map(|it| format!("{} {}", it.endpoint, it.whose)).collect();
        assert_eq!(
            all[..5],
            [
                "unix:///var/run/docker.sock Docker",
                "unix:///r/docker.sock rootless Docker",
                "unix:///h/.docker/run/docker.sock Docker Desktop",
                "unix:///r/podman/podman.sock rootless Podman",
                "unix:///run/podman/podman.sock Podman",
            ]
        );
        assert!(all[5].ends_with("rcompose-podman.sock Podman that rcompose has started"));
    }

    #[test]
    fn programs_are_files_that_can_be_run() {
        let env = Env::fixed("/", [("PATH", "/nowhere:/etc:/bin")]);
        assert_eq!(program(&env, "sh"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(program(&env, "passwd-"), None);
        assert_eq!(program(&Env::default(), "sh"), None);
    }
}

//! Requests about containers.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    RestartContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::engine::error::Error;
use crate::engine::observe::{nullable, state_word};
use crate::engine::retell::retell;
use crate::engine::{Engine, quirks};
use crate::state::observed::State;

/// The engine answers when a container has stopped, which may take as long as its grace.
const LONGEST_STOP: Duration = Duration::from_secs(24 * 3600);

/// Between two looks at a container that may be started again, and how many there are.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
const RESTART_LOOKS: u32 = 20;

/// The state of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The engine's word: `running`, `exited` …
    pub status: String,
    pub exit_code: i64,
    /// Its main process, as the engine's machine numbers it; 0 if it does not run.
    pub process: i64,
    /// `healthy`, `unhealthy`, `starting`; `None` without a health check.
    pub health: Option<String>,
    /// The last health checks that the engine ran, oldest first.
    pub health_log: Vec<HealthRun>,
    pub out_of_memory: bool,
    /// Why the engine could not start it, in its words; empty if it could.
    pub error: String,
    /// How often the engine has started it again.
    pub restart_count: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last started and when it last ended; the year 1 if it never did.
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub tty: bool,
    /// Whether it reads what it is sent.
    pub open_stdin: bool,
    /// As whom its process runs; empty if nobody has said.
    pub user: String,
    /// Whether the engine starts it again when it ends with success.
    pub restarts: bool,
    /// How often the engine starts it again when it fails; 0 if it does not.
    pub retries: i64,
    /// The health test and its times, if it has one.
    pub health_test: Option<HealthTest>,
    /// Seconds between stop signal and kill, if the container has its own.
    pub stop_timeout: Option<i64>,
    /// The signal that asks it to stop, by name.
    pub stop_signal: String,
    /// Its process, with arguments.
    pub command: Vec<String>,
    /// Whether a process of the engine's passes signals on.
    pub init: bool,
}

/// One run of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthRun {
    pub start: Timestamp,
    pub exit_code: i64,
    /// What it wrote, without blanks around it.
    pub output: String,
}

impl Inspected {
    /// Whether the engine has found it unhealthy since its last start; what it was before does not
    /// matter, although some engines still tell it until their first check.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.health.as_deref() == Some("unhealthy")
            && self
                .health_log
                .last()
                .is_none_or(|run| run.start >= self.started_at || run.start == Timestamp::MIN)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WaitAnswer {
    status_code: i64,
}

/// Processes of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Processes {
    pub titles: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub processes: Vec<Vec<String>>,
}

/// How a container is tested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthTest {
    pub command: Vec<String>,
    /// Between two tests.
    pub interval: Duration,
    /// A test that takes longer has failed.
    pub timeout: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectAnswer {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    created: String,
    #[serde(default)]
    restart_count: i64,
    #[serde(default)]
    path: String,
    #[serde(default, deserialize_with = "nullable")]
    args: Vec<String>,
    state: StateAnswer,
    #[serde(default)]
    config: Option<ConfigAnswer>,
    host_config: Option<HostAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostAnswer {
    init: Option<bool>,
    restart_policy: Option<RestartAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RestartAnswer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    maximum_retry_count: i64,
}

impl RestartAnswer {
    fn retries(&self) -> i64 {
        match (&*self.name, self.maximum_retry_count) {
            ("always" | "unless-stopped", _) | ("on-failure", 0) => i64::MAX,
            ("on-failure", most) => most,
            _ => 0,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateAnswer {
    #[serde(deserialize_with = "state_word")]
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    pid: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
    #[serde(default)]
    error: String,
    health: Option<HealthAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthAnswer {
    #[serde(default)]
    status: String,
    log: Option<Vec<HealthLog>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthLog {
    #[serde(default)]
    start: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    output: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigAnswer {
    #[serde(default)]
    tty: bool,
    #[serde(default)]
    open_stdin: bool,
    #[serde(default)]
    user: String,
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    stop_timeout: Option<i64>,
    #[serde(default)]
    stop_signal: Option<String>,
    healthcheck: Option<TestAnswer>,
    shell: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestAnswer {
    test: Option<Vec<String>>,
    /// Nanoseconds; 0 stands for the engine's default.
    #[serde(default)]
    interval: i64,
    #[serde(default)]
    timeout: i64,
}

/// What engines take where a container says no time to stop.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// What engines take where a health check says no time.
const DEFAULT_HEALTH_TIME: Duration = Duration::from_secs(30);

impl TestAnswer {
    /// `shell` is what the image wants commands run by.
    fn read(self, shell: Option<Vec<String>>) -> Option<HealthTest> {
        let mut words = self.test?.into_iter();
        let command = match words.next()?.as_str() {
            "CMD" => words.collect(),
            "CMD-SHELL" => {
                let shell = shell.filter(|shell| !shell.is_empty());
                let mut command =
                    shell.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
                command.extend(words);
                command
            }
            _ => return None,
        };
        let time = |nanoseconds: i64| match u64::try_from(nanoseconds) {
            Ok(0) | Err(_) => DEFAULT_HEALTH_TIME,
            Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
        };
        let (interval, timeout) = (time(self.interval), time(self.timeout));
        Some(HealthTest { command, interval, timeout })
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::MIN)
}

/// The name of a signal, of which engines may know the number alone.
fn signal_name(word: &str) -> String {
    match word {
        "" | "15" => "SIGTERM".to_owned(),
        "1" => "SIGHUP".to_owned(),
        "2" => "SIGINT".to_owned(),
        "3" => "SIGQUIT".to_owned(),
        "10" => "SIGUSR1".to_owned(),
        "12" => "SIGUSR2".to_owned(),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("signal {number}"),
        name if name.starts_with("SIG") => name.to_owned(),
        name => format!("SIG{name}"),
    }
}

impl Inspected {
    /// Whether its restart policy has the engine start it again after an end with `code`.
    #[must_use]
    pub fn is_to_start_again(&self, code: i64) -> bool {
        (self.restarts || code != 0) && self.restart_count < self.retries
    }

    /// The time between stop signal and kill, if a request names none.
    #[must_use]
    pub fn grace(&self) -> Duration {
        let own = self.stop_timeout.and_then(|seconds| u64::try_from(seconds).ok());
        own.map_or(DEFAULT_GRACE, Duration::from_secs)
    }

    /// From when on output is that of the last start. The engine takes note of a start only after the
    /// process has begun to write, so this is the end before it where that is known.
    #[must_use]
    pub fn last_output_since(&self) -> Timestamp {
        self.finished_at.min(self.started_at)
    }
}

impl Engine {
    /// Starts a container; one that runs already is fine.
    ///
    /// # Errors
    /// Those of the engine: most problems of a container show here, not on create.
    pub async fn start(&self, id: &str) -> Result<(), Error> {
        let started = self.docker.start_container(id, None).await.map_err(Error::from);
        match started.as_ref().err().and_then(Error::ambiguous_network) {
            Some(network) => {
                self.keep_one_network(network).await?;
                Ok(self.docker.start_container(id, None).await?)
            }
            None => started,
        }
    }

    /// Stops a container: the signal, then the kill after `grace`, or after the container's own time.
    ///
    /// # Errors
    /// Those of the engine; a container that is gone or not running is fine.
    pub async fn stop(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let mut options = StopContainerOptionsBuilder::default();
        if let Some(seconds) = self.seconds(id, grace).await {
            options = options.t(seconds);
        }
        let docker = self.docker.clone().with_timeout(LONGEST_STOP);
        match docker.stop_container(id, Some(options.build())).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// Kills a container at once.
    ///
    /// # Errors
    /// Those of the engine; a container that is gone or not running is fine.
    pub async fn kill(&self, id: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        match self.docker.kill_container(id, Some(options)).await.map_err(Error::from) {
            Err(Error::NotFound(_) | Error::Conflict(_)) => Ok(()),
            other => other,
        }
    }

    /// Sends a signal to a container.
    ///
    /// # Errors
    /// Those of the engine, also if the container does not run.
    pub async fn signal(&self, id: &str, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        Ok(self.docker.kill_container(id, Some(options)).await?)
    }

    /// Stops a container as [`Engine::stop`] does, if it runs, and starts it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn restart(&self, id: &str, grace: Option<Duration>) -> Result<(), Error> {
        let mut options = RestartContainerOptionsBuilder::default();
        if let Some(seconds) = self.seconds(id, grace).await {
            options = options.t(seconds);
        }
        let docker = self.docker.clone().with_timeout(LONGEST_STOP);
        Ok(docker.restart_container(id, Some(options.build())).await?)
    }

    /// Freezes the processes of a container.
    ///
    /// # Errors
    /// Those of the engine, also if it does not run or is paused already.
    pub async fn pause(&self, id: &str) -> Result<(), Error> {
        Ok(self.docker.pause_container(id).await?)
    }

    /// Lets the processes of a container go on.
    ///
    /// # Errors
    /// Those of the engine, also if it is not paused.
    pub async fn unpause(&self, id: &str) -> Result<(), Error> {
        Ok(self.docker.unpause_container(id).await?)
    }

    /// Waits until a container has ended, and gives its exit code.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn wait(&self, id: &str) -> Result<i64, Error> {
        let path = format!("/containers/{id}/wait");
        let answer: WaitAnswer = self.transport.post(&path, &serde_json::json!({})).await?;
        Ok(answer.status_code)
    }

    /// The processes of a container, as the host's `ps` tells them.
    ///
    /// # Errors
    /// Those of the engine; a container that does not run is one of them.
    pub async fn top(&self, id: &str) -> Result<Processes, Error> {
        self.transport.get(&format!("/containers/{id}/top")).await
    }

    /// Whether the engine starts a container again that ended at `end`, with `code`. Not every engine
    /// knows at once: who is `patient` waits for a moment.
    ///
    /// # Errors
    /// Those of the engine; a container that is gone is not started again.
    pub async fn starts_again(
        &self,
        id: &str,
        end: Timestamp,
        code: i64,
        patient: bool,
    ) -> Result<bool, Error> {
        let may_be_late = patient && quirks::restarts_late(self.facts());
        let mut looks = if may_be_late { RESTART_LOOKS } else { 1 };
        loop {
            let container = match self.inspect(id).await {
                Err(Error::NotFound(_)) => return Ok(false),
                other => other?,
            };
            let state = State::parse(&container.status);
            if matches!(state, State::Restarting | State::Running)
                || (may_be_late && container.started_at > end)
            {
                return Ok(true);
            }
            looks -= 1;
            if looks == 0 || !container.is_to_start_again(code) {
                return Ok(false);
            }
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }

    /// The seconds between stop signal and kill that a request must name; `None` leaves them to the
    /// engine, which knows the container's own.
    async fn seconds(&self, id: &str, grace: Option<Duration>) -> Option<i32> {
        let seconds = match grace {
            Some(grace) => i64::try_from(grace.as_secs()).unwrap_or(i64::MAX),
            None if quirks::needs_grace(self.facts()) => {
                let own = self.inspect(id).await.ok().and_then(|container| container.stop_timeout);
                own.unwrap_or(10)
            }
            None => return None,
        };
        Some(i32::try_from(seconds).unwrap_or(i32::MAX))
    }

    /// Removes a container, with its anonymous volumes if `volumes`.
    ///
    /// # Errors
    /// Those of the engine; a container that is gone is fine.
    pub async fn remove(&self, id: &str, volumes: bool) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::default().v(volumes).force(true).build();
        match self.docker.remove_container(id, Some(options)).await.map_err(Error::from) {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rename(&self, id: &str, name: &str) -> Result<(), Error> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        Ok(self.docker.rename_container(id, options).await?)
    }

    /// All that the engine tells of a container, in the words of Docker.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn describe(&self, id: &str) -> Result<serde_json::Value, Error> {
        let mut told = self.transport.get(&format!("/containers/{id}/json")).await?;
        if quirks::has_words_of_its_own(self.facts()) {
            retell(&mut told);
        }
        Ok(told)
    }

    /// Looks at one container.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn inspect(&self, id: &str) -> Result<Inspected, Error> {
        let answer: InspectAnswer = self.transport.get(&format!("/containers/{id}/json")).await?;
        let health = answer
            .state
            .health
            .filter(|health| !health.status.is_empty() && health.status != "none");
        let runs = health.as_ref().and_then(|health| health.log.as_ref());
        let health_log = runs.into_iter().flatten().map(|run| HealthRun {
            start: moment(&run.start),
            exit_code: run.exit_code,
            output: run.output.trim().to_owned(),
        });
        let init = answer.host_config.as_ref().and_then(|host| host.init);
        let policy = answer.host_config.and_then(|host| host.restart_policy);
        let signal = answer.config.as_ref().and_then(|config| config.stop_signal.as_deref());
        Ok(Inspected {
            retries: policy.as_ref().map_or(0, RestartAnswer::retries),
            restarts: policy
                .is_some_and(|policy| matches!(&*policy.name, "always" | "unless-stopped")),
            stop_signal: signal_name(signal.unwrap_or("")),
            command: std::iter::once(answer.path).chain(answer.args).collect(),
            init: init.unwrap_or(false),
            id: answer.id,
            labels: answer
                .config
                .as_ref()
                .and_then(|config| config.labels.clone())
                .unwrap_or_default(),
            name: answer.name.trim_start_matches('/').to_owned(),
            status: answer.state.status,
            process: answer.state.pid,
            exit_code: answer.state.exit_code,
            health_log: health_log.collect(),
            error: answer.state.error,
            restart_count: answer.restart_count,
            created_at: moment(&answer.created),
            health: health.map(|health| health.status),
            out_of_memory: answer.state.oom_killed,
            started_at: moment(&answer.state.started_at),
            finished_at: moment(&answer.state.finished_at),
            tty: answer.config.as_ref().is_some_and(|config| config.tty),
            open_stdin: answer.config.as_ref().is_some_and(|config| config.open_stdin),
            user: answer.config.as_ref().map(|config| config.user.clone()).unwrap_or_default(),
            stop_timeout: answer.config.as_ref().and_then(|config| config.stop_timeout),
            health_test: answer.config.and_then(|it| it.healthcheck?.read(it.shell)),
        })
    }
}

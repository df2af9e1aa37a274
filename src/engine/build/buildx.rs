//! Builds by `buildx`, for what the engine's own builder cannot do: other builders, caches that are kept
//! elsewhere, and images for several machines where the engine keeps one.

use std::path::PathBuf;
use std::process::Stdio;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};
use jiff::Timestamp as Time;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::engine::build::bake::{BakeOptions, bake};
use crate::engine::build::progress::Steps;
use crate::engine::contexts::DockerConfig;
use crate::engine::error::{BuildFailure, Error};
use crate::env::Env;
use crate::event::BuildEvent;
use crate::spec::{BuildContext, BuildSpec, NamedContext, SecretSource};

/// Who builds what the engine's own builder does not.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Buildx {
    /// The builder that somebody has chosen.
    builder: Option<String>,
    program: Option<PathBuf>,
    /// The engine, for those who do not read our flags.
    host: String,
}

impl Buildx {
    /// Finds the program, and the builder that the user has chosen.
    pub(in crate::engine) fn find(env: &Env, host: String) -> Self {
        let config = DockerConfig::find(env);
        let chosen = env.non_empty("BUILDX_BUILDER").map(str::to_owned);
        let builder = chosen.or_else(|| config.builder()).filter(|name| name != DEFAULT);
        Self { builder, program: config.plugin("buildx"), host }
    }

    /// The same, with the builder that the command line names.
    #[must_use]
    pub(in crate::engine) fn with_builder(&self, name: &str) -> Self {
        let builder = Some(name.to_owned()).filter(|name| name != DEFAULT);
        Self { builder, ..self.clone() }
    }

    /// Whether somebody has chosen a builder that is not the engine's own.
    pub(super) fn is_chosen(&self) -> bool {
        self.builder.is_some()
    }

    /// Why a build needs it; `None` if the engine's own builder does. `keeps_all` says whether the engine
    /// can keep images for several machines, and what is attached to them.
    pub(super) fn reason(&self, spec: &BuildSpec, keeps_all: bool) -> Option<&'static str> {
        let kind = |text: &String| {
            let fields = text.split(',').find_map(|field| field.trim().strip_prefix("type="));
            fields
                .map_or("registry", |kind| if kind.is_empty() { "registry" } else { kind })
                .to_owned()
        };
        let attests = |value: &Option<String>| value.as_deref().is_some_and(|it| it != "false");
        let is_layout = |context: &NamedContext| matches!(context, NamedContext::Remote(address) if address.starts_with("oci-layout://"));
        if self.builder.is_some() {
            Some("another builder is chosen")
        } else if spec.cache_from.iter().any(|it| kind(it) != "registry") {
            Some("`cache_from` names a cache that is in no registry")
        } else if spec.cache_to.iter().any(|it| kind(it) != "inline" && !keeps_all) {
            Some("`cache_to` wants the cache kept outside the image")
        } else if spec.cache_to.iter().any(|it| !["inline", "registry"].contains(&&*kind(it))) {
            Some("`cache_to` names a cache that is in no registry")
        } else if spec.platforms.len() > 1 && !keeps_all {
            Some("`platforms` wants one image for several machines")
        } else if (attests(&spec.provenance) || attests(&spec.sbom)) && !keeps_all {
            Some("`provenance` and `sbom` want something attached to the image")
        } else if spec.contexts.values().any(is_layout) {
            Some("`additional_contexts` names an image in a folder")
        } else {
            None
        }
    }

    /// Whether [`Buildx::reason`] may depend on what the engine keeps.
    pub(super) fn depends(&self, spec: &BuildSpec) -> bool {
        self.reason(spec, false) != self.reason(spec, true)
    }

    /// Starts the program with builds on its standard input.
    async fn start(
        &self,
        specs: &[&BuildSpec],
        options: BakeOptions,
        target: Option<&str>,
        why: &str,
    ) -> Result<Child, Error> {
        let program = self.program.as_ref().ok_or_else(|| Error::Endpoint {
            message: format!(
                "{why}, which needs the program `docker-buildx`, and that is not installed"
            ),
            help: Some("install the buildx plugin of Docker's command line".to_owned()),
        })?;
        let mut command = Command::new(program);
        // As a plugin, it is told its own name first.
        command.args(["buildx", "bake", "--file", "-", "--progress", "rawjson"]);
        for folder in specs.iter().flat_map(|spec| folders(spec)) {
            command.arg("--allow").arg(format!("fs.read={folder}"));
        }
        if specs.iter().any(|spec| spec.entitlements.iter().any(|it| it == "security.insecure")) {
            command.args(["--allow", "security.insecure"]);
        }
        if specs.iter().any(|spec| spec.network.as_deref() == Some("host")) {
            command.args(["--allow", "network.host"]);
        }
        if let Some(builder) = &self.builder {
            command.args(["--builder", builder]);
        }
        command.args(target);
        command.env("DOCKER_HOST", &self.host);
        for secret in specs.iter().flat_map(|spec| &spec.secrets) {
            if let SecretSource::Variable { name, value: Some(value) } = &secret.source {
                command.env(name, value);
            }
        }
        let failed = |error: std::io::Error| Error::Endpoint {
            message: format!("cannot run `{}`: {error}", program.display()),
            help: None,
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // One that ends before it has read all says why.
            let _ = input.write_all(bake(specs, options).as_bytes()).await;
        }
        Ok(child)
    }

    /// Builds an image; `others` are the builds that it may start from.
    pub(super) async fn build(
        &self,
        spec: &BuildSpec,
        others: &[BuildSpec],
        options: BakeOptions,
        why: &str,
        tell: &dyn Fn(BuildEvent),
    ) -> Result<(), Error> {
        let mut specs: Vec<&BuildSpec> = vec![spec];
        specs.extend(others.iter().filter(|other| other.service != spec.service));
        let target = spec.service.replace('.', "_");
        let mut child = self.start(&specs, options, Some(&target), why).await?;
        let mut steps = Steps::default();
        let mut said = Vec::new();
        if let Some(output) = child.stderr.take() {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await? {
                match serde_json::from_str::<RawStatus>(&line) {
                    Ok(status) => steps.hear(&status.into(), tell),
                    Err(_) if line.trim().is_empty() => {}
                    Err(_) => said.push(line.trim_start_matches("ERROR: ").to_owned()),
                }
            }
        }
        if child.wait().await?.success() {
            return Ok(());
        }
        let (step, output) = steps.failed().unzip();
        let message = if said.is_empty() {
            "buildx has failed without a word".to_owned()
        } else {
            said.join("\n")
        };
        let output = output.unwrap_or_default();
        Err(Error::Build(Box::new(BuildFailure { message, step, output, place: None })))
    }

    /// Has Dockerfiles checked; gives what is to be shown, and whether all is well.
    pub(super) async fn check(&self, specs: &[&BuildSpec]) -> Result<(Vec<u8>, bool), Error> {
        let options = BakeOptions { check: true, ..BakeOptions::default() };
        let mut child = self.start(specs, options, None, "`--check` checks Dockerfiles").await?;
        let mut shown = Vec::new();
        let output = child.stdout.take();
        let errors = child.stderr.take();
        let reading = async {
            if let Some(mut output) = output {
                output.read_to_end(&mut shown).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let mut said = String::new();
        let hearing = async {
            if let Some(errors) = errors {
                let mut lines = BufReader::new(errors).lines();
                while let Some(line) = lines.next_line().await? {
                    if serde_json::from_str::<RawStatus>(&line).is_err() {
                        said.push_str(&line);
                        said.push('\n');
                    }
                }
            }
            Ok::<_, std::io::Error>(())
        };
        let (read, heard) = futures_util::future::join(reading, hearing).await;
        read?;
        heard?;
        let is_well = child.wait().await?.success();
        if !is_well && shown.is_empty() {
            let message = said.trim().trim_start_matches("ERROR: ").to_owned();
            return Err(Error::Build(Box::new(BuildFailure {
                message,
                ..BuildFailure::default()
            })));
        }
        Ok((shown, is_well))
    }
}

/// The builder that is the engine's own.
const DEFAULT: &str = "default";

/// The folders of this machine that a build reads.
fn folders(spec: &BuildSpec) -> Vec<&str> {
    let context = match &spec.context {
        BuildContext::Folder(folder) => Some(folder.as_str()),
        BuildContext::Remote(_) => None,
    };
    let others = spec.contexts.values().filter_map(|context| match context {
        NamedContext::Folder(folder) => Some(folder.as_str()),
        NamedContext::Service { .. } | NamedContext::Remote(_) => None,
    });
    context.into_iter().chain(others).collect()
}

/// A line of `--progress rawjson`: what builders tell, as JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    vertexes: Option<Vec<RawVertex>>,
    statuses: Option<Vec<RawPart>>,
    logs: Option<Vec<RawLog>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawVertex {
    digest: String,
    name: String,
    started: Option<String>,
    completed: Option<String>,
    cached: bool,
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawPart {
    id: String,
    vertex: String,
    current: i64,
    total: i64,
    timestamp: Option<String>,
    started: Option<String>,
    completed: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawLog {
    vertex: String,
    /// In Base64.
    data: String,
    timestamp: Option<String>,
}

impl From<RawStatus> for StatusResponse {
    fn from(raw: RawStatus) -> Self {
        use base64::Engine as _;
        let time = |text: Option<String>| {
            let time: Time = text?.parse().ok()?;
            Some(Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
        };
        let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text);
        Self {
            vertexes: raw
                .vertexes
                .into_iter()
                .flatten()
                .map(|it| Vertex {
                    digest: it.digest,
                    name: it.name,
                    cached: it.cached,
                    started: time(it.started),
                    completed: time(it.completed),
                    error: it.error,
                    ..Vertex::default()
                })
                .collect(),
            statuses: raw
                .statuses
                .into_iter()
                .flatten()
                .map(|it| VertexStatus {
                    id: it.id,
                    vertex: it.vertex,
                    current: it.current,
                    total: it.total,
                    timestamp: time(it.timestamp),
                    started: time(it.started),
                    completed: time(it.completed),
                    ..VertexStatus::default()
                })
                .collect(),
            logs: raw
                .logs
                .into_iter()
                .flatten()
                .map(|it| VertexLog {
                    vertex: it.vertex,
                    timestamp: time(it.timestamp),
                    msg: decode(&it.data).unwrap_or_default(),
                    ..VertexLog::default()
                })
                .collect(),
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_cannot_do_has_a_reason() {
        let own = Buildx { builder: None, program: None, host: String::new() };
        let reason = |change: fn(&mut BuildSpec), keeps_all| {
            let mut spec = BuildSpec::default();
            change(&mut spec);
            own.reason(&spec, keeps_all).is_some()
        };
        assert!(!reason(|_| {}, false));
        assert!(!reason(|it| it.cache_from = vec!["a:1".into()], false));
        assert!(reason(|it| it.cache_from = vec!["type=local,src=x".into()], true));
        assert!(!reason(|it| it.cache_to = vec!["type=inline".into()], false));
        assert!(reason(|it| it.cache_to = vec!["type=registry,ref=x".into()], false));
        assert!(!reason(|it| it.cache_to = vec!["type=registry,ref=x".into()], true));
        assert!(reason(|it| it.platforms = vec!["a".into(), "b".into()], false));
        assert!(!reason(|it| it.platforms = vec!["a".into(), "b".into()], true));
        assert!(reason(|it| it.sbom = Some("true".into()), false));
        assert!(!reason(|it| it.sbom = Some("false".into()), false));
        let other = own.with_builder("mine");
        assert!(other.reason(&BuildSpec::default(), true).is_some());
        assert!(other.with_builder("default").reason(&BuildSpec::default(), true).is_none());
    }

    #[test]
    fn lines_of_progress_are_read() {
        let line = r#"{"vertexes":[{"digest":"d","name":"RUN x","started":"2026-01-01T00:00:01Z"}],
            "logs":[{"vertex":"d","stream":1,"data":"aGk=","timestamp":"2026-01-01T00:00:02.5Z"}]}"#;
        let status: StatusResponse = serde_json::from_str::<RawStatus>(line).unwrap().into();
        assert_eq!(status.vertexes[0].name, "RUN x");
        assert_eq!(status.logs[0].msg, b"hi");
        assert_eq!(status.logs[0].timestamp.as_ref().unwrap().nanos, 500_000_000);
    }
}

//! Work of other programs: models are fetched, and providers provide services. What they tell is in the
//! environment of those that use them before their containers are planned.
#![expect(clippy::disallowed_methods, reason = "programs are found on the disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::compose::keys::provider::Provider;
use crate::compose::model::Model;
use crate::compose::project::Project;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::credentials::Credentials;
use crate::engine::endpoint::Wanted;
use crate::engine::{DockerConfig, Engine, is_executable};
use crate::env::Env;
use crate::event::Subject;
use crate::execute::Outcome;
use crate::plan::{self, Work};
use crate::source::Span;
use crate::spec::{ProgramCall, Provided, Speaks};
use crate::yaml::Node;

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Up,
    Down,
    /// Only if it says that it can.
    Stop,
}

/// What a provider says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    description: String,
    up: Option<CommandMetadata>,
    down: Option<CommandMetadata>,
    stop: Option<CommandMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CommandMetadata {
    parameters: Option<Vec<Parameter>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameter {
    name: String,
    required: bool,
}

impl Metadata {
    fn is_empty(&self) -> bool {
        let says_nothing = |command: &Option<CommandMetadata>| {
            command.as_ref().is_none_or(|command| command.parameters.is_none())
        };
        self.description.is_empty() && says_nothing(&self.up) && says_nothing(&self.down)
    }
}

/// Has other programs do their part for the services of a model that is to be started. Gives whether
/// the model is another one now.
///
/// # Errors
/// Programs that are not there, or fail.
pub(super) async fn work(
    model: &mut Model,
    engine: &Engine,
    context: &mut Context,
    signals: &mut Signals,
) -> Result<bool, Error> {
    let project = Project::new(model).map_err(|problem| Error::Project(problem.into()))?;
    if !project.models.is_empty() {
        let path =
            DockerConfig::find(&context.env).plugin("model").ok_or_else(|| no_models(model))?;
        let (parts, variables) = models(&path, &project, model)?;
        session::carry_out(
            &plan::work(parts),
            &project.name,
            Some(model),
            engine,
            context,
            signals,
        )
        .await?;
        for (service, name, value) in variables {
            set_variable(model, &service, &name, &value);
        }
    }
    let mut calls = provider_calls(model, Verb::Up, &BTreeSet::new(), context)?;
    let mut parts = Vec::new();
    for service in model.graph().in_order() {
        let Some(call) = calls.remove(service) else { continue };
        let depends_on = project.services[service].depends_on.keys().cloned().collect();
        parts.push(Work {
            subject: Subject::Provider(service.to_owned()),
            call,
            begin: "Creating",
            end: "Created",
            after: depends_on,
        });
    }
    if !parts.is_empty() {
        let plan = plan::work(parts);
        let report =
            session::carry_out(&plan, &project.name, Some(model), engine, context, signals).await?;
        for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
            if let (Outcome::Provided(variables), Some(service)) = (outcome, &step.service) {
                let warnings = provide(model, &project, service, variables);
                context.show(&warnings);
            }
        }
    }
    let has_providers = project.services.values().any(|service| service.provider.is_some());
    Ok(has_providers || !project.models.is_empty())
}

/// Says that a plan does not know what other programs would tell: they are run by `up` alone.
pub(super) fn warn_of_silence(model: &Model, context: &mut Context) {
    let mut warnings = Diagnostics::default();
    let mut services = model.services.iter();
    let asks = |key: &str, node: &Node| node.get(key).is_some_and(|node| !node.is_null());
    let found = services.find_map(|(name, entry)| {
        let keys = ["provider", "models"];
        keys.into_iter().find(|key| asks(key, &entry.node)).map(|key| (name, key))
    });
    if let Some((name, key)) = found {
        let span = model.span(&["services", name, key]);
        let message = "providers and models are not asked for a plan; services that use them may differ from it";
        warnings.push(Diagnostic::warning(span, message));
    }
    context.show(&warnings);
}

/// Gives the variables of a provider to those that depend on its service.
fn provide(
    model: &mut Model,
    project: &Project,
    service: &str,
    variables: &[Provided],
) -> Diagnostics {
    let mut warnings = Diagnostics::default();
    let prefix = format!("{}_", service.to_uppercase());
    for (name, dependent) in &project.services {
        if !dependent.depends_on.contains_key(service) {
            continue;
        }
        for variable in variables {
            let prefix = if variable.raw { "" } else { &prefix };
            let key = format!("{prefix}{}", variable.name);
            if variable.raw && dependent.environment.contains_key(&key) {
                let span = model.span(&["services", name, "environment", &key]);
                let message =
                    format!("`{key}` of `{name}` is overridden by the provider of `{service}`");
                warnings.push(Diagnostic::warning(span, message));
            }
            set_variable(model, name, &key, &variable.value);
        }
    }
    warnings
}

/// Sets a variable of a service.
pub(super) fn set_variable(model: &mut Model, service: &str, name: &str, value: &str) {
    let Some(entry) = model.services.get_mut(service) else { return };
    let span = entry.key;
    if entry.node.get("environment").is_none() {
        entry.node.set("environment", span, Node::map(span, []));
    }
    if let Some(environment) = entry.node.get_mut("environment") {
        environment.set(name, span, Node::text(span, value));
    }
}

/// Who calls other programs: they see the engine that was asked for.
pub(super) struct Caller<'a> {
    env: &'a Env,
    engine: Wanted,
}

impl<'a> Caller<'a> {
    pub(super) fn new(env: &'a Env, engine: Wanted) -> Self {
        Self { env, engine }
    }

    fn of(context: &'a Context) -> Self {
        Self::new(&context.env, context.engine())
    }
}

/// As [`calls`], for a command that does nothing else at this time.
///
/// # Errors
/// As [`calls`].
pub(super) fn provider_calls(
    model: &Model,
    verb: Verb,
    services: &BTreeSet<String>,
    context: &Context,
) -> Result<BTreeMap<String, ProgramCall>, Error> {
    calls(model, verb, services, &Caller::of(context))
}

/// What the providers of services (all if none are named) are called with, by service.
///
/// # Errors
/// Providers that are not there, and options that they need.
pub(super) fn calls(
    model: &Model,
    verb: Verb,
    services: &BTreeSet<String>,
    caller: &Caller<'_>,
) -> Result<BTreeMap<String, ProgramCall>, Error> {
    let project = Project::new(model).map_err(|problem| Error::Project(problem.into()))?;
    let mut calls = BTreeMap::new();
    let mut problems = Diagnostics::default();
    for (name, service) in &project.services {
        let Some(provider) = &service.provider else { continue };
        if !services.is_empty() && !services.contains(name) {
            continue;
        }
        match provider_call(model, name, provider, verb, caller) {
            Ok(Some(call)) => {
                calls.insert(name.clone(), call);
            }
            Ok(None) => {}
            Err(message) => {
                let span = model.span(&["services", name, "provider", "type"]);
                let message = format!("service `{name}`: {message}");
                problems.push(Diagnostic::error(span, message));
            }
        }
    }
    if problems.is_empty() { Ok(calls) } else { Err(Error::Project(problems)) }
}

fn provider_call(
    model: &Model,
    service: &str,
    provider: &Provider,
    verb: Verb,
    caller: &Caller<'_>,
) -> Result<Option<ProgramCall>, String> {
    let kind = &provider.kind;
    if kind == "compose" {
        return Err("`compose` is not a valid provider type".to_owned());
    }
    let path = DockerConfig::find(caller.env).plugin(kind).or_else(|| on_path(kind, caller.env)).ok_or_else(|| {
        format!("the provider is not installed: no plugin `docker-{kind}` of Docker's command line is there, and no executable file `{kind}` in $PATH")
    })?;
    let env = environment(model, caller);
    let metadata = metadata(&path, kind, &env, caller.env);
    let knows = !metadata.is_empty();
    let (word, command) = match verb {
        Verb::Up => ("up", metadata.up.unwrap_or_default()),
        Verb::Down => ("down", metadata.down.unwrap_or_default()),
        Verb::Stop => match metadata.stop {
            Some(command) => ("stop", command),
            None => return Ok(None),
        },
    };
    let parameters = command.parameters.unwrap_or_default();
    let mut required = parameters.iter().filter(|parameter| parameter.required);
    if knows && let Some(missing) = required.find(|it| !provider.options.contains_key(&it.name)) {
        return Err(format!(
            "required parameter \"{}\" is missing from provider \"{kind}\" definition",
            missing.name
        ));
    }
    let mut arguments =
        vec!["compose".to_owned(), format!("--project-name={}", model.name), word.to_owned()];
    for (name, values) in &provider.options {
        if !knows || parameters.iter().any(|parameter| parameter.name == *name) {
            arguments.extend(values.iter().map(|value| format!("--{name}={value}")));
        }
    }
    arguments.push(service.to_owned());
    let program = path.to_string_lossy().into_owned();
    Ok(Some(ProgramCall { program, arguments, env, speaks: Speaks::Provider }))
}

/// What a provider says of itself; not all do.
fn metadata(path: &Path, kind: &str, env: &BTreeMap<String, String>, user: &Env) -> Metadata {
    let output = output(path, &["compose", "metadata"], env);
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return Metadata::default();
    };
    let Ok(metadata) = serde_json::from_slice(&output.stdout) else {
        return Metadata::default();
    };
    // Nothing here depends on it.
    let _ = remember(kind, &output.stdout, user);
    metadata
}

/// Keeps what a provider says of itself where the peer keeps it, for editors that complete its options.
fn remember(kind: &str, metadata: &[u8], env: &Env) -> io::Result<()> {
    let Some(folder) =
        DockerConfig::find(env).folder().map(Path::to_owned).filter(|_| !kind.contains('/'))
    else {
        return Ok(());
    };
    let folder = folder.join("compose/providers");
    let path = folder.join(format!("{kind}.json"));
    if std::fs::read(&path).is_ok_and(|known| known == metadata) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(metadata)
}

fn output(
    path: &Path,
    arguments: &[&str],
    env: &BTreeMap<String, String>,
) -> std::io::Result<Output> {
    let mut command = Command::new(path);
    command.args(arguments).env_clear().envs(env).stdin(std::process::Stdio::null());
    command.output()
}

/// The variables that programs see: those of the project, and the engine that was asked for.
fn environment(model: &Model, caller: &Caller<'_>) -> BTreeMap<String, String> {
    let mut env = model.env.clone();
    let (host, context) = (&caller.engine.host, &caller.engine.context);
    for (name, value) in [("DOCKER_HOST", host), ("DOCKER_CONTEXT", context)] {
        if let Some(value) = value {
            env.insert(name.to_owned(), value.clone());
        }
    }
    env
}

fn no_models(model: &Model) -> Error {
    let message = "'models' support requires Docker Model plugin";
    let problem = Diagnostic::error(model.span(&["models"]), message)
        .help("install the plugin `docker-model` of Docker's command line");
    Error::Project(problem.into())
}

/// A service, and a variable of it with its value.
type Variable = (String, String, String);

/// What is to be done for the models of a project, and the variables that tell services of them.
fn models(
    path: &Path,
    project: &Project,
    model: &Model,
) -> Result<(Vec<Work>, Vec<Variable>), Error> {
    #[derive(Deserialize)]
    struct Status {
        endpoint: String,
    }
    #[derive(Deserialize)]
    struct Available {
        #[serde(default)]
        tags: Vec<String>,
    }
    let known: Vec<Available> = ask(path, &["ls", "--json"], model)?;
    let status: Status = ask(path, &["status", "--json"], model)?;
    let mut parts = Vec::new();
    for (key, wanted) in &project.models {
        let name = wanted.name.clone().filter(|name| !name.is_empty());
        let subject = Subject::Model(name.unwrap_or_else(|| key.clone()));
        let work = |arguments: Vec<String>, begin, end| Work {
            subject: subject.clone(),
            call: ProgramCall {
                program: path.to_string_lossy().into_owned(),
                arguments,
                env: model.env.clone(),
                speaks: Speaks::Freely,
            },
            begin,
            end,
            after: Vec::new(),
        };
        if !known.iter().any(|it| it.tags.contains(&wanted.model)) {
            let arguments = vec!["pull".to_owned(), wanted.model.clone()];
            parts.push(work(arguments, "Pulling", "Pulled"));
        }
        let mut arguments = vec!["configure".to_owned()];
        if let Some(size) = wanted.context_size.filter(|size| *size > 0) {
            arguments.extend(["--context-size".to_owned(), size.to_string()]);
        }
        arguments.push(wanted.model.clone());
        if !wanted.runtime_flags.is_empty() {
            arguments.push("--".to_owned());
            arguments.extend(wanted.runtime_flags.iter().cloned());
        }
        parts.push(work(arguments, "Configuring", "Configured"));
    }
    let mut variables = Vec::new();
    for (service, used) in &project.services {
        for (key, names) in &used.models {
            let Some(wanted) = project.models.get(key) else { continue };
            let prefix = key.to_uppercase().replace('-', "_");
            let named = |name: Option<&String>, suffix: &str| {
                let name = name.filter(|name| !name.is_empty());
                name.cloned().unwrap_or_else(|| format!("{prefix}_{suffix}"))
            };
            let variable = names.clone().unwrap_or_default();
            let model_name = named(variable.model_var.as_ref(), "MODEL");
            variables.push((service.clone(), model_name, wanted.model.clone()));
            let endpoint = named(variable.endpoint_var.as_ref(), "URL");
            variables.push((service.clone(), endpoint, status.endpoint.clone()));
        }
    }
    Ok((parts, variables))
}

/// Asks the plugin of models something that it answers as JSON.
fn ask<T: serde::de::DeserializeOwned>(
    path: &Path,
    arguments: &[&str],
    model: &Model,
) -> Result<T, Error> {
    let what = arguments.join(" ");
    let failed = |cause: String| {
        let message = format!("`docker model {what}` failed: {cause}");
        Error::Project(Diagnostic::error(model.span(&["models"]), message).into())
    };
    let output = output(path, arguments, &model.env).map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}: {}", output.status, said.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// A program as shells find it.
fn on_path(name: &str, env: &Env) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(env.working_directory().join(name)).filter(|path| is_executable(path));
    }
    let folders = env.get("PATH").unwrap_or("").split(':').filter(|folder| !folder.is_empty());
    folders.map(|folder| Path::new(folder).join(name)).find(|path| is_executable(path))
}

/// Gives services with `use_api_socket` what the peer gives them: the engine's socket, and the logins
/// that the configuration of Docker's command line has.
///
/// # Errors
/// A runtime that cannot be had, which helpers are asked in.
pub(super) fn give_sockets(model: &mut Model, context: &Context) -> Result<(), Error> {
    const CONFIG: &str = "#apisocket";
    const SOCKET: &str = "/var/run/docker.sock";
    let wants = |node: &Node| node.get("use_api_socket").and_then(Node::as_bool) == Some(true);
    let services: Vec<String> = model
        .services
        .iter()
        .filter(|(_, entry)| wants(&entry.node))
        .map(|(name, _)| name.clone())
        .collect();
    if services.is_empty() {
        return Ok(());
    }
    let at = Span::NOWHERE;
    let credentials = Credentials::new(&context.env);
    let logins = session::block_on(async { Ok(credentials.config().await) })?;
    if model.rest.get("configs").is_none() {
        model.rest.set("configs", at, Node::map(at, []));
    }
    if let Some(configs) = model.rest.get_mut("configs") {
        configs.set(CONFIG, at, Node::map(at, [("content", Node::text(at, logins))]));
    }
    for service in services {
        let Some(entry) = model.services.get_mut(&service) else { continue };
        let span = entry.key;
        let text = |text: &str| Node::text(span, text);
        let mount = Node::map(
            span,
            [("type", text("bind")), ("source", text(SOCKET)), ("target", text(SOCKET))],
        );
        let config = Node::map(
            span,
            [("source", text(CONFIG)), ("target", text("/run/secrets/docker/config.json"))],
        );
        for (key, item) in [("volumes", mount), ("configs", config)] {
            match entry.node.get_mut(key).and_then(Node::as_list_mut) {
                Some(list) => list.push(item),
                None => entry.node.set(key, span, Node::list(span, vec![item])),
            }
        }
        // Who sets it knows where to look.
        if entry.node.at(["environment", "DOCKER_CONFIG"]).is_none() {
            set_variable(model, &service, "DOCKER_CONFIG", "/run/secrets/docker");
        }
    }
    Ok(())
}

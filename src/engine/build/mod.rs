//! Images made by the engine's builder.
//!
//! `BuildKit` is spoken to as its own clients do: a call asks for the build, another one tells how it
//! goes, and over sessions the builder fetches the files that it lacks. Services that share a context
//! share the session that offers it, and so its transfer. Nobody else is needed for it. Engines without it
//! are sent the files at once.

mod bake;
mod buildx;
mod classic;
mod failure;
mod grpc;
mod input;
mod progress;
mod request;
mod session;
mod ssh;
mod sync;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{
    ListWorkersRequest, ListWorkersResponse, SolveRequest, SolveResponse, StatusRequest,
    StatusResponse,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use crate::engine::Engine;
pub use crate::engine::build::bake::{BakeOptions, bake};
pub(super) use crate::engine::build::buildx::Buildx;
use crate::engine::build::grpc::{Channel, Service as _};
use crate::engine::build::input::ImageInput;
use crate::engine::build::progress::Steps;
use crate::engine::build::request::{Around, folder_of};
use crate::engine::build::session::Offers;
use crate::engine::build::ssh::Agent;
use crate::engine::build::sync::Shared;
use crate::engine::connect::encode;
use crate::engine::error::{BuildFailure, Error};
use crate::engine::quirks::{HOST_GATEWAY, builds};
use crate::event::BuildEvent;
use crate::spec::{BuildContext, BuildSpec, Dockerfile, NamedContext};

/// Something that a builder cannot do, or cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    /// The key of `build` that asks for it.
    key: &'static str,
    /// A clause.
    message: String,
    help: &'static str,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let Refusal { key, message, help } = refusal;
        Self::Endpoint { message: format!("`{key}`: {message}"), help: Some(help.to_owned()) }
    }
}

/// How long a builder may be silent on the steps of a build that is over.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The address of the host, as builders of Docker tell it.
const GATEWAY_LABEL: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/// What engines that keep all of an image say of where they keep it.
const SNAPSHOTTER: &str = "io.containerd.snapshotter.v1";

/// Builds images; several at once.
pub struct Builder<'a> {
    engine: &'a Engine,
    /// All builds that may be asked for, as they may need each other.
    all: Vec<BuildSpec>,
    /// Whether the engine keeps images for several machines, once that is known.
    keeps_all: OnceCell<bool>,
    channel: OnceCell<Channel>,
    /// The sessions that offer contexts, by their folders.
    contexts: Mutex<BTreeMap<String, String>>,
    /// Connections, which end with the builder.
    connections: RefCell<JoinSet<()>>,
}

impl Engine {
    /// A builder for these images.
    #[must_use]
    pub fn builder(&self, all: Vec<BuildSpec>) -> Builder<'_> {
        let all = all.into_iter().map(|spec| self.with_proxies(spec)).collect();
        Builder {
            engine: self,
            all,
            keeps_all: OnceCell::new(),
            channel: OnceCell::new(),
            contexts: Mutex::default(),
            connections: RefCell::default(),
        }
    }

    /// A build that finds proxies, as with Docker's clients; arguments of its own come first.
    fn with_proxies(&self, mut spec: BuildSpec) -> BuildSpec {
        for (name, value) in self.proxies() {
            spec.args.entry(name.clone()).or_insert_with(|| value.clone());
        }
        spec
    }
}

impl Builder<'_> {
    /// Builds an image; gives its ID if the builder tells it.
    ///
    /// # Errors
    /// What is missing here, what the builder cannot do, and what goes wrong with a step, with its place
    /// in the Dockerfile.
    pub async fn build(
        &self,
        spec: &BuildSpec,
        tell: &dyn Fn(BuildEvent),
    ) -> Result<Option<String>, Error> {
        let spec = &self.engine.with_proxies(spec.clone());
        let place = Place::find(spec)?;
        let buildx = &self.engine.buildx;
        if self.is_classic() {
            let logins = self.engine.credentials().config_header().await;
            return classic::build(self.engine, spec, &logins, tell).await;
        }
        let keeps_all = if buildx.depends(spec) { self.keeps_all().await? } else { true };
        if let Some(why) = buildx.reason(spec, keeps_all) {
            let options = BakeOptions::default();
            return buildx.build(spec, &self.all, options, why, tell).await.map(|()| None);
        }
        let channel = self.channel.get_or_try_init(|| self.connect()).await?;
        let mut offers = Offers::new(Arc::clone(&self.engine.credentials));
        if let Some(shared) = &place.shared {
            offers.folders.insert(request::DOCKERFILE.to_owned(), shared.clone());
        }
        for (name, context) in &spec.contexts {
            if let NamedContext::Folder(folder) = context {
                check_folder(folder)?;
                let folder = Shared::Folder(PathBuf::from(folder));
                offers.folders.insert(folder_of(name), folder);
            }
        }
        for secret in &spec.secrets {
            offers.secrets.insert(secret.id.clone(), secret.source.clone());
        }
        // They live as long as the build.
        let mut agents = Vec::new();
        for keys in &spec.ssh {
            let socket = agent(keys.path.as_deref(), &mut agents).await?;
            offers.agents.insert(keys.id.clone(), socket);
        }
        let context_session = match &spec.context {
            BuildContext::Folder(folder) => {
                // Builders before 0.9 know but one session for all that a build reads.
                let shared = Shared::Folder(PathBuf::from(folder));
                offers.folders.insert(request::CONTEXT.to_owned(), shared);
                Some(self.context_session(folder).await?)
            }
            BuildContext::Remote(_) => None,
        };
        let key = shared_key(&place.identity);
        let session = self.open_session(offers, &key).await?;
        let gateway = self.gateway(spec, channel).await?;
        let inputs = self.inputs(spec).await?;
        let reference = random_id()?;
        let around = Around {
            reference: &reference,
            session: &session,
            context_session: context_session.as_deref(),
            dockerfile: &place.name,
            local_dockerfile: place.shared.is_some(),
            inputs: &inputs,
            gateway: gateway.as_deref(),
        };
        let request = request::solve(spec, &around)?;
        solve(channel, request, tell).await
    }

    /// Whether the older builder is asked, or Podman's.
    fn is_classic(&self) -> bool {
        // A builder of `buildx` that somebody has chosen is better than one that the engine lacks.
        self.engine.classic && (self.engine.facts().buildkit || !self.engine.buildx.is_chosen())
    }

    /// What of a build has no effect here, as clauses.
    #[must_use]
    pub fn losses(&self, spec: &BuildSpec) -> Vec<String> {
        let classic = self.is_classic();
        let lost = builds::lost(spec, self.engine.facts()).filter(|_| !classic);
        lost.map(|loss| format!("`{}` has no effect on the build: {}", loss.asks, loss.says))
            .collect()
    }

    /// Has the Dockerfiles checked; gives what the checker writes, and whether all is well.
    ///
    /// # Errors
    /// A checker that is not there, or fails.
    pub async fn check(&self) -> Result<(Vec<u8>, bool), Error> {
        let specs: Vec<&BuildSpec> = self.all.iter().collect();
        self.engine.buildx.check(&specs).await
    }

    /// Whether the engine keeps all that belongs to an image: what is for other machines, and what is
    /// attached to it.
    async fn keeps_all(&self) -> Result<bool, Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Info {
            #[serde(default)]
            driver_status: Option<Vec<(String, String)>>,
        }
        let ask = async {
            let info: Info = self.engine.transport.get("/info").await?;
            let mut status = info.driver_status.into_iter().flatten();
            Ok(status.any(|(name, value)| name == "driver-type" && value == SNAPSHOTTER))
        };
        self.keeps_all.get_or_try_init(|| ask).await.copied()
    }

    async fn connect(&self) -> Result<Channel, Error> {
        let io = self.engine.transport.hijack("/grpc", &[]).await?;
        let (channel, connection) = Channel::open(io).await?;
        self.connections.borrow_mut().spawn(connection);
        Ok(channel)
    }

    /// Opens a session on which the builder can have what is offered; gives its ID.
    async fn open_session(&self, offers: Offers, key: &str) -> Result<String, Error> {
        let id = random_id()?;
        let mut headers = vec![
            ("x-docker-expose-session-uuid", id.as_str()),
            ("x-docker-expose-session-name", "rcompose"),
            ("x-docker-expose-session-sharedkey", key),
        ];
        let methods = Offers::METHODS.iter();
        headers.extend(methods.map(|method| ("x-docker-expose-session-grpc-method", *method)));
        let io = self.engine.transport.hijack("/session", &headers).await?;
        self.connections.borrow_mut().spawn(grpc::serve(io, Arc::new(offers)));
        Ok(id)
    }

    /// The session that offers a context, which is opened by the first who needs it.
    async fn context_session(&self, folder: &str) -> Result<String, Error> {
        let mut contexts = self.contexts.lock().await;
        if let Some(session) = contexts.get(folder) {
            return Ok(session.clone());
        }
        let mut offers = Offers::new(Arc::clone(&self.engine.credentials));
        let shared = Shared::Folder(PathBuf::from(folder));
        offers.folders.insert(request::CONTEXT.to_owned(), shared);
        let session = self.open_session(offers, &shared_key(folder)).await?;
        contexts.insert(folder.to_owned(), session.clone());
        Ok(session)
    }

    /// The images of other services that a build starts from, if it would ask registries for them.
    async fn inputs(&self, spec: &BuildSpec) -> Result<BTreeMap<String, ImageInput>, Error> {
        let mut inputs = BTreeMap::new();
        for (name, context) in spec.contexts.iter().filter(|_| spec.pull) {
            if let NamedContext::Service { image, .. } = context {
                let path = format!("/images/{}/json", encode(image));
                let inspected = self.engine.transport.get(&path).await?;
                inputs.insert(name.clone(), input::of(image, &inspected)?);
            }
        }
        Ok(inputs)
    }

    /// What stands for the host's address, if the build asks for it.
    async fn gateway(&self, spec: &BuildSpec, channel: &Channel) -> Result<Option<String>, Error> {
        if spec.extra_hosts.iter().all(|(_, address)| address != HOST_GATEWAY) {
            return Ok(None);
        }
        let question = ListWorkersRequest::default();
        let method = "/moby.buildkit.v1.Control/ListWorkers";
        let workers: Result<ListWorkersResponse, _> = channel.ask(method, question).await;
        let told = workers.ok().and_then(|workers| {
            workers.record.into_iter().find_map(|mut worker| worker.labels.remove(GATEWAY_LABEL))
        });
        match told {
            Some(address) => Ok(Some(address)),
            // Older ones have it on the network of those who name none.
            None => self.engine.gateway_of("bridge").await,
        }
    }
}

/// Asks for a build, and tells how it goes.
async fn solve(
    channel: &Channel,
    request: SolveRequest,
    tell: &dyn Fn(BuildEvent),
) -> Result<Option<String>, Error> {
    let mut steps = Steps::default();
    let question = StatusRequest { r#ref: request.r#ref.clone() };
    let listening =
        channel.listen::<_, StatusResponse>("/moby.buildkit.v1.Control/Status", question);
    let mut asked =
        std::pin::pin!(channel.ask::<_, SolveResponse>("/moby.buildkit.v1.Control/Solve", request));
    let mut told = None;
    let mut answer = None;
    {
        let mut listening = std::pin::pin!(listening);
        while told.is_none() && answer.is_none() {
            tokio::select! {
                status = &mut listening => told = Some(status),
                solved = &mut asked => answer = Some(solved),
            }
        }
        if told.is_none() {
            // It is over before it could be listened to; what it did is still told for a moment.
            told = tokio::time::timeout(LAST_WORDS, listening).await.ok();
        }
    }
    // Without it, one does not see how it goes, and that is all.
    let mut told = told.and_then(Result::ok);
    loop {
        let is_over = answer.is_some();
        let Some(status) = &mut told else { break };
        tokio::select! {
            message = status.message() => match message {
                Ok(Some(status)) => steps.hear(&status, tell),
                Ok(None) | Err(_) => told = None,
            },
            solved = &mut asked, if !is_over => answer = Some(solved),
            () = tokio::time::sleep(LAST_WORDS), if is_over => told = None,
        }
    }
    let answer = match answer {
        Some(answer) => answer,
        None => asked.await,
    };
    match answer {
        Ok(mut solved) => Ok(solved.exporter_response.remove("containerimage.digest")),
        Err(status) => Err(failure::error(&status, &steps)),
    }
}

/// The socket of the agent that a build may use; one of our own if a key is named.
async fn agent(path: Option<&str>, agents: &mut Vec<Agent>) -> Result<String, Error> {
    let Some(path) = path else {
        return Err(Error::Endpoint {
            message: "`ssh`: there is no SSH agent to offer, as SSH_AUTH_SOCK is not set"
                .to_owned(),
            help: Some("start an agent, or name a key: `ssh: [default=PATH]`".to_owned()),
        });
    };
    if is_socket(path)? {
        return Ok(path.to_owned());
    }
    let folder = std::env::temp_dir().join(format!("rcompose-agent-{}", random_id()?));
    let agent = Agent::start(path, &folder).await?;
    let socket = agent.socket();
    agents.push(agent);
    Ok(socket)
}

#[expect(clippy::disallowed_methods, reason = "keys and agents are told apart by what they are")]
fn is_socket(path: &str) -> Result<bool, Error> {
    use std::os::unix::fs::FileTypeExt as _;
    let there = std::fs::metadata(path)
        .map_err(|error| missing(format!("the SSH key `{path}` cannot be read: {error}")))?;
    Ok(there.file_type().is_socket())
}

fn missing(message: String) -> Error {
    Error::Build(Box::new(BuildFailure { message, ..BuildFailure::default() }))
}

/// Where the Dockerfile of a build is.
struct Place {
    /// What is offered to the builder; `None` if it is a part of the context that the builder fetches.
    shared: Option<Shared>,
    /// The file's name in there.
    name: String,
    /// What is the same for two builds with the same folder.
    identity: String,
}

impl Place {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is missing is told before anything is asked"
    )]
    fn find(spec: &BuildSpec) -> Result<Self, Error> {
        if let BuildContext::Folder(folder) = &spec.context {
            check_folder(folder)?;
        }
        Ok(match (&spec.dockerfile, &spec.context) {
            (Dockerfile::Inline(content), _) => {
                let content = spec.pinned.as_ref().unwrap_or(content);
                Self::of_texts([("Dockerfile".to_owned(), content.clone())].into(), "Dockerfile")
            }
            (Dockerfile::Path(path), BuildContext::Remote(address)) => {
                Self { shared: None, name: path.clone(), identity: address.clone() }
            }
            (Dockerfile::Path(path), BuildContext::Folder(folder)) => {
                let path = Path::new(folder).join(path);
                match std::fs::metadata(&path) {
                    Ok(there) if there.is_dir() => {
                        let path = path.display();
                        return Err(missing(format!("the Dockerfile `{path}` is a folder")));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let path = path.display();
                        return Err(missing(format!(
                            "cannot read the Dockerfile `{path}`: {error}"
                        )));
                    }
                }
                let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
                    let path = path.display();
                    return Err(missing(format!("the Dockerfile `{path}` has no name")));
                };
                let name = name.to_string_lossy().into_owned();
                if let Some(text) = &spec.pinned {
                    let mut files = BTreeMap::from([(name.clone(), text.clone())]);
                    // What is left out for this Dockerfile alone is said beside it.
                    let rules = format!("{name}.dockerignore");
                    if let Ok(text) = std::fs::read_to_string(folder.join(&rules)) {
                        files.insert(rules, text);
                    }
                    return Ok(Self::of_texts(files, &name));
                }
                Self {
                    shared: Some(Shared::Folder(folder.to_owned())),
                    name,
                    identity: folder.display().to_string(),
                }
            }
        })
    }

    /// Files that are nowhere. They have no times by which builders could tell two texts of one length apart,
    /// so other texts are in other folders.
    fn of_texts(files: BTreeMap<String, String>, name: &str) -> Self {
        let mut hash = Sha256::new();
        for (name, text) in &files {
            hash.update(name);
            hash.update([0]);
            hash.update(text);
            hash.update([0]);
        }
        let identity = format!("texts {}", hex(&hash.finalize()));
        Self { shared: Some(Shared::Files(files)), name: name.to_owned(), identity }
    }
}

#[expect(clippy::disallowed_methods, reason = "what is missing is told before anything is asked")]
fn check_folder(folder: &str) -> Result<(), Error> {
    match std::fs::metadata(folder) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(missing(format!("unable to prepare context: path \"{folder}\" is no folder"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(missing(format!("unable to prepare context: path \"{folder}\" not found")))
        }
        Err(error) => {
            Err(missing(format!("unable to prepare context: path \"{folder}\": {error}")))
        }
    }
}

/// What tells a builder that it has seen a folder before, and may compare with what it had then. It must
/// not be that of another folder, on whichever machine, whose files may look the same from outside.
#[expect(clippy::disallowed_methods, reason = "a machine is known by two files of its system")]
fn shared_key(folder: &str) -> String {
    let mut hash = Sha256::new();
    for name in ["/etc/machine-id", "/proc/sys/kernel/hostname"] {
        hash.update(std::fs::read(name).unwrap_or_default());
        hash.update([0]);
    }
    if let Ok(there) = std::fs::metadata(folder) {
        hash.update(there.dev().to_le_bytes());
        hash.update(there.ino().to_le_bytes());
    }
    hash.update(folder);
    hex(&hash.finalize()[..16])
}

/// Thirty-two random hexadecimal digits.
fn random_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

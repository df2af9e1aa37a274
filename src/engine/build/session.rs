//! What a builder may ask of us while it builds: files, secrets, logins and SSH agents.
//!
//! A session is a connection on which the builder calls us. It can be used by many builds at once, and
//! offers nothing but what those builds have named.

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::{CredentialsRequest, CredentialsResponse};
use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse,
};
use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;

use crate::engine::build::grpc::{self, Later, Service};
use crate::engine::build::ssh;
use crate::engine::build::sync::{self, Shared};
use crate::engine::credentials::Credentials;
use crate::spec::SecretSource;

const DIFF_COPY: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const GET_SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const CHECK_AGENT: &str = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD_AGENT: &str = "/moby.sshforward.v1.SSH/ForwardAgent";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// What is well, in the words of the health service.
const SERVING: i32 = 1;

/// Builders take no larger secrets.
const LARGEST_SECRET: u64 = 500 << 10;

/// What builds may read of this machine.
pub(super) struct Offers {
    /// Logins at the registries that images come from.
    pub credentials: Arc<Credentials>,
    /// Folders, by the names that builds have for them.
    pub folders: BTreeMap<String, Shared>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// Sockets of agents, by ID.
    pub agents: BTreeMap<String, String>,
}

impl Offers {
    /// Nothing but logins.
    pub(super) fn new(credentials: Arc<Credentials>) -> Self {
        let (folders, secrets, agents) = Default::default();
        Self { credentials, folders, secrets, agents }
    }
}

impl Service for Offers {
    const METHODS: &'static [&'static str] =
        &[DIFF_COPY, GET_SECRET, CREDENTIALS, CHECK_AGENT, FORWARD_AGENT, HEALTH];

    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        match request.uri().path() {
            DIFF_COPY => self.diff_copy(request),
            GET_SECRET => self.get_secret(request),
            CREDENTIALS => self.login(request),
            CHECK_AGENT => self.check_agent(request),
            FORWARD_AGENT => self.forward_agent(request),
            HEALTH => {
                let answer = |_: tonic::Request<HealthCheckRequest>| {
                    ready(Ok(HealthCheckResponse { status: SERVING }))
                };
                grpc::unary(request, answer)
            }
            other => ready(grpc::unknown(other)),
        }
    }
}

fn ready<T: Send + 'static>(value: T) -> Later<T> {
    Box::pin(std::future::ready(value))
}

impl Offers {
    fn diff_copy(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        let answer = move |call: tonic::Request<tonic::Streaming<Packet>>| {
            let (metadata, _, asked) = call.into_parts();
            let name = sync::folder_name(&metadata);
            ready(match self.folders.get(&name) {
                Some(shared) => sync::copy(shared, &metadata, asked),
                None => Err(Status::not_found(format!("no folder `{name}` is offered"))),
            })
        };
        grpc::both(request, answer)
    }

    fn get_secret(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        let answer = move |call: tonic::Request<GetSecretRequest>| {
            let id = call.into_inner().id;
            let source = self.secrets.get(&id).cloned();
            let data = async move {
                let data = match source {
                    Some(source) => tokio::task::spawn_blocking(move || read(&source))
                        .await
                        .unwrap_or_else(|error| Err(Status::internal(error.to_string())))?,
                    // The builder knows this code: the secret may be one that is not required.
                    None => return Err(Status::not_found(format!("no secret `{id}` is offered"))),
                };
                Ok(GetSecretResponse { data })
            };
            Box::pin(data) as Later<_>
        };
        grpc::unary(request, answer)
    }

    fn login(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        let answer = move |call: tonic::Request<CredentialsRequest>| {
            let credentials = Arc::clone(&self.credentials);
            let host = call.into_inner().host;
            let login = async move {
                let login = credentials.of_host(&host).await;
                let login = login.map_err(|error| Status::unavailable(error.to_string()))?;
                // Who has no login is nobody.
                Ok(login.map_or_else(CredentialsResponse::default, |login| {
                    let (username, secret) = login.pair();
                    let (username, secret) = (username.to_owned(), secret.to_owned());
                    CredentialsResponse { username, secret }
                }))
            };
            Box::pin(login) as Later<_>
        };
        grpc::unary(request, answer)
    }

    fn check_agent(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        let answer = move |call: tonic::Request<CheckAgentRequest>| {
            let id = agent_id(&call.into_inner().id);
            let is_offered = self.agents.contains_key(&id);
            let missing = || Status::not_found(format!("no SSH keys `{id}` are offered"));
            ready(is_offered.then_some(CheckAgentResponse {}).ok_or_else(missing))
        };
        grpc::unary(request, answer)
    }

    fn forward_agent(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>> {
        let answer = move |call: tonic::Request<tonic::Streaming<BytesMessage>>| {
            let id = call.metadata().get("buildkit.ssh.id").and_then(|id| id.to_str().ok());
            let id = agent_id(id.unwrap_or_default());
            let agent = self.agents.get(&id).cloned();
            let connected = async move {
                match agent {
                    Some(socket) => ssh::forward(&socket, call.into_inner()).await,
                    None => Err(Status::not_found(format!("no SSH keys `{id}` are offered"))),
                }
            };
            Box::pin(connected) as Later<_>
        };
        grpc::both(request, answer)
    }
}

/// What is not named is the default one.
fn agent_id(id: &str) -> String {
    if id.is_empty() { "default".to_owned() } else { id.to_owned() }
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets are read when they are asked for, not before"
)]
fn read(source: &SecretSource) -> Result<Vec<u8>, Status> {
    match source {
        SecretSource::Variable { value: Some(value), .. } => Ok(value.clone().into_bytes()),
        SecretSource::Variable { name, value: None } => {
            Err(Status::not_found(format!("the variable `{name}` of a secret is not set")))
        }
        SecretSource::File(path) => {
            let problem = |error: std::io::Error| {
                Status::not_found(format!("cannot read the secret in `{path}`: {error}"))
            };
            let size = std::fs::metadata(path).map_err(problem)?.len();
            if size > LARGEST_SECRET {
                let message =
                    format!("the secret in `{path}` has {size} bytes; builders take 512,000");
                return Err(Status::resource_exhausted(message));
            }
            std::fs::read(path).map_err(problem)
        }
        SecretSource::Elsewhere => Err(Status::not_found("the secret has no content here")),
    }
}

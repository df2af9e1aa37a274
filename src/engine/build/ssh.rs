//! SSH agents for builds: the user's own, or one that is started for the keys that a build names.

use std::path::Path;
use std::process::Stdio;

use bollard_buildkit_proto::moby::sshforward::v1::BytesMessage;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tonic::{Status, Streaming};

use crate::engine::build::grpc::Messages;
use crate::engine::error::Error;

/// Bytes of an agent that are sent at once; its messages are small.
const CHUNK: usize = 16 << 10;

/// Between looks for the socket of an agent that was started.
const SOON: std::time::Duration = std::time::Duration::from_millis(5);
/// And how many of them there are.
const LOOKS: u32 = 400;

/// Connects a builder to an agent.
pub(super) async fn forward(
    socket: &str,
    said: Streaming<BytesMessage>,
) -> Result<Messages<BytesMessage>, Status> {
    let agent = UnixStream::connect(socket).await.map_err(|error| {
        Status::unavailable(format!("cannot reach the SSH agent at `{socket}`: {error}"))
    })?;
    let (reader, writer) = agent.into_split();
    let requests = Requests::default();
    let talk = Talk { said, reader, writer, buffer: vec![0; CHUNK], requests };
    Ok(Box::pin(stream::unfold(Some(talk), |talk| async move {
        let mut talk = talk?;
        match talk.next().await {
            Ok(Some(data)) => Some((Ok(BytesMessage { data }), Some(talk))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })))
}

struct Talk {
    said: Streaming<BytesMessage>,
    reader: tokio::net::unix::OwnedReadHalf,
    writer: tokio::net::unix::OwnedWriteHalf,
    buffer: Vec<u8>,
    requests: Requests,
}

impl Talk {
    /// What the agent says next; what it is asked meanwhile is handed on.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        let broken = |error: std::io::Error| Status::unavailable(error.to_string());
        loop {
            tokio::select! {
                said = self.said.message() => {
                    let Some(said) = said? else { return Ok(None) };
                    self.requests.add(&said.data);
                    while let Some(request) = self.requests.take() {
                        match request {
                            Request::Allowed(bytes) => {
                                self.writer.write_all(&bytes).await.map_err(broken)?;
                            }
                            Request::Refused => return Ok(Some(REFUSAL.to_vec())),
                            Request::Nonsense => return Ok(None),
                        }
                    }
                }
                read = self.reader.read(&mut self.buffer) => {
                    let length = read.map_err(broken)?;
                    return Ok((length > 0).then(|| self.buffer[..length].to_vec()));
                }
            }
        }
    }
}

/// What an agent is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Allowed(Vec<u8>),
    Refused,
    /// More than any request is.
    Nonsense,
}

/// Takes requests apart: builds may have things signed, but neither add keys nor take them away.
#[derive(Debug, Default)]
struct Requests(Vec<u8>);

/// The list of keys, and a signature (draft-miller-ssh-agent, section 5.1).
const ALLOWED: [u8; 2] = [11, 13];
/// The answer to what is not allowed: a message of one byte, which says that it has failed.
const REFUSAL: [u8; 5] = [0, 0, 0, 1, 5];
/// Agents take no longer requests.
const LONGEST_REQUEST: usize = 256 << 10;

impl Requests {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next request that is whole.
    fn take(&mut self) -> Option<Request> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST_REQUEST {
            return Some(Request::Nonsense);
        }
        let kind = rest.get(..length)?.first().copied();
        let request: Vec<u8> = self.0.drain(..4 + length).collect();
        let is_allowed = kind.is_some_and(|kind| ALLOWED.contains(&kind));
        Some(if is_allowed { Request::Allowed(request) } else { Request::Refused })
    }
}

/// An agent of our own, which ends with us.
pub(super) struct Agent {
    process: Child,
    folder: Folder,
}

/// A folder that goes when it is needed no more.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    #[expect(clippy::disallowed_methods, reason = "the folder is ours")]
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0.join(SOCKET));
        let _ = std::fs::remove_dir(&self.0);
    }
}

const SOCKET: &str = "agent";

impl Agent {
    /// Starts an agent that has one key. `folder` must not be there yet.
    ///
    /// # Errors
    /// A key that cannot be used without asking for a passphrase, and machines without OpenSSH.
    pub(super) async fn start(key: &str, folder: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        let folder = Folder(folder.to_owned());
        let socket = folder.0.join(SOCKET);
        let missing = |program: &str, error: std::io::Error| Error::Endpoint {
            message: format!("cannot run `{program}` for the SSH key `{key}`: {error}"),
            help: Some("install the OpenSSH client, or offer a running agent".to_owned()),
        };
        let process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| missing("ssh-agent", error))?;
        let agent = Self { process, folder };
        for _ in 0..LOOKS {
            if UnixStream::connect(&socket).await.is_ok() {
                break;
            }
            tokio::time::sleep(SOON).await;
        }
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &socket)
            // Nobody is there to be asked for a passphrase.
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "false")
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| missing("ssh-add", error))?;
        if added.status.success() {
            return Ok(agent);
        }
        let said = String::from_utf8_lossy(&added.stderr).trim().to_owned();
        Err(Error::Endpoint {
            message: format!("the SSH key `{key}` cannot be used: {said}"),
            help: Some("add a key with a passphrase to an agent, and offer that".to_owned()),
        })
    }

    /// Its socket.
    pub(super) fn socket(&self) -> String {
        self.folder.0.join(SOCKET).display().to_string()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_may_have_things_signed_and_nothing_else() {
        let mut requests = Requests::default();
        // A list of keys in two pieces, then a request to remove all keys, then one for a signature.
        requests.add(&[0, 0]);
        assert_eq!(requests.take(), None);
        requests.add(&[0, 1, 11, 0, 0, 0, 1, 19, 0, 0, 0, 2, 13]);
        assert_eq!(requests.take(), Some(Request::Allowed(vec![0, 0, 0, 1, 11])));
        assert_eq!(requests.take(), Some(Request::Refused));
        assert_eq!(requests.take(), None);
        requests.add(&[9]);
        assert_eq!(requests.take(), Some(Request::Allowed(vec![0, 0, 0, 2, 13, 9])));
        requests.add(&[255, 255, 255, 255]);
        assert_eq!(requests.take(), Some(Request::Nonsense));
    }
}

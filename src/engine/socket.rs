//! One connection to an engine, whatever carries its bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::engine::endpoint::{Endpoint, Ssh};
use crate::engine::error::Error;
use crate::engine::tls;
use crate::stream::Socket;

/// How long a host may take to answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes connections to one engine.
#[derive(Clone)]
pub(super) struct Connector {
    endpoint: Endpoint,
    encryption: Option<Arc<rustls::ClientConfig>>,
}

impl Connector {
    /// # Errors
    /// Certificates that cannot be used.
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let encryption = match &endpoint {
            Endpoint::Tcp { tls: Some(settings), .. } => Some(tls::config(settings)?),
            _ => None,
        };
        Ok(Self { endpoint, encryption })
    }

    async fn connect(self) -> io::Result<Socket> {
        Ok(match &self.endpoint {
            Endpoint::Unix(path) => Socket::new(UnixStream::connect(path).await?),
            Endpoint::Tcp { address, .. } => {
                let connecting = self.connect_port(address);
                tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
                    Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer in time"))
                })?
            }
            Endpoint::Ssh(login) => Socket::new(Login::start(login)?),
        })
    }

    async fn connect_port(&self, address: &str) -> io::Result<Socket> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.encryption else {
            return Ok(Socket::new(stream));
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        Ok(Socket::new(tls::encrypt(Arc::clone(config), host, stream).await?))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Socket;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A run of `ssh` whose standard streams are the engine's.
struct Login {
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// What it complains of, read when it ends without an answer.
    complaints: ChildStderr,
    complaint: Vec<u8>,
    has_answered: bool,
    /// Ends with the connection.
    _child: Child,
}

impl Login {
    fn start(login: &Ssh) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        command.args(login.command());
        // An interrupt at the terminal is for us: we still need the connection to stop containers. Out
        // of the terminal's foreground ssh cannot ask for passwords there, so it must not try.
        command.process_group(0).kill_on_drop(true);
        command.env("SSH_ASKPASS_REQUIRE", "force");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::new(io::ErrorKind::NotFound, "there is no `ssh` in any folder of PATH")
            }
            _ => error,
        })?;
        let missing = || io::Error::other("ssh has no pipes");
        Ok(Self {
            input: Some(child.stdin.take().ok_or_else(missing)?),
            output: child.stdout.take().ok_or_else(missing)?,
            complaints: child.stderr.take().ok_or_else(missing)?,
            complaint: Vec::new(),
            has_answered: false,
            _child: child,
        })
    }

    /// Reads what ssh, or the far end, complains of; gives it as an error when that is all.
    fn poll_complaint(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let mut piece = [0; 1024];
            let mut buffer = ReadBuf::new(&mut piece);
            let read = ready!(Pin::new(&mut self.complaints).poll_read(cx, &mut buffer));
            if read.is_ok() && !buffer.filled().is_empty() && self.complaint.len() < 1 << 16 {
                self.complaint.extend_from_slice(buffer.filled());
                continue;
            }
            let text = String::from_utf8_lossy(&self.complaint);
            let lines: Vec<&str> =
                text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
            return Poll::Ready(io::Error::other(match &lines[..] {
                [] => "ssh ended without a word".to_owned(),
                lines => lines.join("; "),
            }));
        }
    }
}

impl AsyncRead for Login {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let login = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut login.output).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            login.has_answered = true;
        } else if !login.has_answered {
            return Poll::Ready(Err(ready!(login.poll_complaint(cx))));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Login {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let login = self.get_mut();
        let Some(input) = &mut login.input else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match ready!(Pin::new(input).poll_write(cx, bytes)) {
            // It has ended, and its complaint says more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !login.has_answered => {
                Poll::Ready(Err(ready!(login.poll_complaint(cx))))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe ends when it is closed.
        self.get_mut().input = None;
        Poll::Ready(Ok(()))
    }
}

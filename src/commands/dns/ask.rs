//! `dns ask`: asks a server for names, from wherever it is run: for `dns check`, which runs it in the
//! network namespaces of containers.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::dns::proof::{Heard, SILENCE};
use crate::dns::question::{Question, Reply};

/// How long an answer is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

/// Questions at once.
const AT_ONCE: usize = 32;

/// Ask a server for names, and show what it says as lines of JSON
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Args {
    /// Address and port of the server
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: SocketAddr,
    /// Names to ask for
    names: Vec<String>,
}

/// What a server says to a name, as it is handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) addresses: BTreeSet<Ipv4Addr>,
    pub(super) problem: String,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let heard = session::block_on(async { Ok(ask_all(args.server, &args.names).await) })?;
    for (name, Heard { addresses, problem }) in args.names.iter().zip(heard) {
        let line = Line { name: name.clone(), addresses, problem };
        let line = serde_json::to_string(&line).unwrap_or_default();
        context.terminal.out(&format!("{line}\n"))?;
    }
    Ok(Exit::Success)
}

/// What a server says to each name.
pub(super) async fn ask_all(server: SocketAddr, names: &[String]) -> Vec<Heard> {
    let mut all = Vec::with_capacity(names.len());
    for some in names.chunks(AT_ONCE) {
        let mut asked: Vec<Asked> =
            some.iter().zip(1..).map(|(name, id)| Asked::new(id, name)).collect();
        // A server that cannot be spoken to has said nothing, whatever the reason.
        let _ = over_udp(server, &mut asked).await;
        for it in asked {
            all.push(it.heard(server).await);
        }
    }
    all
}

/// A question, and what was said to it so far.
struct Asked {
    /// `None` for what can be no name.
    question: Option<(Question, Vec<u8>)>,
    reply: Option<Reply>,
}

impl Asked {
    fn new(id: u16, name: &str) -> Self {
        let question = Question::new(id, name).and_then(|it| Some((it.clone(), it.bytes()?)));
        Self { question, reply: None }
    }

    /// The question, as long as nothing was said to it.
    fn open(&self) -> Option<&(Question, Vec<u8>)> {
        self.question.as_ref().filter(|_| self.reply.is_none())
    }

    async fn heard(self, server: SocketAddr) -> Heard {
        let failed =
            |problem: &str| Heard { addresses: BTreeSet::new(), problem: problem.to_owned() };
        let Some((question, bytes)) = self.question else {
            return failed("it can be no name");
        };
        let Some(mut reply) = self.reply else {
            return failed(SILENCE);
        };
        if reply.truncated
            && let Ok(Ok(whole)) = timeout(PATIENCE, over_tcp(server, &question, &bytes)).await
        {
            reply = whole;
        }
        Heard { addresses: reply.addresses, problem: reply.problem }
    }
}

/// Asks all at once, and again for what was not answered.
async fn over_udp(server: SocketAddr, asked: &mut [Asked]) -> io::Result<()> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    // Nobody else is heard.
    socket.connect(server).await?;
    let mut buffer = vec![0; 4096];
    for _ in 0..TRIES {
        for (_, bytes) in asked.iter().filter_map(Asked::open) {
            socket.send(bytes).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        while asked.iter().any(|it| it.open().is_some()) {
            let Ok(length) = timeout_at(deadline, socket.recv(&mut buffer)).await else { break };
            let bytes = &buffer[..length?];
            for it in asked.iter_mut() {
                if let Some((question, _)) = it.open() {
                    it.reply = question.reply(bytes);
                }
            }
        }
    }
    Ok(())
}

async fn over_tcp(server: SocketAddr, question: &Question, bytes: &[u8]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], bytes].concat()).await?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).await?;
    question.reply(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

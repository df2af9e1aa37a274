//! The sockets that names are answered on.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::time::Duration;

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::commands::dns::names::{Names, News};
use crate::commands::dns::problem;
use crate::commands::exit::Error;
use crate::dns::answer::{Transport, answer};
use crate::dns::suffix::Suffix;
use crate::dns::zone::Zone;
use crate::engine::{Engine, Listening, listening};
use crate::event::{Event, Status};

/// How long a connection may stay without a word.
const IDLE: Duration = Duration::from_secs(10);

/// Connections at once; more are turned away.
const CONNECTIONS: usize = 64;

/// The largest datagram that is read; no question is as long.
const DATAGRAM: usize = 4096;

/// How often a port that is free for one kind of socket is tried for the other.
const TRIES: u32 = 20;

/// Sockets that are there for questions, before anybody is heard.
pub(in crate::commands) struct Sockets {
    udp: StdUdpSocket,
    tcp: StdTcpListener,
    address: SocketAddr,
}

impl Sockets {
    /// Takes a port for both kinds; 0 stands for any that is free.
    ///
    /// # Errors
    /// A port that is taken, by whom if that is known, or an address that is not this machine's.
    pub(in crate::commands) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let mut tries = if address.port() == 0 { TRIES } else { 1 };
        loop {
            tries -= 1;
            let tcp =
                StdTcpListener::bind(address).map_err(|error| failed(address, "tcp", &error))?;
            let address = tcp.local_addr().map_err(|error| failed(address, "tcp", &error))?;
            match StdUdpSocket::bind(address) {
                Ok(udp) => {
                    tcp.set_nonblocking(true)?;
                    udp.set_nonblocking(true)?;
                    return Ok(Self { udp, tcp, address });
                }
                Err(_) if tries > 0 => {}
                Err(error) => return Err(failed(address, "udp", &error)),
            }
        }
    }

    /// Answers from now on for a project, or for all, until that is dropped; what there is to show is
    /// sent to `tell`. It is to be called within a runtime.
    ///
    /// # Errors
    /// Those of the engine at the beginning, and sockets that break.
    pub(in crate::commands) fn serve(
        self,
        engine: &Engine,
        project: Option<String>,
        suffix: Suffix,
        tell: UnboundedSender<Event>,
    ) -> LocalBoxFuture<'_, Result<Infallible, Error>> {
        // One copy of it in the program is enough for all who await it.
        self.answer(engine, project, suffix, tell).boxed_local()
    }

    async fn answer(
        self,
        engine: &Engine,
        project: Option<String>,
        suffix: Suffix,
        tell: UnboundedSender<Event>,
    ) -> Result<Infallible, Error> {
        let (sender, news) = unbounded_channel();
        let names = Names::new(engine, project, suffix.clone(), sender).await?;
        let server = Server {
            udp: UdpSocket::from_std(self.udp)?,
            tcp: TcpListener::from_std(self.tcp)?,
            zone: Zone::new(suffix, &[]),
            is_told: false,
            address: self.address,
            tell,
        };
        tokio::select! {
            never = names.follow() => Ok(never),
            broken = server.run(news) => broken,
        }
    }
}

/// Why a port cannot be listened on.
fn failed(address: SocketAddr, protocol: &str, error: &io::Error) -> Error {
    let kind = protocol.to_uppercase();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = match listening(&address.ip().to_string(), address.port(), protocol) {
                Listening::Taken(Some(process)) => process,
                Listening::Taken(None) | Listening::Free => "another process".to_owned(),
            };
            let help = if owner.starts_with("rcompose") {
                "if that is `rcompose dns serve`, it answers already: leave this one out; else name another \
                 address and port"
            } else {
                "end that, or name another address and port"
            };
            problem(format!("cannot listen on {address} ({kind}): {owner} does"), help)
        }
        io::ErrorKind::PermissionDenied => {
            let help = "name a port from 1024 on, which needs no rights";
            problem(format!("cannot listen on {address} ({kind}): {error}"), help)
        }
        _ => {
            let help = "name an address of this machine, such as 127.0.0.1";
            problem(format!("cannot listen on {address} ({kind}): {error}"), help)
        }
    }
}

struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
    zone: Zone,
    /// Whether it was told where names are answered.
    is_told: bool,
    address: SocketAddr,
    tell: UnboundedSender<Event>,
}

/// A connection, and the question that has come on it; `None` when it is over.
type Exchange = LocalBoxFuture<'static, Option<(TcpStream, Vec<u8>)>>;

impl Server {
    async fn run(mut self, mut news: UnboundedReceiver<News>) -> Result<Infallible, Error> {
        let mut connections: FuturesUnordered<Exchange> = FuturesUnordered::new();
        let mut buffer = vec![0; DATAGRAM];
        loop {
            tokio::select! {
                biased;
                Some(news) = news.recv() => self.take(news),
                received = self.udp.recv_from(&mut buffer) => {
                    // An error here is that of an answer that nobody waited for.
                    if let Ok((length, from)) = received
                        && let Some(bytes) = answer(&self.zone, &buffer[..length], Transport::Udp)
                    {
                        // Whoever does not get it asks again.
                        let _ = self.udp.send_to(&bytes, from).await;
                    }
                }
                Some(asked) = connections.next() => {
                    if let Some((stream, question)) = asked
                        && let Some(bytes) = answer(&self.zone, &question, Transport::Tcp)
                    {
                        connections.push(exchange(stream, Some(bytes)).boxed_local());
                    }
                }
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < CONNECTIONS => {
                        connections.push(exchange(stream, None).boxed_local());
                    }
                    Ok(_) => {}
                    // There may be no more files for a moment; those that wait keep.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Zone(zone) => {
                self.zone = zone;
                if !std::mem::replace(&mut self.is_told, true) {
                    let suffix = self.zone.suffix();
                    let text = format!("names are answered at {} (UDP and TCP)", self.address);
                    let name = format!("*.{suffix}");
                    self.show(Event::Name { name, status: Status::Done, text });
                }
            }
            News::Event(event) => self.show(event),
        }
    }

    fn show(&self, event: Event) {
        // Nobody listens any more when the command ends.
        let _ = self.tell.send(event);
    }
}

/// Writes an answer, if there is one, and waits for the next question.
async fn exchange(mut stream: TcpStream, answer: Option<Vec<u8>>) -> Option<(TcpStream, Vec<u8>)> {
    let both = async {
        if let Some(answer) = answer {
            let mut bytes = u16::try_from(answer.len()).ok()?.to_be_bytes().to_vec();
            bytes.extend(answer);
            stream.write_all(&bytes).await.ok()?;
        }
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.ok()?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question).await.ok()?;
        Some(question)
    };
    let question = timeout(IDLE, both).await.ok()??;
    Some((stream, question))
}

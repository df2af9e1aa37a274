//! `cp`: files between containers and this machine.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;
use std::thread::JoinHandle;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::archive::{self, Place, Source, Unpack};
use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::{self, ByteStream, ContainerRow, Engine, PathKind};
use crate::event::{Event, Status, Subject};
use crate::labels;
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams, Terminal};

/// Copy files and folders between containers and this machine
///
/// One of both is SERVICE:PATH; to a service means to all its containers, from a service from its
/// first. A dash stands for an archive (tar) on standard input or output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose cp web:/etc/hosts .      Out of a container
  rcompose cp ./site web:/srv       Into all containers of a service
  rcompose cp web:/data - | tar t   As an archive")]
pub(super) struct Args {
    /// SERVICE:PATH, a path of this machine, or a dash
    source: String,
    /// A path of this machine or a dash, or SERVICE:PATH
    destination: String,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
    /// Also containers of the run command
    #[arg(long)]
    all: bool,
    /// Copy what a link at the end of the source points to
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Give what is copied to the container's user
    #[arg(short, long)]
    archive: bool,
}

/// Where to, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way<'a> {
    To { service: &'a str, path: &'a str },
    From { service: &'a str, path: &'a str },
}

impl<'a> Way<'a> {
    fn of(args: &'a Args) -> Result<Self, Error> {
        let usage = |message: &str| Err(Error::Usage(message.to_owned()));
        match (&*args.source, &*args.destination) {
            ("", _) => usage("source can not be empty"),
            (_, "") => usage("destination can not be empty"),
            (source, destination) => match (split(source), split(destination)) {
                (Some(_), Some(_)) => usage("copying between services is not supported"),
                (None, None) => usage("unknown copy direction"),
                (Some((service, path)), None) => Ok(Self::From { service, path }),
                (None, Some((service, path))) => Ok(Self::To { service, path }),
            },
        }
    }

    fn service(self) -> &'a str {
        match self {
            Self::To { service, .. } | Self::From { service, .. } => service,
        }
    }
}

/// Service and path; `None` for a path of this machine.
fn split(arg: &str) -> Option<(&str, &str)> {
    let (service, path) = arg.split_once(':')?;
    (!service.is_empty() && !service.starts_with(['/', '.'])).then_some((service, path))
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let way = Way::of(args)?;
    let project = context.name()?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let rows = select(args, way, engine.containers(&project).await?)?;
        let copy = Copy { args, engine: &engine, folder: &here(context) };
        let (events, mut heard) = mpsc::unbounded_channel();
        let dry_run = context.options.dry_run;
        if let (Way::From { path, .. }, "-", false) = (way, &*args.destination, dry_run) {
            return tokio::select! {
                () = signals.next() => Ok(Exit::Interrupted),
                written = copy.to_output(&rows[0], path, &mut context.terminal) => {
                    written.map(|()| Exit::Success)
                }
            };
        }
        let mut reporter =
            Reporter::new(&mut context.terminal, LogPrinter::default(), Streams::Apart);
        let copied = {
            let mut work = std::pin::pin!(copy.run(way, &rows, dry_run, &events));
            loop {
                tokio::select! {
                    biased;
                    Some(event) = heard.recv() => reporter.on(&event)?,
                    () = signals.next() => return Ok(Exit::Interrupted),
                    copied = &mut work => break copied,
                }
            }
        };
        while let Ok(event) = heard.try_recv() {
            reporter.on(&event)?;
        }
        copied.map(|()| Exit::Success)
    })
}

/// The working folder, as text.
fn here(context: &Context) -> String {
    context.env.working_directory().to_string_lossy().into_owned()
}

/// The containers that are copied to or from.
fn select(
    args: &Args,
    way: Way<'_>,
    mut rows: Vec<ContainerRow>,
) -> Result<Vec<ContainerRow>, Error> {
    let service = way.service();
    rows.retain(|row| args.all || !row.is_one_off());
    if args.index > 0 {
        return Ok(vec![listing::choose(rows, service, args.index)?]);
    }
    rows.retain(|row| row.label(labels::SERVICE) == service);
    let number = |row: &ContainerRow| row.label(labels::CONTAINER_NUMBER).parse::<u32>().ok();
    rows.sort_by_key(|row| (row.is_one_off(), number(row)));
    if rows.is_empty() {
        return Err(Error::Usage(format!("no container found for service {service:?}")));
    }
    if let Way::From { .. } = way {
        rows.truncate(1);
    }
    Ok(rows)
}

struct Copy<'a> {
    args: &'a Args,
    engine: &'a Engine,
    folder: &'a str,
}

type Events = mpsc::UnboundedSender<Event>;
type Pieces = Receiver<io::Result<Bytes>>;

/// Pieces of archives that are under way, at the most.
const UNDER_WAY: usize = 8;

impl Copy<'_> {
    async fn run(
        &self,
        way: Way<'_>,
        rows: &[ContainerRow],
        dry_run: bool,
        events: &Events,
    ) -> Result<(), Error> {
        let mut shared = None;
        if matches!(way, Way::To { .. }) && self.args.source == "-" && !dry_run {
            shared = Some(standard_input(rows.len()).into_iter());
        }
        let copies = rows.iter().map(|row| {
            let pieces = shared.as_mut().and_then(Iterator::next);
            let (name, source, destination) =
                (row.name(), &self.args.source, &self.args.destination);
            let text = match way {
                Way::To { path, .. } => format!("{source} to {name}:{path}"),
                Way::From { path, .. } => format!("{name}:{path} to {destination}"),
            };
            async move {
                let subject = Subject::Container(name.to_owned());
                let tell = |status, verb: &str| {
                    let event = Event::progress(&subject, status, format!("{verb} {text}"));
                    // Nobody listens any more only if nobody waits for us.
                    drop(events.send(event));
                };
                tell(Status::Working, "Copying");
                if dry_run {
                    return Ok(());
                }
                match way {
                    Way::To { path, .. } => self.to(row, path, pieces).await?,
                    Way::From { path, .. } => self.from(row, path, events).await?,
                }
                tell(Status::Done, "Copied");
                Ok(())
            }
        });
        let copies: Vec<_> = copies.collect();
        join_all(copies).await.into_iter().collect()
    }

    /// An absolute path of this machine; what it ends in is kept.
    fn local(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }

    /// Copies to a container.
    async fn to(&self, row: &ContainerRow, path: &str, input: Option<Pieces>) -> Result<(), Error> {
        let problem = |message: String| Err(Error::Usage(message));
        let mut place = path.to_owned();
        let mut stat = self.stat(row, &place).await?;
        if let Some(link) = stat.as_ref().filter(|stat| stat.kind == PathKind::Link) {
            place = followed(&place, &link.target);
            stat = self.stat(row, &place).await?;
        }
        let name = row.name();
        if stat.as_ref().is_some_and(|stat| stat.kind == PathKind::Special) {
            return problem(format!(
                "destination \"{name}:{path}\" must be a directory or a regular file"
            ));
        }
        let kind = stat.map(|stat| stat.kind);
        if let Some(pieces) = input {
            if kind != Some(PathKind::Folder) {
                return problem(format!("destination \"{name}:{path}\" must be a directory"));
            }
            return self.put(row, &place, pieces).await;
        }
        let source = Source::find(&self.local(&self.args.source), self.args.follow_link)
            .map_err(|error| Error::Usage(error.to_string()))?;
        let (folder, top) = target(source.is_folder, kind, &place)
            .map_err(|problem| Error::Usage(problem.to_owned()))?;
        let top = top.unwrap_or_else(|| source.name.clone());
        let (sender, pieces) = mpsc::channel(UNDER_WAY);
        let packing: JoinHandle<io::Result<()>> = std::thread::spawn(move || {
            let pipe = Sink { sender: sender.clone(), buffer: Vec::new() };
            let packed = archive::pack(&source.path, Path::new(&top), pipe);
            if let Err(error) = &packed {
                // What is sent so far must not be taken for all.
                drop(sender.blocking_send(Err(io::Error::other(error.to_string()))));
            }
            packed
        });
        let put = self.put(row, &folder, pieces).await;
        match (packing.join(), put) {
            // Whoever reads no more says why.
            (Ok(Err(error)), put) if error.kind() != io::ErrorKind::BrokenPipe || put.is_ok() => {
                problem(error.to_string())
            }
            (_, put) => put,
        }
    }

    async fn put(&self, row: &ContainerRow, folder: &str, pieces: Pieces) -> Result<(), Error> {
        Ok(self.engine.put_archive(&row.id, folder, self.args.archive, pieces).await?)
    }

    /// What a path of a container is; `None` if nothing is there.
    async fn stat(
        &self,
        row: &ContainerRow,
        path: &str,
    ) -> Result<Option<engine::PathStat>, Error> {
        match self.engine.stat_path(&row.id, path).await {
            Ok(stat) => Ok(Some(stat)),
            Err(engine::Error::NotFound(_) | engine::Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The path that is copied from a container: behind a link, if that is asked for.
    async fn source(&self, row: &ContainerRow, path: &str) -> Result<String, Error> {
        if self.args.follow_link
            && let Some(link) = self.stat(row, path).await?.filter(|it| it.kind == PathKind::Link)
        {
            return Ok(followed(path, &link.target));
        }
        Ok(path.to_owned())
    }

    /// Writes an archive of a container's files to standard output.
    async fn to_output(
        &self,
        row: &ContainerRow,
        path: &str,
        terminal: &mut Terminal,
    ) -> Result<(), Error> {
        let source = self.source(row, path).await?;
        let (_, mut bytes) = self.engine.get_archive(&row.id, &source).await?;
        while let Some(piece) = bytes.next().await? {
            terminal.out_bytes(&piece)?;
        }
        terminal.flush()?;
        Ok(())
    }

    /// Copies from a container.
    async fn from(&self, row: &ContainerRow, path: &str, events: &Events) -> Result<(), Error> {
        let source = self.source(row, path).await?;
        let rebased = (source != path && !archive::ends_in_dot(path))
            .then(|| archive::clean(path).file_name().map(ToOwned::to_owned))
            .flatten();
        let destination = &self.args.destination;
        let local = self.local(destination);
        let place = Place::find(&local).map_err(|error| Error::Usage(error.to_string()))?;
        let (stat, bytes) = self.engine.get_archive(&row.id, &source).await?;
        let kind = match (place.exists, place.is_folder) {
            (false, _) => None,
            (true, true) => Some(PathKind::Folder),
            (true, false) => Some(PathKind::File),
        };
        let mut shown = place.path.to_string_lossy().into_owned();
        if archive::asks_for_folder(destination) && !place.exists {
            shown.push('/');
        }
        let is_folder = stat.kind == PathKind::Folder;
        let (folder, top) =
            target(is_folder, kind, &shown).map_err(|problem| Error::Usage(problem.to_owned()))?;
        let inside = archive::ends_in_dot(&source) || archive::clean(&source).file_name().is_none();
        let unpack =
            Unpack { folder: folder.into(), name: top.or(rebased).map(|top| (top, inside)) };
        let (sender, pieces) = mpsc::channel(UNDER_WAY);
        let unpacking = std::thread::spawn(move || unpack.run(Tap { pieces, piece: Bytes::new() }));
        let sent = pump(bytes, sender).await;
        let Ok(unpacked) = unpacking.join() else {
            return Err(Error::Usage("the archive could not be unpacked".to_owned()));
        };
        let skipped = unpacked.map_err(Error::Files)?;
        sent?;
        if !skipped.is_empty() {
            let text = format!("left out, as they are no files: {}", skipped.join(", "));
            drop(events.send(Event::Warning(text)));
        }
        Ok(())
    }
}

/// Where something is unpacked, and what its top is called there if not as it is. The rules are those of
/// Docker, which are those of `cp -a`.
fn target(
    is_folder: bool,
    there: Option<PathKind>,
    path: &str,
) -> Result<(String, Option<OsString>), &'static str> {
    match there {
        Some(PathKind::Folder) => return Ok((path.to_owned(), None)),
        Some(_) if is_folder => return Err("cannot copy directory"),
        None if !is_folder && archive::asks_for_folder(path) => return Err("no such directory"),
        Some(_) | None => {}
    }
    let clean = archive::clean(path);
    let folder = clean.parent().map_or(String::new(), |it| it.to_string_lossy().into_owned());
    let folder = if folder.is_empty() { ".".to_owned() } else { folder };
    Ok((folder, clean.file_name().map(ToOwned::to_owned)))
}

/// Where a link at `path` leads; what the path ends in is kept.
fn followed(path: &str, target: &str) -> String {
    let joined = match (target.starts_with('/'), archive::clean(path).parent()) {
        (false, Some(parent)) => parent.join(target).to_string_lossy().into_owned(),
        _ => target.to_owned(),
    };
    let clean = archive::clean(&joined).to_string_lossy().into_owned();
    match path {
        _ if archive::ends_in_dot(path) => format!("{clean}/."),
        _ if path.ends_with('/') => format!("{clean}/"),
        _ => clean,
    }
}

/// Passes what an engine sends on to who reads it elsewhere. That need not be all of it.
async fn pump(mut bytes: ByteStream, pieces: Sender<io::Result<Bytes>>) -> Result<(), Error> {
    while let Some(piece) = bytes.next().await? {
        if pieces.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Standard input, once for each of several who read it.
fn standard_input(readers: usize) -> Vec<Pieces> {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..readers).map(|_| mpsc::channel::<io::Result<Bytes>>(UNDER_WAY)).unzip();
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        let mut senders = senders;
        while let Ok(length @ 1..) = io::stdin().lock().read(&mut buffer) {
            let piece = Bytes::copy_from_slice(&buffer[..length]);
            // One that has failed is no reason to leave the others without.
            senders.retain(|sender| sender.blocking_send(Ok(piece.clone())).is_ok());
            if senders.is_empty() {
                return;
            }
        }
    });
    receivers
}

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// Writes pieces to who sends them elsewhere.
struct Sink {
    sender: Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// Reads pieces that come from elsewhere.
struct Tap {
    pieces: Pieces,
    piece: Bytes,
}

impl io::Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_paths() {
        assert_eq!(split("web:/a:b"), Some(("web", "/a:b")));
        assert_eq!(split("web:"), Some(("web", "")));
        for local in ["/a:b", "./a:b", "../a:b", "a", ":/x", "-"] {
            assert_eq!(split(local), None, "{local}");
        }
    }

    #[test]
    fn targets() {
        let check = |is_folder, there, path: &str, want: Result<(&str, Option<&str>), &str>| {
            let got = target(is_folder, there, path);
            let got = got
                .as_ref()
                .map(|(folder, top)| (&**folder, top.as_ref().and_then(|it| it.to_str())));
            assert_eq!(got, want.as_ref().map(|it| *it), "{path}");
        };
        check(false, Some(PathKind::Folder), "/a", Ok(("/a", None)));
        check(true, Some(PathKind::Folder), "/a", Ok(("/a", None)));
        check(true, Some(PathKind::File), "/a", Err("cannot copy directory"));
        check(false, Some(PathKind::File), "/a/b", Ok(("/a", Some("b"))));
        check(true, None, "/a/b/", Ok(("/a", Some("b"))));
        check(false, None, "/a/b/", Err("no such directory"));
        check(false, None, "b", Ok((".", Some("b"))));
    }

    #[test]
    fn links_are_followed_from_where_they_are() {
        assert_eq!(followed("/a/link", "b"), "/a/b");
        assert_eq!(followed("/a/link/", "../b"), "/b/");
        assert_eq!(followed("/a/link/.", "/c"), "/c/.");
    }
}

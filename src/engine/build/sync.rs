//! Files for a builder: it is told what there is, compares that with what it has, and asks for the rest.
//!
//! The protocol is that of `BuildKit`'s file sync. We tell of every entry in the order of its names, end
//! with an entry without a name, and send what is asked for by the entry's position, while that goes on.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc as blocking;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use crate::context::{self, Entry, Filter, Kind};
use crate::engine::build::grpc::Messages;

/// Bytes of a file that are sent at once.
const CHUNK: usize = 128 << 10;
/// Chunks that wait to be sent.
const CHUNKS: usize = 8;
/// Entries that are told of at once, and how many such lots wait.
const LOT: usize = 64;
const LOTS: usize = 16;

/// Something that a builder may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shared {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A folder that is nowhere: texts by the names of their files.
    Files(BTreeMap<String, String>),
}

/// What is to be sent of a folder.
#[derive(Debug, Default)]
struct Wanted {
    folder: String,
    excludes: Vec<String>,
    includes: Vec<String>,
    follows: Vec<String>,
}

impl Wanted {
    fn read(metadata: &MetadataMap) -> Self {
        let all = |key: &str| -> Vec<String> {
            let encoded = metadata.get(format!("{key}-encoded").as_str()).is_some();
            let values = metadata.get_all(key).iter().filter_map(|value| value.to_str().ok());
            values.map(|it| if encoded { decoded(it) } else { it.to_owned() }).collect()
        };
        Self {
            folder: all("dir-name").pop().unwrap_or_default(),
            excludes: all("exclude-patterns"),
            includes: all("include-patterns"),
            follows: all("followpaths"),
        }
    }
}

/// Text that was made fit for a header as queries are.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = rest.clone().take(2).collect::<Vec<u8>>();
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        match (byte, u8::from_str_radix(digits, 16)) {
            (b'+', _) => out.push(b' '),
            (b'%', Ok(value)) if digits.len() == 2 => {
                out.push(value);
                rest.nth(1);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The name of the folder that is asked for.
pub(super) fn folder_name(metadata: &MetadataMap) -> String {
    Wanted::read(metadata).folder
}

/// Answers a builder that asks for the files of `shared`.
pub(super) fn copy(
    shared: &Shared,
    metadata: &MetadataMap,
    asked: Streaming<Packet>,
) -> Result<Messages<Packet>, Status> {
    let (lots, found) = mpsc::channel(LOTS);
    let root = match shared {
        Shared::Folder(folder) => {
            let wanted = Wanted::read(metadata);
            let root = folder.clone();
            tokio::task::spawn_blocking(move || tell_of(&root, &wanted, &lots));
            Source::Folder(folder.clone())
        }
        Shared::Files(files) => {
            let lot = files.iter().map(|(name, text)| Ok(stat_of_text(name, text))).collect();
            tokio::task::spawn_blocking(move || drop(lots.blocking_send(lot)));
            Source::Texts(files.clone())
        }
    };
    let (wishes, todo) = blocking::channel();
    let (chunks, read) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || read_files(&root, &todo, &chunks));
    let mut reading = JoinSet::new();
    let asked = at_once(asked, &mut reading);
    let copy = Copy {
        asked,
        _reading: reading,
        found,
        wishes,
        read,
        files: Vec::new(),
        ready: VecDeque::new(),
        told: false,
    };
    Ok(Box::pin(stream::unfold(Some(copy), |copy| async move {
        let mut copy = copy?;
        match copy.next().await {
            Ok(Some(packet)) => {
                let is_last = packet.r#type == PacketType::PacketFin as i32;
                Some((Ok(packet), (!is_last).then_some(copy)))
            }
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })))
}

/// Takes what the builder asks for as it comes.
///
/// A builder asks for each file with a message of its own, of a few bytes, however slowly it takes what it
/// is sent. HTTP/2 has no window for the number of messages, so a connection on which they pile up is
/// closed as one that is abused. Here they cannot be more than there are entries.
fn at_once(
    mut asked: Streaming<Packet>,
    reading: &mut JoinSet<()>,
) -> mpsc::UnboundedReceiver<Result<Packet, Status>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    reading.spawn(async move {
        while let Some(packet) = asked.message().await.transpose() {
            if sender.send(packet).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Where the content of files comes from.
enum Source {
    Folder(PathBuf),
    Texts(BTreeMap<String, String>),
}

/// Entries as they are found; what cannot be read ends them.
type Lot = Vec<Result<Stat, String>>;

fn tell_of(root: &Path, wanted: &Wanted, lots: &mpsc::Sender<Lot>) {
    let Wanted { excludes, includes, follows, .. } = wanted;
    let filter = Filter::asked(root, includes, excludes, follows);
    let found = match filter.and_then(|filter| context::open(root, filter)) {
        Ok(found) => found,
        Err(error) => return drop(lots.blocking_send(vec![Err(error.to_string())])),
    };
    let mut lot = Lot::new();
    for entry in found {
        let entry = entry.map_err(|error| error.to_string()).and_then(|entry| stat(&entry));
        let is_bad = entry.is_err();
        lot.push(entry);
        if is_bad || lot.len() == LOT {
            // Nobody listens any more when the build is over.
            if lots.blocking_send(std::mem::take(&mut lot)).is_err() || is_bad {
                return;
            }
        }
    }
    if !lot.is_empty() {
        let _ = lots.blocking_send(lot);
    }
}

/// Sends the files that are wished for, one after the other.
fn read_files(
    source: &Source,
    todo: &blocking::Receiver<(u32, String)>,
    chunks: &mpsc::Sender<Packet>,
) {
    while let Ok((id, path)) = todo.recv() {
        let send =
            |data: Vec<u8>| chunks.blocking_send(packet(PacketType::PacketData, id, data)).is_ok();
        let goes_on = match source {
            Source::Texts(files) => {
                send(files.get(&path).map_or_else(Vec::new, |text| text.clone().into_bytes()))
            }
            // A file that has gone since is an empty one, as with the peer.
            Source::Folder(root) => match File::open(root.join(&path)) {
                Ok(file) => send_file(file, &send),
                Err(_) => true,
            },
        };
        // The empty one says that there is no more.
        if !goes_on || !send(Vec::new()) {
            return;
        }
    }
}

/// Sends a file in chunks, for as long as they are taken; gives whether they still are.
fn send_file(mut file: File, send: &impl Fn(Vec<u8>) -> bool) -> bool {
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut length = 0;
        while length < CHUNK {
            match file.read(&mut chunk[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if length == 0 {
            return true;
        }
        chunk.truncate(length);
        if !send(chunk) {
            return false;
        }
    }
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: kind as i32, stat: None, id, data }
}

/// Bits of Go's file modes that plain files do not have: those of folders, links, devices, pipes,
/// sockets and terminals.
const NO_FILE: u32 = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

fn stat(entry: &Entry) -> Result<Stat, String> {
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("the name of `{}` is no valid UTF-8", path.display())),
    };
    let mut stat = Stat {
        path: text(&entry.path)?,
        mode: entry.go_mode(),
        size: i64::try_from(entry.size).unwrap_or(i64::MAX),
        mod_time: entry.modified,
        ..Stat::default()
    };
    match &entry.kind {
        Kind::HardLink(first) => (stat.linkname, stat.size) = (text(first)?, 0),
        Kind::Symlink(target) => stat.linkname = text(target)?,
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
            let number = |number: u64| i64::try_from(number).unwrap_or_default();
            (stat.devmajor, stat.devminor) = (number(*major), number(*minor));
        }
        Kind::Folder => stat.size = 0,
        Kind::File | Kind::Pipe => {}
    }
    Ok(stat)
}

fn stat_of_text(name: &str, content: &str) -> Stat {
    Stat {
        path: name.to_owned(),
        mode: 0o644,
        size: i64::try_from(content.len()).unwrap_or(i64::MAX),
        ..Stat::default()
    }
}

/// One conversation with the builder.
struct Copy {
    asked: mpsc::UnboundedReceiver<Result<Packet, Status>>,
    /// Reads what is asked for, until this is dropped.
    _reading: JoinSet<()>,
    found: mpsc::Receiver<Lot>,
    wishes: blocking::Sender<(u32, String)>,
    read: mpsc::Receiver<Packet>,
    /// The paths of what can be asked for, by position.
    files: Vec<Option<String>>,
    ready: VecDeque<Result<Stat, String>>,
    /// Whether all entries have been told of.
    told: bool,
}

impl Copy {
    /// The next message for the builder; `None` once it has left.
    async fn next(&mut self) -> Result<Option<Packet>, Status> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Ok(Some(self.tell(found)));
            }
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some(asked) = asked.transpose()? else { return Ok(None) };
                    if let Some(answer) = self.hear(&asked)? {
                        return Ok(Some(answer));
                    }
                }
                Some(chunk) = self.read.recv() => return Ok(Some(chunk)),
                lot = self.found.recv(), if !self.told => {
                    let Some(lot) = lot else {
                        self.told = true;
                        return Ok(Some(packet(PacketType::PacketStat, 0, Vec::new())));
                    };
                    self.ready.extend(lot);
                }
            }
        }
    }

    fn tell(&mut self, found: Result<Stat, String>) -> Packet {
        match found {
            Ok(stat) => {
                let is_file = stat.mode & NO_FILE == 0;
                self.files.push(is_file.then(|| stat.path.clone()));
                Packet { stat: Some(stat), ..packet(PacketType::PacketStat, 0, Vec::new()) }
            }
            Err(problem) => {
                // The builder hears why, and there is nothing more to tell.
                self.told = true;
                packet(PacketType::PacketErr, 0, problem.into_bytes())
            }
        }
    }

    fn hear(&mut self, asked: &Packet) -> Result<Option<Packet>, Status> {
        match PacketType::try_from(asked.r#type) {
            Ok(PacketType::PacketReq) => {
                let file = usize::try_from(asked.id).ok().and_then(|id| self.files.get_mut(id));
                let Some(path) = file.and_then(Option::take) else {
                    return Err(Status::invalid_argument(format!("no file has ID {}", asked.id)));
                };
                self.wishes
                    .send((asked.id, path))
                    .map_err(|_| Status::aborted("files are read no more"))?;
                Ok(None)
            }
            Ok(PacketType::PacketFin) => Ok(Some(packet(PacketType::PacketFin, 0, Vec::new()))),
            Ok(PacketType::PacketErr) => {
                Err(Status::aborted(String::from_utf8_lossy(&asked.data).into_owned()))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_may_be_encoded() {
        assert_eq!(decoded("a%C3%A4+b%2"), "aä b%2");
        let mut metadata = MetadataMap::new();
        metadata.insert("dir-name", "x".parse().unwrap());
        metadata.append("followpaths", "%C3%A4".parse().unwrap());
        metadata.append("followpaths", "b".parse().unwrap());
        metadata.insert("followpaths-encoded", "1".parse().unwrap());
        metadata.insert("exclude-patterns", "%41".parse().unwrap());
        let wanted = Wanted::read(&metadata);
        assert_eq!(wanted.follows, ["ä", "b"]);
        assert_eq!((wanted.folder.as_str(), &wanted.excludes[..]), ("x", &["%41".to_owned()][..]));
    }
}

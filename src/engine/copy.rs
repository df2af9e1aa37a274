//! Files of containers as archives, both ways, and images made of containers.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Either, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Response};
use serde::Deserialize;
use tokio::sync::mpsc::Receiver;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;

/// A path in a container, as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    pub kind: PathKind,
    /// Where a symbolic link points.
    pub target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    File,
    Folder,
    Link,
    /// A device, a pipe, a socket.
    Special,
}

#[derive(Deserialize)]
struct StatAnswer {
    /// The bits of Go's `FileMode`.
    mode: u32,
    #[serde(default, rename = "linkTarget")]
    target: String,
}

impl From<StatAnswer> for PathStat {
    fn from(answer: StatAnswer) -> Self {
        const FOLDER: u32 = 1 << 31;
        const LINK: u32 = 1 << 27;
        // Device, named pipe, socket, character device, irregular.
        const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
        let kind = match answer.mode {
            mode if mode & FOLDER != 0 => PathKind::Folder,
            mode if mode & LINK != 0 => PathKind::Link,
            mode if mode & SPECIAL != 0 => PathKind::Special,
            _ => PathKind::File,
        };
        Self { kind, target: answer.target }
    }
}

/// Bytes as an engine sends them.
pub struct ByteStream {
    body: Incoming,
}

impl ByteStream {
    /// Waits for more; `None` at the end.
    ///
    /// Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::Answer(error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// What is made of a container.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Name and tag, if it gets them.
    pub reference: Option<(String, String)>,
    pub message: String,
    pub author: String,
    pub changes: Vec<String>,
    /// Whether the container is frozen meanwhile.
    pub pause: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Committed {
    id: String,
}

fn archive_path(id: &str, path: &str) -> String {
    format!("/containers/{}/archive?path={}", encode(id), encode(path))
}

/// The state of a path that stands in the header of an answer.
fn stat_of(answer: &Response<Incoming>) -> Result<PathStat, Error> {
    let header = answer.headers().get("x-docker-container-path-stat");
    let text = header.and_then(|value| value.to_str().ok()).and_then(decode_base64);
    let stat = text.and_then(|json| serde_json::from_slice::<StatAnswer>(&json).ok());
    stat.map(PathStat::from).ok_or_else(|| Error::Answer("it says nothing of the path".to_owned()))
}

impl Engine {
    /// What a path of a container is. A link is not followed.
    ///
    /// # Errors
    /// Those of the engine; [`Error::NotFound`] if there is nothing.
    pub async fn stat_path(&self, id: &str, path: &str) -> Result<PathStat, Error> {
        stat_of(&self.transport.send(Method::HEAD, &archive_path(id, path)).await?)
    }

    /// A file or folder of a container as an archive, and what it is.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn get_archive(&self, id: &str, path: &str) -> Result<(PathStat, ByteStream), Error> {
        let answer = self.transport.send(Method::GET, &archive_path(id, path)).await?;
        Ok((stat_of(&answer)?, ByteStream { body: answer.into_body() }))
    }

    /// Unpacks an archive, which comes in pieces, in a folder of a container. With `own`, all belongs
    /// to the container's user then.
    ///
    /// # Errors
    /// Those of the engine, and those of who sends the pieces.
    pub async fn put_archive(
        &self,
        id: &str,
        folder: &str,
        own: bool,
        pieces: Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), Error> {
        let own = if own { "&copyUIDGID=true" } else { "" };
        let path = format!("{}&noOverwriteDirNonDir=true{own}", archive_path(id, folder));
        let pieces = futures_util::stream::unfold(pieces, async |mut pieces| {
            pieces.recv().await.map(|piece| (piece, pieces))
        });
        let frames = pieces.map(|piece| piece.map(Frame::data));
        let body = Either::Right(StreamBody::new(Box::pin(frames) as _));
        self.transport.put_body(&path, body).await
    }

    /// All files of a container as one archive.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn export(&self, id: &str) -> Result<ByteStream, Error> {
        let path = format!("/containers/{}/export", encode(id));
        let answer = self.transport.send(Method::GET, &path).await?;
        Ok(ByteStream { body: answer.into_body() })
    }

    /// Makes an image of a container, and gives its ID.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn commit(&self, id: &str, options: &CommitOptions) -> Result<String, Error> {
        let mut path = format!("/commit?container={}&pause={}", encode(id), options.pause);
        let mut add = |name: &str, value: &str| {
            path = format!("{path}&{name}={}", encode(value));
        };
        if let Some((name, tag)) = &options.reference {
            add("repo", name);
            add("tag", tag);
        }
        add("comment", &options.message);
        add("author", &options.author);
        for change in &options.changes {
            add("changes", change);
        }
        let made: Committed = self.transport.post(&path, &serde_json::Value::Null).await?;
        Ok(made.id)
    }
}

/// Reads base 64 in either alphabet; the sign for nothing may be left out.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let read = |text: &str| decode_base64(text).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(read("aGVsbG8gdGhlcmU=").as_deref(), Some("hello there"));
        assert_eq!(read("aGVsbG8gdGhlcmU/").as_deref(), Some("hello there?"));
        assert_eq!(read("").as_deref(), Some(""));
        assert_eq!(read("a b"), None);
    }

    #[test]
    fn kinds_of_paths() {
        let kind = |mode: u32| PathStat::from(StatAnswer { mode, target: String::new() }).kind;
        assert_eq!(kind(0o644), PathKind::File);
        assert_eq!(kind(1 << 31 | 0o755), PathKind::Folder);
        assert_eq!(kind(1 << 27 | 0o777), PathKind::Link);
        assert_eq!(kind(1 << 26 | 1 << 21 | 0o666), PathKind::Special);
    }
}

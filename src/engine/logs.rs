//! Output of containers.

use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::containers::Inspected;
use crate::engine::error::Error;

/// Which output, from when, and for how long.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    pub follow: bool,
    pub timestamps: bool,
    /// A number of lines, or `all`.
    pub tail: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Output as it comes: not lines yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Whether the container wrote it to its standard error.
    pub stderr: bool,
    pub bytes: Bytes,
}

/// A stream of output.
pub struct LogStream {
    body: Incoming,
    frames: Frames,
}

impl Engine {
    /// The output of a container. `tty` says whether it has a terminal, as the stream differs then.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn logs(
        &self,
        id: &str,
        tty: bool,
        options: &LogOptions,
    ) -> Result<LogStream, Error> {
        let mut path = format!("/containers/{id}/logs?stdout=1&stderr=1");
        for (flag, on) in [("follow", options.follow), ("timestamps", options.timestamps)] {
            if on {
                let _ = write!(path, "&{flag}=1");
            }
        }
        if let Some(tail) = &options.tail {
            let _ = write!(path, "&tail={}", encode(tail));
        }
        for (name, time) in [("since", options.since), ("until", options.until)] {
            if let Some(time) = time {
                // Nothing was written before 1970, which is as far back as engines count.
                let time = time.max(Timestamp::UNIX_EPOCH);
                let (seconds, rest) = (time.as_second(), time.subsec_nanosecond());
                let _ = write!(path, "&{name}={seconds}.{rest:09}");
            }
        }
        let answer = self.transport.send(Method::GET, &path).await?;
        Ok(LogStream { body: answer.into_body(), frames: Frames::new(tty) })
    }
}

impl Engine {
    /// What a container writes from now on, begun before it starts so that nothing is missed; and the
    /// state that it is in.
    ///
    /// Without a request to upgrade the connection, engines answer with a body that ends when the
    /// container does.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn attach(&self, id: &str) -> Result<(LogStream, Inspected), Error> {
        let container = self.inspect(id).await?;
        let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1");
        let answer = self.transport.send(Method::POST, &path).await?;
        let stream = LogStream { body: answer.into_body(), frames: Frames::new(container.tty) };
        Ok((stream, container))
    }
}

impl LogStream {
    /// Waits for more output; `None` when there is no more.
    ///
    /// Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next(&mut self) -> Result<Option<LogChunk>, Error> {
        loop {
            if let Some(chunk) = self.frames.take() {
                return Ok(Some(chunk));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::Answer(error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.frames.add(&data);
                    }
                }
            }
        }
    }
}

/// Takes a stream apart: raw with a terminal; without one, frames of eight bytes of header (the
/// first says which stream, the last four how long) and what they hold.
pub(super) struct Frames {
    tty: bool,
    buffer: BytesMut,
    ready: VecDeque<LogChunk>,
}

impl Frames {
    pub(super) fn new(tty: bool) -> Self {
        Self { tty, buffer: BytesMut::new(), ready: VecDeque::new() }
    }

    pub(super) fn add(&mut self, data: &[u8]) {
        if self.tty {
            self.ready.push_back(LogChunk { stderr: false, bytes: Bytes::copy_from_slice(data) });
            return;
        }
        self.buffer.extend_from_slice(data);
        while let Some(header) = self.buffer.get(..8) {
            let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let stderr = header[0] == 2;
            if self.buffer.len() < 8 + length {
                return;
            }
            self.buffer.advance(8);
            let bytes = self.buffer.split_to(length).freeze();
            self.ready.push_back(LogChunk { stderr, bytes });
        }
    }

    pub(super) fn take(&mut self) -> Option<LogChunk> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_may_arrive_in_any_pieces() {
        let stream =
            [&[1, 0, 0, 0, 0, 0, 0, 3][..], b"one", &[2, 0, 0, 0, 0, 0, 0, 4], b"two!"].concat();
        for size in 1..stream.len() {
            let mut frames = Frames::new(false);
            let mut got = Vec::new();
            for piece in stream.chunks(size) {
                frames.add(piece);
                while let Some(chunk) = frames.take() {
                    got.push((chunk.stderr, String::from_utf8(chunk.bytes.to_vec()).unwrap()));
                }
            }
            assert_eq!(
                got,
                [(false, "one".to_owned()), (true, "two!".to_owned())],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        let mut frames = Frames::new(true);
        frames.add(&[1, 0, 0, 0]);
        assert_eq!(frames.take().unwrap().bytes.as_ref(), [1, 0, 0, 0]);
    }
}

//! Output of containers.

use std::fmt::Write as _;

use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::containers::Inspected;
use crate::engine::error::{Error, chain};
use crate::engine::frames::{Frames, LogChunk};

/// Which output, from when, and for how long.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    pub follow: bool,
    /// Ask for the time of each line, which chunks then have.
    pub timestamps: bool,
    /// A number of lines, or `all`.
    pub tail: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// A stream of output.
pub struct LogStream {
    body: Incoming,
    frames: Frames,
    /// Whether the body has ended.
    over: bool,
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
        let answer = self.transport.pour(&path).await?;
        Ok(LogStream {
            body: answer.into_body(),
            frames: Frames::new(tty, options.timestamps),
            over: false,
        })
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
        let stream = LogStream {
            body: answer.into_body(),
            frames: Frames::new(container.tty, false),
            over: false,
        };
        Ok((stream, container))
    }
}

impl LogStream {
    /// What has arrived already.
    pub fn take(&mut self) -> Option<LogChunk> {
        self.frames.take()
    }

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
            if self.over {
                let broken = || Error::Answer("it breaks off".to_owned());
                return if self.frames.is_within() { Err(broken()) } else { Ok(None) };
            }
            match self.body.frame().await {
                None => {
                    self.over = true;
                    self.frames.end();
                }
                Some(Err(error)) => return Err(Error::Answer(chain(&error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.frames.add(data);
                    }
                }
            }
        }
    }
}

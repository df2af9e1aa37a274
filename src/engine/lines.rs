//! Answers that are lines of JSON, read as they come.

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;

use crate::engine::error::{Error, chain};

/// The lines of an answer.
pub(super) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    /// How much of the buffer is known to have no end of a line.
    seen: usize,
}

impl Lines {
    pub(super) fn of(answer: Response<Incoming>) -> Self {
        Self { body: answer.into_body(), buffer: Vec::new(), seen: 0 }
    }

    /// Waits for the next line; `None` when there are no more.
    ///
    /// Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// A broken connection.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(end) = self.buffer[self.seen..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.drain(..=self.seen + end).collect();
                self.seen = 0;
                return Ok(Some(line));
            }
            self.seen = self.buffer.len();
            match self.body.frame().await {
                // The last line need not have an end.
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    self.seen = 0;
                    return Ok(Some(std::mem::take(&mut self.buffer)));
                }
                Some(Err(error)) => return Err(Error::Answer(chain(&error))),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

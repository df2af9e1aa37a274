//! What containers write, of several at once.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use crate::engine::{self, Engine, LogChunk, LogOptions, LogStream};
use crate::event::Event;

/// Output of several containers at once, every byte of it shown once.
///
/// Engines cannot be asked for what a container has written since it last ended: times in logs may be
/// later than the news of the end, and a stream may go on into the next start. So a container's output is
/// counted from one moment on, its base, and what was shown already is left out of later streams.
pub(super) struct Outputs<'a> {
    engine: &'a Engine,
    open: FuturesUnordered<LocalBoxFuture<'a, Output>>,
    shown: BTreeMap<String, Shown>,
}

/// How much of a container's output is shown.
#[derive(Debug, Default)]
struct Shown {
    base: Option<Timestamp>,
    /// Bytes since then, of standard output and standard error.
    bytes: [u64; 2],
    /// Whether it began in the middle, so that nothing can be counted before the next start.
    partial: bool,
}

/// Logs of one container that are read anew from their base are no longer than this many bytes.
const LONGEST_REPLAY: u64 = 1 << 20;

/// Output of one container, with what it has just written; `None` when there is no more.
pub(super) struct Output {
    id: String,
    source: String,
    /// `None` before it is open, and if it cannot be opened.
    stream: Option<LogStream>,
    /// Bytes since the base, of standard output and standard error.
    bytes: [u64; 2],
    chunk: Result<Option<LogChunk>, engine::Error>,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        Self { engine, open: FuturesUnordered::new(), shown: BTreeMap::new() }
    }

    /// Shows what a container writes from now on: all since `base`, or a part of what it writes.
    pub(super) fn attach(
        &mut self,
        id: String,
        source: String,
        stream: LogStream,
        base: Option<Timestamp>,
    ) {
        self.shown.insert(id.clone(), Shown { base, bytes: [0; 2], partial: base.is_none() });
        let begun = Output { id, source, stream: Some(stream), bytes: [0; 2], chunk: Ok(None) };
        self.open.push(Box::pin(wait(begun)));
    }

    /// Shows what of a container's output `options` ask for, which is the first that is shown of it.
    pub(super) fn begin(&mut self, id: &str, source: &str, tty: bool, options: LogOptions) {
        let partial = options.tail.as_deref().is_some_and(|tail| tail != "all");
        let shown = Shown { base: options.since, bytes: [0; 2], partial };
        self.shown.insert(id.to_owned(), shown);
        self.read(id, source, tty, options);
    }

    /// Shows what a container writes and has written since `base`, or since the base it has.
    pub(super) fn follow(&mut self, id: &str, source: &str, tty: bool, base: Timestamp) {
        let new = || Shown { base: Some(base), ..Shown::default() };
        let since = self.shown.entry(id.to_owned()).or_insert_with(new).base;
        self.read(id, source, tty, LogOptions { follow: true, since, ..LogOptions::default() });
    }

    /// A container has ended. If it has written much, that is not read again.
    pub(super) fn ended(&mut self, id: &str, time: Timestamp) {
        if let Some(shown) = self.shown.get_mut(id)
            && (shown.partial || shown.bytes.iter().sum::<u64>() > LONGEST_REPLAY)
        {
            *shown = Shown { base: Some(time), ..Shown::default() };
        }
    }

    fn read(&mut self, id: &str, source: &str, tty: bool, options: LogOptions) {
        let (engine, id, source) = (self.engine, id.to_owned(), source.to_owned());
        // An engine may answer only when there is something to tell, so this waits with the others.
        self.open.push(Box::pin(async move {
            let (stream, chunk) = match engine.logs(&id, tty, &options).await {
                Ok(stream) => (Some(stream), Ok(None)),
                Err(error) => (None, Err(error)),
            };
            let output = Output { id, source, stream, bytes: [0; 2], chunk };
            if output.stream.is_some() { wait(output).await } else { output }
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The next thing that a container writes, or that it will write no more; with its ID. Waits for
    /// ever when no container is left.
    pub(super) async fn next(&mut self) -> (String, Event) {
        loop {
            let Some(mut output) = self.open.next().await else {
                return std::future::pending().await;
            };
            let id = output.id.clone();
            let chunk = std::mem::replace(&mut output.chunk, Ok(None));
            match chunk {
                Ok(Some(LogChunk { stderr, mut bytes })) => {
                    let source = output.source.clone();
                    let side = usize::from(stderr);
                    let from = output.bytes[side];
                    output.bytes[side] += bytes.len() as u64;
                    let end = output.bytes[side];
                    self.open.push(Box::pin(wait(output)));
                    let shown = &mut self.shown.entry(id.clone()).or_default().bytes[side];
                    let known = usize::try_from(shown.saturating_sub(from)).unwrap_or(usize::MAX);
                    if known < bytes.len() {
                        *shown = end;
                        let bytes = bytes.split_off(known);
                        return (id, Event::Output { source, stderr, bytes });
                    }
                }
                ended => {
                    // An output that breaks off has ended, as far as can be known.
                    let is_odd = |error: &engine::Error| {
                        output.stream.is_none() && !matches!(error, engine::Error::NotFound(_))
                    };
                    let problem = ended.err().filter(is_odd).map(|error| error.to_string());
                    return (id, Event::OutputEnded { source: output.source, problem });
                }
            }
        }
    }
}

async fn wait(mut output: Output) -> Output {
    if let Some(stream) = &mut output.stream {
        output.chunk = stream.next().await;
    }
    output
}

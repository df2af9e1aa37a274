//! What containers write, of several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use tokio::time::timeout_at;

use crate::engine::{self, Engine, LogChunk, LogOptions, LogStream};
use crate::event::Event;

/// In which order the output of several containers is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As it comes.
    Arrival,
    /// By the engine's times, however long a container is silent: for output that ends.
    Time,
    /// By the engine's times as far as they are told soon.
    Live,
}

/// How long what one container has written may wait for another that may have written before, and
/// will tell so late.
const WINDOW: Duration = Duration::from_millis(60);

/// How much longer the beginning of an output is waited for.
const BEGINNING: Duration = Duration::from_millis(140);

/// After so much time without anything to show, what was shown is handed on.
const PAUSE: Duration = Duration::from_millis(5);

/// Output of several containers at once, every byte of it shown once.
///
/// Engines cannot be asked for what a container has written since it last ended: times in logs may be
/// later than the news of the end, and a stream may go on into the next start. So a container's output is
/// counted from one moment on, its base, and what was shown already is left out of later streams.
///
/// Only one chunk of each container is looked at: the rest is left to the connections, and by them to the
/// engine. So memory does not grow with what is written, and however much one container writes, its
/// lines come no earlier than those of others.
pub(super) struct Outputs<'a> {
    engine: &'a Engine,
    order: Order,
    /// Whether lines are shown with their times.
    stamps: bool,
    /// Streams whose next chunk has not arrived yet.
    open: FuturesUnordered<LocalBoxFuture<'a, Stream>>,
    /// Streams whose next chunk has arrived, by the turns in which they are shown.
    ready: BTreeMap<Turn, Stream>,
    shown: BTreeMap<Arc<str>, Shown>,
    /// Streams in the order in which they were opened.
    count: u64,
    /// Chunks in the order in which they have arrived.
    arrivals: u64,
    /// Since when the streams in `open` are silent, the last one last.
    silent: BTreeSet<(Instant, u64)>,
    /// The least that our clock has been ahead of the time of a chunk, in nanoseconds.
    delay: i64,
    /// Whether something was handed out since [`Output::Idle`] was told.
    busy: bool,
    broken: Option<engine::Error>,
}

/// What comes first is shown first: by time, then by arrival or container.
type Turn = (i64, u64);

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

/// Output of one container, and what it has just written; `None` when there is no more.
struct Stream {
    id: Arc<str>,
    source: Arc<str>,
    number: u64,
    /// `None` before it is open, and if it cannot be opened.
    open: Option<LogStream>,
    /// Bytes since the base, of standard output and standard error.
    bytes: [u64; 2],
    /// The time of the last chunk.
    time: i64,
    /// Since when the next chunk is waited for.
    since: Instant,
    chunk: Result<Option<LogChunk>, engine::Error>,
}

/// What there is to show.
pub(super) enum Output {
    /// A container has written something, or will write no more. With its ID.
    Event(Arc<str>, Event),
    /// Nothing more for now, after there was something.
    Idle,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(engine: &'a Engine, order: Order) -> Self {
        Self {
            engine,
            order,
            stamps: false,
            open: FuturesUnordered::new(),
            ready: BTreeMap::new(),
            shown: BTreeMap::new(),
            count: 0,
            arrivals: 0,
            silent: BTreeSet::new(),
            delay: i64::MAX,
            busy: false,
            broken: None,
        }
    }

    /// Shows lines with their times.
    pub(super) fn with_stamps(self, stamps: bool) -> Self {
        Self { stamps, ..self }
    }

    /// Shows what a container writes from now on: all since `base`, or a part of what it writes.
    pub(super) fn attach(
        &mut self,
        id: &str,
        source: &str,
        stream: LogStream,
        base: Option<Timestamp>,
    ) {
        let begun = self.stream(id, source);
        let shown = Shown { base, bytes: [0; 2], partial: base.is_none() };
        self.shown.insert(Arc::clone(&begun.id), shown);
        self.wait(Stream { open: Some(stream), ..begun });
    }

    /// Shows what of a container's output `options` ask for, which is the first that is shown of it.
    pub(super) fn begin(&mut self, id: &str, source: &str, tty: bool, options: LogOptions) {
        let partial = options.tail.as_deref().is_some_and(|tail| tail != "all");
        let shown = Shown { base: options.since, bytes: [0; 2], partial };
        self.shown.insert(id.into(), shown);
        self.read(id, source, tty, options);
    }

    /// Shows what a container writes and has written since `base`, or since the base it has.
    pub(super) fn follow(&mut self, id: &str, source: &str, tty: bool, base: Timestamp) {
        let new = || Shown { base: Some(base), ..Shown::default() };
        let since = self.shown.entry(id.into()).or_insert_with(new).base;
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

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.ready.is_empty()
    }

    /// The first problem that ended an output too early.
    pub(super) fn broken(&mut self) -> Option<engine::Error> {
        self.broken.take()
    }

    fn stream(&mut self, id: &str, source: &str) -> Stream {
        self.count += 1;
        Stream {
            id: id.into(),
            source: source.into(),
            number: self.count,
            open: None,
            bytes: [0; 2],
            time: i64::MIN,
            since: Instant::now(),
            chunk: Ok(None),
        }
    }

    fn read(&mut self, id: &str, source: &str, tty: bool, mut options: LogOptions) {
        options.timestamps = self.order != Order::Arrival;
        let mut begun = self.stream(id, source);
        begun.since += BEGINNING;
        let engine = self.engine;
        self.silent.insert((begun.since, begun.number));
        // An engine may answer only when there is something to tell, so this waits with the others.
        self.open.push(Box::pin(async move {
            match engine.logs(&begun.id, tty, &options).await {
                Ok(stream) => next(Stream { open: Some(stream), ..begun }).await,
                Err(error) => Stream { chunk: Err(error), ..begun },
            }
        }));
    }

    /// Waits for the next chunk of a stream.
    fn wait(&mut self, mut stream: Stream) {
        stream.since = Instant::now();
        self.silent.insert((stream.since, stream.number));
        self.open.push(Box::pin(next(stream)));
    }

    /// The next thing to show. Waits for ever when no container is left. Nothing is lost if this is
    /// dropped while it waits.
    pub(super) async fn next(&mut self) -> Output {
        loop {
            while let Some(Some(stream)) = self.open.next().now_or_never() {
                self.arrived(stream);
            }
            let until = match self.due() {
                Due::Now => match self.show() {
                    Some((id, event)) => {
                        self.busy = true;
                        return Output::Event(id, event);
                    }
                    None => continue,
                },
                Due::At(time) => Some(time),
                Due::Never => None,
            };
            let idle = self.busy.then(|| Instant::now() + PAUSE);
            let next = self.open.next();
            let arrived = match until.into_iter().chain(idle).min() {
                None => next.await,
                Some(time) => timeout_at(time.into(), next).await.unwrap_or(None),
            };
            match arrived {
                Some(stream) => self.arrived(stream),
                None if !self.busy && self.is_empty() => return std::future::pending().await,
                None if self.is_empty() || idle.is_some_and(|time| time <= Instant::now()) => {
                    self.busy = false;
                    return Output::Idle;
                }
                None => {}
            }
        }
    }

    fn arrived(&mut self, stream: Stream) {
        self.silent.remove(&(stream.since, stream.number));
        self.queue(stream);
    }

    fn queue(&mut self, mut stream: Stream) {
        // A container's own order stays, whatever its clock did.
        if let Ok(Some(LogChunk { time: Some(time), .. })) = &stream.chunk {
            stream.time = stream.time.max(*time);
        }
        self.arrivals += 1;
        let last = if self.order == Order::Arrival { self.arrivals } else { stream.number };
        self.ready.insert((stream.time, last), stream);
    }

    /// When the first of what has arrived may be shown.
    fn due(&mut self) -> Due {
        let Some(((time, _), first)) = self.ready.first_key_value() else {
            return Due::Never;
        };
        match self.order {
            _ if self.open.is_empty() => Due::Now,
            Order::Arrival => Due::Now,
            // The end of a stream has no time.
            _ if !matches!(first.chunk, Ok(Some(_))) => Due::Now,
            Order::Time => Due::Never,
            Order::Live => {
                let now = Instant::now();
                // The others may have more that is on its way.
                let told = self.silent.last().map_or(now, |(since, _)| *since + WINDOW);
                // They may also have written this very moment.
                let age = age(*time);
                self.delay = self.delay.min(age);
                let age = Duration::from_nanos(age.saturating_sub(self.delay).unsigned_abs());
                let until = told.max(now + WINDOW.saturating_sub(age));
                if until <= now { Due::Now } else { Due::At(until) }
            }
        }
    }

    /// Takes the first of what has arrived; `None` if it was shown before.
    fn show(&mut self) -> Option<(Arc<str>, Event)> {
        let (_, mut stream) = self.ready.pop_first()?;
        let (id, source) = (Arc::clone(&stream.id), Arc::clone(&stream.source));
        match std::mem::replace(&mut stream.chunk, Ok(None)) {
            Ok(Some(LogChunk { stderr, stamp, mut bytes, .. })) => {
                let side = usize::from(stderr);
                let from = stream.bytes[side];
                let length = bytes.len() - stamp;
                stream.bytes[side] += length as u64;
                let end = stream.bytes[side];
                match stream.open.as_mut().and_then(LogStream::take) {
                    Some(chunk) => self.queue(Stream { chunk: Ok(Some(chunk)), ..stream }),
                    None => self.wait(stream),
                }
                let shown = match self.shown.get_mut(&id) {
                    Some(shown) => shown,
                    None => self.shown.entry(Arc::clone(&id)).or_default(),
                };
                let shown = &mut shown.bytes[side];
                let known = usize::try_from(shown.saturating_sub(from)).unwrap_or(usize::MAX);
                if known >= length {
                    return None;
                }
                *shown = end;
                if known > 0 || !self.stamps {
                    bytes = bytes.split_off(stamp + known);
                }
                Some((id, Event::Output { source, stderr, bytes }))
            }
            ended => {
                // An output that breaks off has ended, as far as can be known.
                let is_odd = |error: &engine::Error| {
                    stream.open.is_none() && !matches!(error, engine::Error::NotFound(_))
                };
                let error = ended.err();
                let problem = error.as_ref().filter(|it| is_odd(it)).map(ToString::to_string);
                if stream.open.is_some() && self.broken.is_none() {
                    self.broken = error;
                }
                Some((id, Event::OutputEnded { source, problem }))
            }
        }
    }
}

/// When something may be shown.
enum Due {
    Now,
    At(Instant),
    /// Not before more has arrived.
    Never,
}

/// How long ago a time was, in nanoseconds, by our clock.
fn age(time: i64) -> i64 {
    let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    now.saturating_sub(time)
}

async fn next(mut stream: Stream) -> Stream {
    if let Some(open) = &mut stream.open {
        stream.chunk = open.next().await;
    }
    stream
}

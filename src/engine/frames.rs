//! Takes apart the stream of a container's output.

use bytes::{Buf as _, Bytes, BytesMut};

/// Output as it comes: not lines yet, but never the end of one line and the beginning of the next if
/// the engine was asked for times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Whether the container wrote it to its standard error.
    pub stderr: bool,
    /// When the line was written that this belongs to, in nanoseconds since 1970.
    pub time: Option<i64>,
    /// How many of the bytes are the time as the engine wrote it, before a line that begins.
    pub stamp: usize,
    pub bytes: Bytes,
}

/// No time with the space behind it is longer.
const LONGEST_STAMP: usize = 37;

/// Engines keep longer lines in pieces, each with a time before it: Podman what a terminal gives at
/// once, Docker what it reads at once.
const PIECES: [usize; 2] = [4095, 16 * 1024];

/// Takes a stream apart: raw with a terminal; without one, frames of eight bytes of header (the
/// first says which stream, the last four how long) and what they hold.
///
/// What has arrived is handed on without being copied, also a part of a frame.
pub(super) struct Frames {
    tty: bool,
    /// Whether the engine writes a time before each line.
    stamped: bool,
    /// What has arrived.
    data: Bytes,
    /// The beginning of what cannot be read before more has arrived: a few bytes.
    rest: BytesMut,
    stderr: bool,
    /// How much of the frame is still to come, and whether it has yet to begin.
    left: usize,
    begins: bool,
    /// Whether standard output and standard error are within a line, and the time of that.
    lines: [Line; 2],
    /// How much of a raw line there was since its last time.
    run: usize,
    /// Whether no more will arrive.
    over: bool,
}

#[derive(Clone, Copy, Default)]
struct Line {
    begun: bool,
    time: Option<i64>,
}

impl Frames {
    pub(super) fn new(tty: bool, stamped: bool) -> Self {
        Self {
            tty,
            stamped,
            data: Bytes::new(),
            rest: BytesMut::new(),
            stderr: false,
            left: 0,
            begins: false,
            lines: [Line::default(); 2],
            run: 0,
            over: false,
        }
    }

    pub(super) fn add(&mut self, data: Bytes) {
        if self.rest.is_empty() && self.data.is_empty() {
            self.data = data;
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(&self.data);
            all.extend_from_slice(&data);
            self.data = all.freeze();
        }
    }

    /// No more will arrive: what waited for more is all there is.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.add(Bytes::new());
    }

    /// Whether a frame has begun and is not complete.
    pub(super) fn is_within(&self) -> bool {
        !self.tty && (self.left > 0 || !self.rest.is_empty() || !self.data.is_empty())
    }

    /// The next chunk that has arrived.
    pub(super) fn take(&mut self) -> Option<LogChunk> {
        if self.tty { self.raw() } else { self.framed() }
    }

    /// Keeps what is left until more has arrived.
    fn wait(&mut self) -> Option<LogChunk> {
        self.rest.extend_from_slice(&self.data);
        self.data.clear();
        None
    }

    fn framed(&mut self) -> Option<LogChunk> {
        while self.left == 0 {
            let Some(header) = self.data.get(..8) else {
                return self.wait();
            };
            self.left = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            self.stderr = header[0] == 2;
            self.begins = true;
            self.data.advance(8);
        }
        if self.data.is_empty() {
            return None;
        }
        let mut found = None;
        if self.begins && self.stamped {
            let wanted = self.left.min(LONGEST_STAMP);
            if self.data.len() < wanted {
                return self.wait();
            }
            found = stamp(&self.data[..wanted]);
        }
        self.begins = false;
        let bytes = self.data.split_to(self.left.min(self.data.len()));
        self.left -= bytes.len();
        Some(self.chunk(bytes, found))
    }

    fn raw(&mut self) -> Option<LogChunk> {
        if self.data.is_empty() {
            return None;
        }
        if !self.stamped {
            let bytes = std::mem::take(&mut self.data);
            return Some(LogChunk { stderr: false, time: None, stamp: 0, bytes });
        }
        let end = self.data.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        let mut found = None;
        let may_begin = |size: &usize| self.run.is_multiple_of(*size);
        if !self.lines[0].begun || PIECES.iter().any(may_begin) {
            if end.is_none() && self.data.len() < LONGEST_STAMP && !self.over {
                return self.wait();
            }
            found = stamp(&self.data);
            if found.is_some() {
                self.run = 0;
            }
        }
        let prefix = found.map_or(0, |(length, _)| length);
        let room = PIECES.map(|size| size - self.run % size).into_iter().min().unwrap_or(1);
        let length = end.unwrap_or(self.data.len()).min(prefix + room);
        let bytes = self.data.split_to(length);
        self.run += length - prefix;
        Some(self.chunk(bytes, found))
    }

    fn chunk(&mut self, mut bytes: Bytes, found: Option<(usize, i64)>) -> LogChunk {
        let line = &mut self.lines[usize::from(self.stderr)];
        let mut stamp = found.map_or(0, |(length, _)| length);
        if line.begun {
            bytes.advance(stamp);
            stamp = 0;
        } else {
            line.time = found.map(|(_, time)| time);
        }
        line.begun = bytes.last() != Some(&b'\n');
        if !line.begun {
            self.run = 0;
        }
        LogChunk { stderr: self.stderr, time: line.time, stamp, bytes }
    }
}

/// The time that a line begins with: its length with the space behind it, and what it is.
///
/// Docker writes `2026-01-02T03:04:05.000000006Z`, Podman also whole seconds, and the zone of its host.
fn stamp(line: &[u8]) -> Option<(usize, i64)> {
    let number = |from: usize, to: usize| -> Option<i64> {
        line.get(from..to)?.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if *line.get(at)? != mark {
            return None;
        }
    }
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let mut seconds =
        days * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let (mut at, mut nanoseconds) = (19, 0);
    if *line.get(at)? == b'.' {
        at += 1;
        let digits = line[at..].iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
        nanoseconds = number(at, at + digits)?;
        nanoseconds *= 10_i64.pow(u32::try_from(9 - digits).ok()?);
        at += digits;
    }
    match *line.get(at)? {
        b'Z' => at += 1,
        sign @ (b'+' | b'-') if line.get(at + 3) == Some(&b':') => {
            let offset = number(at + 1, at + 3)? * 3_600 + number(at + 4, at + 6)? * 60;
            seconds -= if sign == b'+' { offset } else { -offset };
            at += 6;
        }
        _ => return None,
    }
    let time = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
    (*line.get(at)? == b' ').then_some((at + 1, time))
}

/// Days since 1970 of a date, counted in years that begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-01-02T03:04:05.000000006Z ";

    fn frame(side: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[side, 0, 0, 0], &length[..], text.as_bytes()].concat()
    }

    /// What each stream wrote, with `|` where a time begins a line, whatever the pieces.
    #[track_caller]
    fn check(tty: bool, stamped: bool, stream: &[u8], expected: [&str; 2]) {
        for size in (1..80).chain([stream.len()]) {
            let mut frames = Frames::new(tty, stamped);
            let mut got = [String::new(), String::new()];
            for piece in stream.chunks(size).map(Some).chain([None]) {
                match piece {
                    Some(piece) => frames.add(Bytes::copy_from_slice(piece)),
                    None => frames.end(),
                }
                while let Some(chunk) = frames.take() {
                    let text = std::str::from_utf8(&chunk.bytes[chunk.stamp..]).unwrap();
                    let side = &mut got[usize::from(chunk.stderr)];
                    if chunk.stamp > 0 {
                        assert_eq!(&chunk.bytes[..chunk.stamp], TIME.as_bytes());
                        side.push('|');
                    }
                    assert_eq!(chunk.time.is_some(), stamped, "pieces of {size}");
                    side.push_str(text);
                }
            }
            assert_eq!(got, expected, "pieces of {size}");
        }
    }

    #[test]
    fn frames_may_arrive_in_any_pieces() {
        let stream = [frame(1, "one"), frame(2, ""), frame(2, "two!"), frame(1, "!")].concat();
        check(false, false, &stream, ["one!", "two!"]);
    }

    #[test]
    fn a_stream_that_breaks_off_is_known() {
        for length in 0..11 {
            let mut frames = Frames::new(false, false);
            frames.add(Bytes::copy_from_slice(&frame(1, "one")[..length]));
            while frames.take().is_some() {}
            frames.end();
            assert!(frames.take().is_none());
            assert_eq!(frames.is_within(), !matches!(length, 0 | 11), "{length} bytes");
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        check(true, false, &[1, 0, 0, 0], ["\u{1}\0\0\0", ""]);
    }

    #[test]
    fn times_stand_before_lines() {
        let line = |side, text: &str| frame(side, &format!("{TIME}{text}"));
        let stream = [line(1, "a\n"), line(2, "b\n"), line(1, "\n"), line(1, "last")].concat();
        check(false, true, &stream, ["|a\n|\n|last", "|b\n"]);
        let raw = format!("{TIME}a\r\n{TIME}\r\n{TIME}last");
        check(true, true, raw.as_bytes(), ["|a\r\n|\r\n|last", ""]);
    }

    #[test]
    fn pieces_of_a_long_line_lose_their_times() {
        for size in PIECES {
            let (long, end) = ("x".repeat(size), "end\n");
            let expected = format!("|{long}{long}{end}|next\n");
            let pieces = [&long, &long, end, "next\n"].map(|piece| format!("{TIME}{piece}"));
            let stream = [frame(1, &pieces[0]), frame(2, &format!("{TIME}other\n"))];
            let rest = pieces[1..].iter().flat_map(|piece| frame(1, piece));
            let stream: Vec<u8> = stream.concat().into_iter().chain(rest).collect();
            check(false, true, &stream, [&expected, "|other\n"]);
            check(true, true, pieces.concat().as_bytes(), [&expected, ""]);
        }
    }

    #[test]
    fn times_are_read_as_engines_write_them() {
        let read = |text: &str| stamp(text.as_bytes());
        let known = |text: &str| {
            let time: jiff::Timestamp = text.parse().unwrap();
            i64::try_from(time.as_nanosecond()).unwrap()
        };
        for text in [
            "2026-01-02T03:04:05.000000006Z",
            "2024-02-29T23:59:59.9Z",
            "2000-03-01T00:00:00Z",
            "1999-12-31T23:59:59+05:30",
            "2026-11-21T19:12:31.123-07:00",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(read(&format!("{text} x")), Some((text.len() + 1, known(text))), "{text}");
        }
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05Zx",
            "text with spaces in it",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

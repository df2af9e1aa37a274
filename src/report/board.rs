//! Progress on a terminal: a row for each subject, drawn again in place while it goes on.
//!
//! Nothing of the terminal's state is changed but the place of the cursor, so that a program that is
//! killed leaves a terminal that works.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use crate::event::{Layer, Status, Subject};
use crate::report::size;

/// Between two drawings for the sake of the clock.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Rows of a terminal that has not told its size.
const USUAL_SIZE: (u16, u16) = (24, 80);

/// Characters that sign, text and time take beside the name.
const BESIDE: usize = 32;

#[derive(Debug)]
struct Row {
    subject: String,
    status: Status,
    text: String,
    begin: Instant,
    end: Option<Instant>,
    /// Its layers, in the order in which they were first heard of.
    layers: IndexMap<String, Layer>,
}

/// How full a layer is, as one character.
const FILLED: [char; 9] = ['⠀', '⡀', '⣀', '⣄', '⣤', '⣦', '⣶', '⣷', '⣿'];

impl Row {
    /// Its layers as a bar, and how much of it is there; nothing once it is over.
    fn bar(&self) -> String {
        if self.layers.is_empty() || self.end.is_some() {
            return String::new();
        }
        let filled = |layer: &Layer| {
            let last = FILLED.len() - 1;
            FILLED[usize::try_from(layer.percent()).map_or(last, |it| it * last / 100)]
        };
        let bar: String = self.layers.values().map(filled).collect();
        let sum = |size: fn(&Layer) -> u64| self.layers.values().map(size).sum::<u64>();
        let (current, total) = (sum(|layer| layer.current), sum(|layer| layer.total));
        let known = |layer: &Layer| layer.status != Status::Working || layer.total > 0;
        if total == 0 || !self.layers.values().all(known) {
            return format!(" [{bar}]");
        }
        format!(" [{bar}] {:>7} / {:<7}", size_of(current), size_of(total))
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size_of(bytes: u64) -> String {
    size::decimal(bytes as f64)
}

/// The rows of one run.
#[derive(Debug)]
pub(super) struct Board {
    /// The command, for the headline.
    operation: &'static str,
    colours: bool,
    rows: Vec<Row>,
    /// Lines that stand on the terminal.
    drawn: usize,
    last: Option<Instant>,
    frame: usize,
}

impl Board {
    pub(super) fn new(operation: &'static str, colours: bool) -> Self {
        Self { operation, colours, rows: Vec::new(), drawn: 0, last: None, frame: 0 }
    }

    pub(super) fn on(&mut self, subject: &Subject, status: Status, text: &str, now: Instant) {
        let name = subject.to_string();
        let end = (status != Status::Working).then_some(now);
        if let Some(row) = self.rows.iter_mut().find(|row| row.subject == name) {
            // A subject that goes on after a pause, as a container that was created and is started.
            if row.end.is_some() && end.is_none() {
                row.begin = now;
            }
            (row.status, row.end) = (status, end);
            text.clone_into(&mut row.text);
        } else {
            let text = text.to_owned();
            let layers = IndexMap::new();
            self.rows.push(Row { subject: name, status, text, begin: now, end, layers });
        }
    }

    /// Takes in how far a layer of a row is.
    pub(super) fn on_layer(&mut self, of: &Subject, layer: &Layer) {
        let name = of.to_string();
        let Some(row) = self.rows.iter_mut().find(|row| row.subject == name) else {
            return;
        };
        let known = row.layers.entry(layer.id.clone()).or_insert_with(|| layer.clone());
        // What is done does not tell its size, which the sum is made of.
        let (current, total) = match layer.total {
            0 if layer.status == Status::Done => (known.total, known.total),
            _ => (layer.current, layer.total),
        };
        *known = Layer { current, total, ..layer.clone() };
    }

    /// Whether it is time to draw it again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.rows.is_empty() && self.last.is_none_or(|last| now - last >= PAUSE)
    }

    /// Draws it in the place of what stands there; `size` is rows and columns.
    pub(super) fn draw(&mut self, size: Option<(u16, u16)>, now: Instant) -> String {
        let mut out = self.erase();
        let (height, width) = size.unwrap_or(USUAL_SIZE);
        let lines = self.lines(usize::from(height), usize::from(width), now);
        self.drawn = lines.len();
        self.last = Some(now);
        self.frame += 1;
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        out
    }

    /// Takes away what stands there, for something else to be written.
    pub(super) fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }

    /// Draws it a last time, as it will stay.
    pub(super) fn finish(&mut self, size: Option<(u16, u16)>, now: Instant) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        // Nothing has to fit any more.
        let width = size.unwrap_or(USUAL_SIZE).1;
        let out = self.draw(Some((u16::MAX, width)), now);
        self.rows.clear();
        self.drawn = 0;
        out
    }

    fn lines(&self, height: usize, width: usize, now: Instant) -> Vec<String> {
        let done = self.rows.iter().filter(|row| row.end.is_some()).count();
        let mut lines = vec![format!("[+] {} {done}/{}", self.operation, self.rows.len())];
        let room = height.saturating_sub(3).max(1);
        // What goes on is worth more than what is done.
        let mut shown: Vec<&Row> = self.rows.iter().collect();
        if shown.len() > room {
            shown.sort_by_key(|row| row.end.is_some());
            shown.truncate(room);
        }
        let long = |row: &&Row| row.subject.chars().count() + row.bar().chars().count();
        let subject = shown.iter().map(long).max().unwrap_or(0);
        let edge = width.saturating_sub(1).min(subject + BESIDE);
        lines.extend(shown.iter().map(|row| self.line(row, subject, edge, now)));
        if shown.len() < self.rows.len() {
            lines.push(format!(" ... {} more", self.rows.len() - shown.len()));
        }
        lines
    }

    fn line(&self, row: &Row, subject: usize, edge: usize, now: Instant) -> String {
        let (sign, colour) = match row.status {
            Status::Working => (SPINNER[self.frame % SPINNER.len()], "33"),
            Status::Done => ("✔", "32"),
            Status::Warning => ("!", "33;1"),
            Status::Error => ("✘", "31;1"),
        };
        let taken = row.end.unwrap_or(now).saturating_duration_since(row.begin);
        let time = format!("{:.1}s", taken.as_secs_f64());
        let text_colour = if row.status == Status::Done { "32" } else { colour };
        // The sign, two blanks, and one before the time.
        let room = edge.saturating_sub(4 + time.len());
        let name = format!("{}{}", row.subject, row.bar());
        let plain = format!("{name:subject$}  {}", row.text);
        let cut: String = plain.chars().take(room).collect();
        let pad = " ".repeat(room.saturating_sub(cut.chars().count()));
        if !self.colours {
            return format!(" {sign} {cut}{pad} {time}");
        }
        let at = cut.char_indices().nth(subject).map_or(cut.len(), |(at, _)| at);
        let (name, text) = cut.split_at(at);
        format!(
            " \x1b[{colour}m{sign}\x1b[0m {name}\x1b[{text_colour}m{text}\x1b[0m{pad} \x1b[34m{time}\x1b[0m"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str) -> Subject {
        Subject::Container(name.to_owned())
    }

    #[test]
    fn rows_are_drawn_in_place() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut board = Board::new("up", false);
        assert!(!board.is_due(start));
        board.on(&container("a-1"), Status::Working, "Creating", start);
        let first = board.draw(Some((24, 40)), at(200));
        assert_eq!(first, "[+] up 0/1\n ⠋ Container a-1  Creating         0.2s\n");
        assert!(!board.is_due(at(250)));
        board.on(&container("a-1"), Status::Done, "Created", at(300));
        board.on(&container("long-2"), Status::Working, "Starting", at(300));
        assert!(board.is_due(at(300)));
        let second = board.draw(Some((24, 40)), at(300));
        let want = "\x1b[2A\x1b[J[+] up 1/2\n \
                    ✔ Container a-1     Created       0.3s\n \
                    ⠙ Container long-2  Starting      0.0s\n";
        assert_eq!(second, want);
        assert_eq!(board.erase(), "\x1b[3A\x1b[J");
        assert_eq!(board.erase(), "");
    }

    #[test]
    fn a_small_terminal_shows_what_goes_on() {
        let start = Instant::now();
        let mut board = Board::new("up", false);
        for number in 0..10 {
            let status = if number < 8 { Status::Done } else { Status::Working };
            board.on(&container(&format!("a-{number}")), status, "x", start);
        }
        let text = board.draw(Some((6, 24)), start);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[1].contains("a-8") && lines[2].contains("a-9"), "{text}");
        assert_eq!(lines[4], " ... 7 more");
        assert!(lines.iter().all(|line| line.chars().count() < 24), "{text}");
        // What stays in the end is everything.
        assert_eq!(board.finish(None, start).lines().count(), 11);
        assert_eq!(board.finish(None, start), "");
    }

    #[test]
    fn a_subject_that_goes_on_has_a_new_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut board = Board::new("up", true);
        board.on(&container("a"), Status::Done, "Created", start);
        board.on(&container("a"), Status::Working, "Starting", at(5));
        board.on(&container("a"), Status::Done, "Started", at(6));
        let text = board.draw(None, at(9));
        assert!(text.contains("\x1b[34m1.0s\x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[32m✔\x1b[0m Container a\x1b[32m  Started\x1b[0m"), "{text:?}");
    }

    #[test]
    fn layers_are_a_bar() {
        let start = Instant::now();
        let image = Subject::Image("i".to_owned());
        let mut board = Board::new("pull", false);
        let layer = |id: &str, status, current, total| Layer {
            id: id.to_owned(),
            status,
            text: String::new(),
            current,
            total,
        };
        // Nobody has asked for it.
        board.on_layer(&image, &layer("a", Status::Working, 0, 0));
        board.on(&image, Status::Working, "Pulling", start);
        board.on_layer(&image, &layer("a", Status::Working, 500_000, 1_000_000));
        board.on_layer(&image, &layer("b", Status::Working, 0, 0));
        let text = board.draw(None, start);
        assert!(text.contains("Image i [⣤⠀]  Pulling"), "{text}");
        board.on_layer(&image, &layer("b", Status::Working, 200_000, 2_000_000));
        let text = board.draw(None, start);
        assert!(text.contains("Image i [⣤⠀]   700kB / 3MB      Pulling"), "{text}");
        board.on_layer(&image, &layer("a", Status::Done, 0, 0));
        let text = board.draw(None, start);
        assert!(text.contains("Image i [⣿⠀]   1.2MB / 3MB      Pulling"), "{text}");
        board.on(&image, Status::Done, "Pulled", start);
        assert!(board.draw(None, start).contains("Image i  Pulled"));
    }
}

//! What people and programs see: the only writer of the terminal.

mod board;
mod builds;
pub mod containers;
pub mod format;
mod json;
pub mod logs;
mod outlet;
pub mod raw;
pub mod size;
pub mod table;
pub mod template;
pub mod time;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::env::Env;
use crate::event::{BuildEvent, Event, Status, StepState, Subject, WatchState};
use crate::report::board::Board;
use crate::report::builds::BuildPrinter;
use crate::report::logs::LogPrinter;
pub use crate::report::outlet::Hurry;
use crate::report::outlet::Outlet;

/// Whether colours are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ansi {
    /// On terminals.
    #[default]
    Auto,
    Never,
    Always,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// A line for each event.
    #[default]
    Plain,
    /// A row for each subject, drawn again in place.
    Tty,
    /// A JSON object for each event.
    Json,
    Quiet,
}

/// Shows what those see who look for a mistake.
pub fn trace(text: &str) {
    let _ = writeln!(io::stderr(), "debug: {text}");
}

/// Standard output and standard error.
#[derive(Debug)]
pub struct Terminal {
    /// `NO_COLOR` is set, which wins over [`Ansi::Always`].
    no_color: bool,
    ansi: Ansi,
    progress: Progress,
    /// Whether nothing is told of layers.
    hides_layers: bool,
    /// What is to be written to standard output soon.
    held: Vec<u8>,
    output: Outlet,
    errors: Outlet,
    hurry: Hurry,
    /// The command, as a headline names it.
    operation: &'static str,
    /// Steps of builds are not shown.
    quiet_builds: bool,
}

/// So much is held back at the most.
const HELD: usize = 1 << 16;

impl Terminal {
    #[must_use]
    pub fn new(env: &Env) -> Self {
        let no_color = env.non_empty("NO_COLOR").is_some();
        Self {
            no_color,
            ansi: Ansi::default(),
            progress: Progress::default(),
            hides_layers: false,
            held: Vec::new(),
            output: Outlet::default(),
            errors: Outlet::default(),
            hurry: Hurry::default(),
            operation: "",
            quiet_builds: false,
        }
    }

    /// Shows things as the flags say.
    pub fn configure(&mut self, ansi: Ansi, progress: Progress) {
        (self.ansi, self.progress) = (ansi, progress);
    }

    /// Names the command that runs.
    pub fn begin(&mut self, operation: &'static str) {
        self.operation = operation;
    }

    /// Whether progress can be drawn where standard error goes.
    #[must_use]
    pub fn can_draw(env: &Env) -> bool {
        io::stderr().is_terminal() && env.get("TERM") != Some("dumb")
    }

    /// Shows no progress from now on.
    pub fn quiet(&mut self) {
        self.progress = Progress::Quiet;
    }

    /// Shows no steps of builds from now on.
    pub fn quiet_builds(&mut self) {
        self.quiet_builds = true;
    }

    /// Shows nothing of layers from now on, but of images alone.
    pub fn hide_layers(&mut self) {
        self.hides_layers = true;
    }

    /// How progress is shown.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether standard error shows colours.
    #[must_use]
    pub fn colours_errors(&self) -> bool {
        self.colours(io::stderr().is_terminal())
    }

    /// Whether standard output shows colours.
    #[must_use]
    pub fn colours_output(&self) -> bool {
        self.colours(io::stdout().is_terminal())
    }

    fn colours(&self, is_terminal: bool) -> bool {
        !self.no_color
            && match self.ansi {
                Ansi::Auto => is_terminal,
                Ansi::Never => false,
                Ansi::Always => true,
            }
    }

    /// Writes data for standard output.
    ///
    /// # Errors
    /// A reader that is gone, or a full disk behind a redirection.
    pub fn out(&mut self, text: &str) -> io::Result<()> {
        self.out_bytes(text.as_bytes())
    }

    /// As [`Terminal::out`], for what need not be text.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn out_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.release()?;
        self.output.write(io::stdout().lock(), bytes, &self.hurry)
    }

    /// As [`Terminal::out_bytes`], but a little later: with the next other thing that is written, with
    /// [`Terminal::flush`], or when it has become much.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn out_soon(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= HELD { self.release() } else { Ok(()) }
    }

    fn release(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let result = self.output.write(io::stdout().lock(), &self.held, &self.hurry);
        self.held.clear();
        self.held.shrink_to(2 * HELD);
        result
    }

    /// Writes a whole picture of standard output: over the last one on a terminal, else behind it.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn redraw(&mut self, text: &str) -> io::Result<()> {
        if !io::stdout().is_terminal() {
            self.out(text)?;
            return self.flush();
        }
        let mut picture = String::from("\x1b[H");
        for line in text.lines() {
            picture.push_str(line);
            picture.push_str("\x1b[K\n");
        }
        // There may have been more lines.
        picture.push_str("\x1b[J");
        self.out(&picture)?;
        self.flush()
    }

    /// Writes what is no data to standard error. If that is gone, nobody can be told.
    pub fn err(&mut self, text: &str) {
        self.err_bytes(text.as_bytes());
    }

    pub fn err_bytes(&mut self, bytes: &[u8]) {
        // Who writes to standard output next learns that it is gone.
        let _ = self.release();
        let _ = self.errors.write(io::stderr().lock(), bytes, &self.hurry);
    }

    /// What says that there is hurry: a reader that is stuck is not waited for any more then.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        Hurry::clone(&self.hurry)
    }

    /// Whether something is to be written yet.
    fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Hands all that was written to the system.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.release()?;
        io::stdout().lock().flush()
    }
}

/// Shows events as they come, a line each.
pub struct Reporter<'a> {
    terminal: &'a mut Terminal,
    logs: LogPrinter,
    streams: Streams,
    /// Lines that are being made.
    lines: Vec<u8>,
    /// Progress that is drawn; what else is written stands above it.
    board: Option<Board>,
    builds: BuildPrinter,
    /// Whether lines of a watch are marked, as there are those of containers between them.
    watch_mark: bool,
    /// What stands on the last line, and whether it does at the moment.
    menu: Option<String>,
    has_menu: bool,
}

/// What stands before lines of a watch, as the peer has it.
const WATCH_MARK: char = '\u{29bf}';

/// Where containers' standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// With their standard output: `logs`.
    Joined,
    /// To our standard error: `up`.
    Apart,
}

impl<'a> Reporter<'a> {
    pub fn new(terminal: &'a mut Terminal, logs: LogPrinter, streams: Streams) -> Self {
        let drawn = terminal.progress == Progress::Tty;
        let board = drawn.then(|| Board::new(terminal.operation, terminal.colours_errors()));
        let builds = BuildPrinter::default();
        Self {
            terminal,
            logs,
            streams,
            lines: Vec::new(),
            board,
            builds,
            watch_mark: false,
            menu: None,
            has_menu: false,
        }
    }

    /// Offers keys on the last line from now on, or none.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn set_menu(&mut self, keys: Option<&[(&str, &str)]>) -> io::Result<()> {
        self.erase_menu();
        let colours = self.terminal.colours_output();
        let item = |(key, text): &(&str, &str)| {
            if colours {
                format!("\x1b[1;7m{key}\x1b[0m\x1b[2m {text}\x1b[0m")
            } else {
                format!("{key} {text}")
            }
        };
        self.menu = keys.map(|keys| keys.iter().map(item).collect::<Vec<_>>().join("   "));
        self.flush()
    }

    fn erase_menu(&mut self) {
        if std::mem::take(&mut self.has_menu) {
            // Who writes next learns that the terminal is gone.
            let _ = self.terminal.out_soon(b"\r\x1b[K");
        }
    }

    /// Writes a line about a watch as a whole.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn watch_line(&mut self, text: &str) -> io::Result<()> {
        match (self.watch_mark, self.terminal.colours_output()) {
            (false, _) => self.line(text),
            (true, false) => self.line(&format!("{WATCH_MARK} {text}")),
            (true, true) => self.line(&format!("\x1b[92m{WATCH_MARK} {text}\x1b[0m")),
        }
    }

    /// Marks the lines of a watch.
    pub fn mark_watch(&mut self) {
        self.watch_mark = true;
    }

    /// Draws progress again if it is time to, for the clock to go on.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn tick(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.board.as_ref().is_some_and(|board| board.is_due(now)) {
            // It stands below all that was written.
            self.flush()?;
        }
        if let Some(board) = self.board.as_mut().filter(|board| board.is_due(now)) {
            let text = board.draw(raw::error_size(), now);
            self.terminal.err(&text);
        }
        Ok(())
    }

    /// Between two ticks; `None` if there is nothing to draw.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.board.as_ref().map(|_| board::PAUSE)
    }

    /// Leaves progress as it is; what comes is a new one.
    pub fn settle(&mut self) {
        if let Some(board) = &mut self.board {
            let text = board.finish(raw::error_size(), Instant::now());
            self.terminal.err(&text);
        }
    }

    /// Makes room for what is not progress.
    fn make_room(&mut self) {
        self.erase_menu();
        if let Some(board) = &mut self.board {
            let text = board.erase();
            self.terminal.err(&text);
        }
    }

    /// Shows one event.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn on(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Progress { subject, status, text } => {
                if let Some(board) = &mut self.board {
                    board.on(subject, *status, text, Instant::now());
                    return self.tick();
                }
                let line = match self.terminal.progress {
                    Progress::Plain => format!(" {subject}  {text}\n"),
                    Progress::Json => format!("{}\n", json::progress(subject, *status, text)),
                    Progress::Quiet | Progress::Tty => String::new(),
                };
                self.terminal.err(&line);
            }
            Event::Layer { .. } if self.terminal.hides_layers => {}
            Event::Layer { of, layer } => {
                if let Some(board) = &mut self.board {
                    board.on_layer(of, layer);
                    return self.tick();
                }
                if self.terminal.progress == Progress::Json {
                    let line = format!("{}\n", json::layer(of, layer));
                    self.terminal.err(&line);
                }
            }
            Event::Summary { project, text, taken } => {
                let line = match self.terminal.progress {
                    Progress::Plain => {
                        format!(" Project {project}  {text} in {:.1} s\n", taken.as_secs_f64())
                    }
                    Progress::Json => format!("{}\n", json::summary(project, text, *taken)),
                    // Who sees the rows needs no sum.
                    Progress::Quiet | Progress::Tty => String::new(),
                };
                self.terminal.err(&line);
            }
            Event::Output { source, stderr, bytes } => {
                self.logs.output(source, *stderr, bytes, &mut self.lines);
                self.write(*stderr)?;
            }
            Event::OutputEnded { source, problem } => {
                if let Some(problem) = problem {
                    self.make_room();
                    let text = format!("warning: cannot read the output of {source}: {problem}\n");
                    self.terminal.err(&text);
                }
                for stderr in [false, true] {
                    self.logs.end(source, stderr, &mut self.lines);
                    self.write(stderr)?;
                }
            }
            Event::Exited { source, code, restarting } => {
                let line = self.logs.exited(source, *code, *restarting);
                self.make_room();
                self.terminal.out(&line)?;
            }
            Event::Build { image, service, event } => self.build(image, service, event)?,
            Event::Watched { service, action, what, taken } => {
                if self.terminal.progress == Progress::Json {
                    let line = format!("{}\n", json::watched(service, *action, what, *taken));
                    self.terminal.err(&line);
                } else {
                    let colours = self.terminal.colours_output();
                    let line = watched(service, what, *taken, self.watch_mark, colours);
                    self.make_room();
                    self.terminal.out(&line)?;
                    self.terminal.flush()?;
                }
            }
            Event::Name { name, status, text } => match self.terminal.progress {
                Progress::Json => {
                    let line = format!("{}\n", json::name(name, *status, text));
                    self.terminal.err(&line);
                }
                Progress::Quiet => {}
                Progress::Plain | Progress::Tty => {
                    self.line(&format!("{name}  {text}"))?;
                    self.terminal.flush()?;
                }
            },
            Event::Warning(text) => {
                self.make_room();
                let line = match self.terminal.progress {
                    Progress::Json => format!("{}\n", json::warning(text)),
                    _ => format!("warning: {text}\n"),
                };
                self.terminal.err(&line);
            }
        }
        Ok(())
    }

    /// Shows what a builder does. As with the peer, its steps are what the command writes.
    fn build(&mut self, image: &str, service: &str, event: &BuildEvent) -> io::Result<()> {
        if self.terminal.quiet_builds {
            return Ok(());
        }
        match (self.terminal.progress, event) {
            (Progress::Plain, _) => {
                let mut text = String::new();
                self.builds.on(service, event, Instant::now(), &mut text);
                return self.terminal.out(&text);
            }
            (Progress::Json, _) => {
                let line = format!("{}\n", json::build(image, event));
                self.terminal.err(&line);
            }
            (Progress::Tty, BuildEvent::Step { name, state: StepState::Begun, .. }) => {
                if let Some(board) = &mut self.board {
                    let subject = Subject::Image(image.to_owned());
                    let text = format!("Building {name}");
                    board.on(&subject, Status::Working, &text, Instant::now());
                }
                return self.tick();
            }
            (Progress::Tty | Progress::Quiet, _) => {}
        }
        Ok(())
    }

    /// Writes a line of our own between those of containers.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.make_room();
        self.terminal.out(&format!("{text}\n"))
    }

    /// Writes a line for people.
    pub fn notice(&mut self, text: &str) {
        self.make_room();
        self.terminal.err(&format!("{text}\n"));
    }

    /// Hands on what containers wrote, which is held back for a moment.
    ///
    /// # Errors
    /// As [`Terminal::out`].
    pub fn flush(&mut self) -> io::Result<()> {
        if self.terminal.holds() {
            self.make_room();
        }
        if let Some(menu) = self.menu.as_ref().filter(|_| !self.has_menu) {
            self.terminal.out_soon(menu.as_bytes())?;
            self.has_menu = true;
        }
        self.terminal.flush()
    }

    /// Writes the lines that were made.
    fn write(&mut self, stderr: bool) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.make_room();
        }
        let result = match self.lines.as_slice() {
            [] => Ok(()),
            lines if stderr && self.streams == Streams::Apart => {
                self.terminal.err_bytes(lines);
                Ok(())
            }
            lines => self.terminal.out_soon(lines),
        };
        self.lines.clear();
        result
    }
}

/// A line about what a watch does, such as `web  synced src/app.js  12 ms`.
fn watched(service: &str, what: &WatchState, taken: Duration, mark: bool, colours: bool) -> String {
    let (text, is_over) = match what {
        WatchState::Begun(text) => (text, false),
        WatchState::Done(text) | WatchState::Failed(text) => (text, true),
    };
    let time = match taken {
        _ if !is_over => String::new(),
        taken if taken < Duration::from_secs(1) => format!("  {} ms", taken.as_millis()),
        taken => format!("  {:.1} s", taken.as_secs_f64()),
    };
    let mark = if mark { format!("{WATCH_MARK} ") } else { String::new() };
    // Failures are red, as they are elsewhere; the rest has the peer's colour.
    let colour = if matches!(what, WatchState::Failed(_)) { "31" } else { "92" };
    if colours {
        format!("\x1b[{colour}m{mark}{service}\x1b[0m  {text}\x1b[2m{time}\x1b[0m\n")
    } else {
        format!("{mark}{service}  {text}{time}\n")
    }
}

impl Drop for Reporter<'_> {
    fn drop(&mut self) {
        self.menu = None;
        self.erase_menu();
        // Those who care have flushed.
        let _ = self.flush();
        self.settle();
    }
}

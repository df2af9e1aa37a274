//! Steps of builds as lines, in the form of `BuildKit`'s own plain output.
//!
//! Steps have numbers, in the order in which they are first shown. What a step says stands together: while
//! one speaks others wait, until it is over or has been silent for a while.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use crate::event::{BuildEvent, StepState};
use crate::report::size;

/// Who says nothing for so long lets others speak.
const SILENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct BuildPrinter {
    steps: IndexMap<Arc<str>, Row>,
    numbers: usize,
    /// Who speaks, and since when it has said nothing.
    current: Option<(Arc<str>, Instant)>,
    /// Whether anything was written.
    begun: bool,
}

#[derive(Debug, Default)]
struct Row {
    /// From 1; 0 until it is shown.
    number: usize,
    title: String,
    /// What it has to say, whole lines.
    waiting: String,
    /// A line that is not whole yet, with when it began.
    partial: Option<(Duration, Vec<u8>)>,
    /// The parts that were told of last.
    parts: IndexMap<String, (u64, bool)>,
    over: bool,
}

impl BuildPrinter {
    /// Takes in an event, and writes what can be shown by now.
    pub(super) fn on(&mut self, service: &str, event: &BuildEvent, now: Instant, out: &mut String) {
        let step = match event {
            BuildEvent::Step { step, name, state } => {
                let row = self.steps.entry(Arc::clone(step)).or_default();
                if row.over {
                    return;
                }
                if row.title.is_empty() {
                    row.title = title(service, name);
                }
                row.on(state);
                step
            }
            BuildEvent::Part { step, name, current, total, taken, done } => {
                let Some(row) = self.steps.get_mut(step).filter(|row| !row.over) else { return };
                row.part(name, (*current, *total), *taken, *done);
                step
            }
            BuildEvent::Log { step, at, bytes } => {
                let Some(row) = self.steps.get_mut(step).filter(|row| !row.over) else { return };
                row.log(*at, bytes);
                step
            }
            BuildEvent::Warning { text, file, line } => {
                let place = match (file, line) {
                    (Some(file), Some(line)) => format!(" ({file}:{line})"),
                    _ => String::new(),
                };
                self.pause(out);
                let _ = writeln!(out, "WARN: {service}: {text}{place}");
                return;
            }
        };
        self.show(&Arc::clone(step), now, out);
    }

    /// Shows what a step has to say, if it is its turn.
    fn show(&mut self, step: &Arc<str>, now: Instant, out: &mut String) {
        let Some(row) = self.steps.get(step) else { return };
        let is_over = row.over;
        if row.number != 0 && row.waiting.is_empty() {
            return;
        }
        let is_current = self.current.as_ref().is_some_and(|(current, _)| current == step);
        let may_speak = match &self.current {
            None => true,
            Some((_, since)) => is_current || is_over || now.duration_since(*since) >= SILENCE,
        };
        if !may_speak {
            return;
        }
        if !is_current {
            self.pause(out);
        }
        self.numbers += 1;
        let next = self.numbers;
        let Some(row) = self.steps.get_mut(step) else { return };
        if row.number == 0 {
            row.number = next;
        } else {
            self.numbers -= 1;
        }
        if !is_current {
            let _ = writeln!(out, "#{} {}", row.number, row.title);
        }
        for line in std::mem::take(&mut row.waiting).lines() {
            let _ = writeln!(out, "#{} {line}", row.number);
        }
        self.current = (!is_over).then(|| (Arc::clone(step), now));
        if is_over {
            // Who has waited longest comes next.
            let waits = |(step, row): (&Arc<str>, &Row)| {
                (!row.over && !row.waiting.is_empty()).then(|| Arc::clone(step))
            };
            if let Some(next) = self.steps.iter().find_map(waits) {
                self.show(&next, now, out);
            }
        }
    }

    /// Has who speaks make room.
    fn pause(&mut self, out: &mut String) {
        if let Some((current, _)) = self.current.take()
            && let Some(row) = self.steps.get(&current)
        {
            let _ = writeln!(out, "#{} ...", row.number);
        }
        if self.begun {
            out.push('\n');
        }
        self.begun = true;
    }
}

impl Row {
    fn on(&mut self, state: &StepState) {
        if *state != StepState::Begun {
            self.end_line();
            self.over = true;
        }
        let _ = match state {
            StepState::Begun => Ok(()),
            StepState::Cached => writeln!(self.waiting, "CACHED"),
            StepState::Done(taken) => {
                writeln!(self.waiting, "DONE {:.1}s", taken.as_secs_f64())
            }
            StepState::Cancelled => writeln!(self.waiting, "CANCELED"),
            StepState::Failed(problem) => writeln!(self.waiting, "ERROR: {problem}"),
        };
    }

    fn part(&mut self, name: &str, (current, total): (u64, u64), taken: Duration, done: bool) {
        let told = self.parts.get(name).copied();
        // A line for each twentieth, if it is known of what, and one for the end.
        let is_news = match told {
            None => true,
            Some((_, true)) => false,
            Some((before, false)) => {
                done || (total > 0 && current.saturating_sub(before).saturating_mul(20) >= total)
            }
        };
        if !is_news {
            return;
        }
        self.parts.insert(name.to_owned(), (current, done));
        #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
        let bytes = |count: u64| size::decimal(count as f64);
        let _ = match (current, total) {
            (0, 0) => write!(self.waiting, "{name}"),
            (current, 0) => write!(self.waiting, "{name} {}", bytes(current)),
            (current, total) => {
                write!(self.waiting, "{name} {} / {}", bytes(current), bytes(total))
            }
        };
        if taken >= Duration::from_millis(10) {
            let _ = write!(self.waiting, " {:.1}s", taken.as_secs_f64());
        }
        self.waiting.push_str(if done { " done\n" } else { "\n" });
    }

    fn log(&mut self, at: Duration, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (_, partial) = self.partial.get_or_insert_with(|| (at, Vec::new()));
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if let Some((at, line)) = self.partial.take() {
            let text = String::from_utf8_lossy(&line);
            // What was drawn over before the line's end is not shown.
            let text = text.trim_end_matches(['\n', '\r']);
            let text = text.rsplit('\r').next().unwrap_or_default();
            let _ = writeln!(self.waiting, "{:.3} {text}", at.as_secs_f64());
        }
    }
}

/// What a step is called among those of several services.
fn title(service: &str, name: &str) -> String {
    match name.strip_prefix('[') {
        Some(rest) => format!("[{service} {rest}"),
        None => format!("[{service}] {name}"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn step(id: &str, name: &str, state: StepState) -> BuildEvent {
        BuildEvent::Step { step: Arc::from(id), name: name.to_owned(), state }
    }

    fn log(id: &str, text: &str) -> BuildEvent {
        let bytes = Bytes::from(text.to_owned());
        BuildEvent::Log { step: Arc::from(id), at: Duration::from_millis(1500), bytes }
    }

    fn printed(events: &[(u64, BuildEvent)]) -> String {
        let (mut printer, mut out) = (BuildPrinter::default(), String::new());
        let start = Instant::now();
        for (millis, event) in events {
            printer.on("web", event, start + Duration::from_millis(*millis), &mut out);
        }
        out
    }

    #[test]
    fn one_step_after_the_other() {
        let part = |current, done| BuildEvent::Part {
            step: Arc::from("a"),
            name: "transferring context:".to_owned(),
            current,
            total: 0,
            taken: Duration::ZERO,
            done,
        };
        let text = printed(&[
            (0, step("a", "[internal] load build context", StepState::Begun)),
            (0, part(0, false)),
            (0, part(1200, true)),
            (0, step("a", "[internal] load build context", StepState::Done(Duration::ZERO))),
            (0, step("b", "[1/2] FROM x", StepState::Cached)),
            (0, step("c", "exporting", StepState::Begun)),
            (0, step("c", "exporting", StepState::Failed("no".to_owned()))),
        ]);
        assert_eq!(
            text,
            "#1 [web internal] load build context\n\
             #1 transferring context:\n\
             #1 transferring context: 1.2kB done\n\
             #1 DONE 0.0s\n\
             \n\
             #2 [web 1/2] FROM x\n\
             #2 CACHED\n\
             \n\
             #3 [web] exporting\n\
             #3 ERROR: no\n"
        );
    }

    #[test]
    fn lines_of_steps_stay_together() {
        let text = printed(&[
            (0, step("a", "[1/1] RUN a", StepState::Begun)),
            (0, step("b", "[1/1] RUN b", StepState::Begun)),
            (1, log("a", "one\nt")),
            (2, log("b", "other\n")),
            (3, log("a", "wo\n50%\r100%\n")),
            (4, step("a", "[1/1] RUN a", StepState::Done(Duration::from_secs(2)))),
            (5, step("b", "[1/1] RUN b", StepState::Done(Duration::from_secs(1)))),
            (6, step("b", "[1/1] RUN b", StepState::Cached)),
        ]);
        assert_eq!(
            text,
            "#1 [web 1/1] RUN a\n\
             #1 1.500 one\n\
             #1 1.500 two\n\
             #1 1.500 100%\n\
             #1 DONE 2.0s\n\
             \n\
             #2 [web 1/1] RUN b\n\
             #2 1.500 other\n\
             #2 DONE 1.0s\n"
        );
    }

    #[test]
    fn who_is_silent_lets_others_speak() {
        let text = printed(&[
            (0, step("a", "RUN a", StepState::Begun)),
            (0, step("b", "RUN b", StepState::Begun)),
            (2000, log("b", "x\n")),
            (2001, step("a", "RUN a", StepState::Cancelled)),
        ]);
        assert_eq!(
            text,
            "#1 [web] RUN a\n#1 ...\n\n#2 [web] RUN b\n#2 1.500 x\n#2 ...\n\n#1 [web] RUN a\n#1 CANCELED\n"
        );
    }
}

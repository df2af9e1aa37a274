//! What a classic builder writes, as the steps of a build.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;

use crate::engine::build::classic::place;
use crate::engine::error::{BuildFailure, Error};
use crate::event::{BuildEvent, StepState};

/// Lines of a step that are kept, for when it fails.
const KEPT: usize = 20;

/// A message of the builder.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    stream: String,
    status: String,
    id: String,
    #[serde(rename = "progressDetail")]
    progress: Option<Progress>,
    aux: Option<Made>,
    #[serde(rename = "errorDetail")]
    problem: Option<Problem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    current: u64,
    total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Made {
    #[serde(rename = "ID")]
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    message: String,
}

/// Listens to a builder.
pub(super) struct Steps<'a> {
    tell: &'a dyn Fn(BuildEvent),
    /// What makes the names of steps different from those of other builds.
    build: &'a str,
    /// The text of the Dockerfile and its name.
    dockerfile: (&'a str, &'a str),
    current: Option<Step>,
    count: usize,
    /// A line that is not whole yet.
    partial: String,
    image: Option<String>,
}

struct Step {
    id: Arc<str>,
    name: String,
    /// The instruction, and its place among those of the Dockerfile as far as the builder tells.
    text: String,
    number: usize,
    begun: Instant,
    is_cached: bool,
    lines: VecDeque<String>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        build: &'a str,
        dockerfile: (&'a str, &'a str),
        tell: &'a dyn Fn(BuildEvent),
    ) -> Self {
        let (current, partial, image) = (None, String::new(), None);
        Self { tell, build, dockerfile, current, count: 0, partial, image }
    }

    /// A step that no instruction asks for.
    pub(super) fn begin(&mut self, name: &str) {
        self.begin_instruction(name.to_owned(), "", 0);
    }

    fn begin_instruction(&mut self, name: String, text: &str, number: usize) {
        self.end();
        self.count += 1;
        let id: Arc<str> = Arc::from(format!("{} {}", self.build, self.count));
        let (step, state) = (Arc::clone(&id), StepState::Begun);
        (self.tell)(BuildEvent::Step { step, name: name.clone(), state });
        self.current = Some(Step {
            id,
            name,
            text: text.to_owned(),
            number,
            begun: Instant::now(),
            is_cached: false,
            lines: VecDeque::new(),
        });
    }

    /// So many bytes have travelled.
    pub(super) fn sent(&self, name: &str, bytes: u64) {
        if let Some(step) = &self.current {
            (self.tell)(BuildEvent::Part {
                step: Arc::clone(&step.id),
                name: name.to_owned(),
                current: bytes,
                total: bytes,
                taken: step.begun.elapsed(),
                done: true,
            });
        }
    }

    /// Ends what is being done.
    pub(super) fn end(&mut self) {
        if let Some(step) = self.current.take() {
            let state = if step.is_cached {
                StepState::Cached
            } else {
                StepState::Done(step.begun.elapsed())
            };
            (self.tell)(BuildEvent::Step { step: step.id, name: step.name, state });
        }
    }

    /// Takes in a message.
    ///
    /// # Errors
    /// The one that the builder tells of.
    pub(super) fn hear(&mut self, message: Message) -> Result<(), Error> {
        if let Some(made) = message.aux.filter(|made| !made.id.is_empty()) {
            self.image = Some(made.id);
        }
        if let Some(problem) = message.problem {
            return Err(self.failed(problem.message.trim()));
        }
        match message.progress {
            Some(Progress { current, total }) if total > 0 => {
                self.part(&message.id, current, total);
            }
            _ if !message.status.is_empty() => {
                let id = if message.id.is_empty() { "" } else { ": " };
                self.line(&format!("{}{id}{}", message.id, message.status));
            }
            _ => {}
        }
        self.partial.push_str(&message.stream);
        while let Some((line, rest)) = self.partial.split_once('\n') {
            let (line, rest) = (line.trim_end_matches('\r').to_owned(), rest.to_owned());
            self.partial = rest;
            self.line(&line);
        }
        // The head of a step comes without an end of line.
        if let Some((name, text, number)) = head(&self.partial) {
            self.begin_instruction(name, &text, number);
            self.partial.clear();
        }
        Ok(())
    }

    fn part(&self, name: &str, current: u64, total: u64) {
        if let Some(step) = &self.current {
            (self.tell)(BuildEvent::Part {
                step: Arc::clone(&step.id),
                name: name.to_owned(),
                current,
                total,
                taken: step.begun.elapsed(),
                done: current == total,
            });
        }
    }

    fn line(&mut self, line: &str) {
        if let Some((name, text, number)) = head(line) {
            return self.begin_instruction(name, &text, number);
        }
        let Some(step) = &mut self.current else { return };
        let arrow = line.trim_start().strip_prefix("---> ").or_else(|| line.strip_prefix("--> "));
        if let Some(note) = arrow {
            step.is_cached |= note.starts_with("Using cache");
            return;
        }
        if line.is_empty() && step.lines.is_empty() || is_epilogue(line) {
            return;
        }
        if step.lines.len() == KEPT {
            step.lines.pop_front();
        }
        step.lines.push_back(line.to_owned());
        (self.tell)(BuildEvent::Log {
            step: Arc::clone(&step.id),
            at: step.begun.elapsed(),
            bytes: Bytes::from(format!("{line}\n")),
        });
    }

    /// The error for what the builder says.
    pub(super) fn failed(&mut self, message: &str) -> Error {
        let partial = std::mem::take(&mut self.partial);
        if !partial.is_empty() {
            self.line(&partial);
        }
        let (text, name) = self.dockerfile;
        let step = self.current.take();
        let mut failure = BuildFailure {
            message: message.to_owned(),
            place: place::of_message(text, name, message),
            ..BuildFailure::default()
        };
        if let Some(step) = step.filter(|step| !step.text.is_empty()) {
            let found = place::of_instruction(text, name, &step.text, step.number);
            failure.place = failure.place.or(found);
            failure.step = Some(step.name.clone());
            failure.output = step.lines.into_iter().filter(|line| !line.is_empty()).collect();
            let state = StepState::Failed(message.to_owned());
            (self.tell)(BuildEvent::Step { step: step.id, name: step.name, state });
        }
        Error::Build(Box::new(failure))
    }

    /// The ID of the image, once all is over.
    pub(super) fn finish(mut self) -> Option<String> {
        self.end();
        self.image
    }
}

/// The head of a step, as `Step 2/3 : RUN x` or `[1/2] STEP 2/3: RUN x`: its name, the instruction and its
/// number, if that counts from the beginning of the Dockerfile.
fn head(line: &str) -> Option<(String, String, usize)> {
    let (stage, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] STEP ")) {
        Some((stage, rest)) if is_fraction(stage) => (Some(stage), rest),
        _ => (None, line.strip_prefix("STEP ").or_else(|| line.strip_prefix("Step "))?),
    };
    let (number, text) = rest.split_once(':')?;
    let number = number.trim_end();
    if !is_fraction(number) {
        return None;
    }
    let text = text.trim();
    let name = match stage {
        Some(stage) => format!("[stage {stage} {number}] {text}"),
        None => format!("[{number}] {text}"),
    };
    let first = number.split('/').next().and_then(|number| number.parse().ok());
    Some((name, text.to_owned(), first.filter(|_| stage.is_none()).unwrap_or_default()))
}

/// Whether a line tells what has become of the build, which is told otherwise.
fn is_epilogue(line: &str) -> bool {
    let is_id = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    is_id(line, 64)
        || line.strip_prefix("Successfully built ").is_some_and(|id| is_id(id, 12))
        || line.starts_with("Successfully tagged ")
}

fn is_fraction(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    text.split_once('/').is_some_and(|(part, whole)| is_number(part) && is_number(whole))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is told of messages, one line each, and how it ends.
    fn check(messages: &[&str]) -> (Vec<String>, Result<Option<String>, BuildFailure>) {
        let told = RefCell::new(Vec::new());
        let tell = |event| {
            told.borrow_mut().push(match event {
                BuildEvent::Step { name, state: StepState::Done(_), .. } => format!("done {name}"),
                BuildEvent::Step { name, state, .. } => format!("{state:?} {name}"),
                BuildEvent::Log { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap(),
                BuildEvent::Part { name, current, total, .. } => {
                    format!("{name} {current}/{total}")
                }
                BuildEvent::Warning { text, .. } => text,
            });
        };
        let dockerfile = ("FROM a\nRUN b\nRUN c\n", "Dockerfile");
        let mut steps = Steps::new("x", dockerfile, &tell);
        for message in messages {
            if let Err(error) = steps.hear(serde_json::from_str(message).unwrap()) {
                let Error::Build(failure) = error else { panic!("{error}") };
                drop(steps);
                return (told.into_inner(), Err(*failure));
            }
        }
        let image = steps.finish();
        (told.into_inner(), Ok(image))
    }

    #[test]
    fn steps_of_docker() {
        let (told, end) = check(&[
            r#"{"stream":"Step 1/3 : FROM a"}"#,
            r#"{"stream":"\n"}"#,
            r#"{"status":"Pulling from library/a","id":"latest"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"f00"}"#,
            r#"{"stream":" ---\u003e 0123\n"}"#,
            r#"{"stream":"Step 2/3 : RUN b"}"#,
            r#"{"stream":"\n"}"#,
            r#"{"stream":" ---\u003e Using cache\n"}"#,
            r#"{"stream":"Step 3/3 : RUN c\n ---\u003e Running in 1\nhal"}"#,
            r#"{"stream":"lo\r\n"}"#,
            r#"{"aux":{"ID":"sha256:1"}}"#,
            r#"{"stream":"Successfully built 0123456789ab\nSuccessfully tagged a:1\n"}"#,
        ]);
        assert_eq!(
            told,
            [
                "Begun [1/3] FROM a",
                "latest: Pulling from library/a\n",
                "f00 1/2",
                "done [1/3] FROM a",
                "Begun [2/3] RUN b",
                "Cached [2/3] RUN b",
                "Begun [3/3] RUN c",
                "hallo\n",
                "done [3/3] RUN c",
            ]
        );
        assert_eq!(end, Ok(Some("sha256:1".to_owned())));
    }

    #[test]
    fn steps_of_stages() {
        let (told, end) = check(&[
            r#"{"stream":"[1/2] STEP 1/2: FROM a\n"}"#,
            r#"{"stream":"[1/2] STEP 2/2: RUN c\nbad\nworse"}"#,
            r#"{"errorDetail":{"message":"building at STEP \"RUN c\": exit status 1\n"}}"#,
        ]);
        assert_eq!(told[told.len() - 3..told.len() - 1], ["bad\n", "worse\n"]);
        assert!(told[5].starts_with("Failed") && told[5].ends_with("[stage 1/2 2/2] RUN c"));
        let failure = end.unwrap_err();
        assert_eq!(failure.message, "building at STEP \"RUN c\": exit status 1");
        assert_eq!(failure.step.as_deref(), Some("[stage 1/2 2/2] RUN c"));
        assert_eq!(failure.output, ["bad", "worse"]);
        assert_eq!(failure.place.map(|it| (it.first, it.last)), Some((3, 3)));
    }

    #[test]
    fn heads() {
        let head = |line: &str| head(line).map(|(name, _, number)| (name, number));
        assert_eq!(head("Step 2/3 : RUN x: y"), Some(("[2/3] RUN x: y".to_owned(), 2)));
        assert_eq!(head("STEP 2/3: RUN x"), Some(("[2/3] RUN x".to_owned(), 2)));
        assert_eq!(
            head("[2/2] STEP 1/3: COPY a b"),
            Some(("[stage 2/2 1/3] COPY a b".to_owned(), 0))
        );
        assert_eq!(head("Step by step: x"), None);
        assert_eq!(head("[INFO] STEP 1: x"), None);
    }
}

//! What a builder tells of its steps, as events of ours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexStatus};
use bytes::Bytes;

use crate::event::{BuildEvent, StepState};

/// Lines of a step that are kept, for when it fails.
const KEPT: usize = 20;

/// The steps of one build, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// By the digests that the builder has for them.
    known: BTreeMap<String, Step>,
}

#[derive(Debug)]
struct Step {
    id: Arc<str>,
    name: String,
    begun: Option<f64>,
    /// What was told of it last.
    told: Option<StepState>,
    /// The last lines it wrote, the last of which may not be whole.
    lines: VecDeque<String>,
}

impl Steps {
    /// Takes in what the builder tells, and passes on what is new.
    pub(super) fn hear(&mut self, status: &StatusResponse, tell: &dyn Fn(BuildEvent)) {
        // What a step has done comes before its end, however they are told together.
        for vertex in &status.vertexes {
            let begun = Vertex { completed: None, ..vertex.clone() };
            self.step(&begun, tell);
        }
        for part in &status.statuses {
            if let Some(event) = self.part(part) {
                tell(event);
            }
        }
        for log in &status.logs {
            let Some(step) = self.known.get_mut(&log.vertex) else { continue };
            step.keep(&String::from_utf8_lossy(&log.msg));
            let at = log.timestamp.as_ref().map_or(0.0, seconds) - step.begun.unwrap_or_default();
            tell(BuildEvent::Log {
                step: Arc::clone(&step.id),
                at: duration(at),
                bytes: Bytes::from(log.msg.clone()),
            });
        }
        for vertex in status.vertexes.iter().filter(|vertex| vertex.completed.is_some()) {
            self.step(vertex, tell);
        }
        for warning in &status.warnings {
            let text = String::from_utf8_lossy(&warning.short).into_owned();
            let line = warning.ranges.first().and_then(|range| range.start.as_ref());
            tell(BuildEvent::Warning {
                text,
                file: warning.info.as_ref().map(|info| info.filename.clone()),
                line: line.and_then(|start| u32::try_from(start.line).ok()),
            });
        }
    }

    fn step(&mut self, vertex: &Vertex, tell: &dyn Fn(BuildEvent)) {
        let step = self.known.entry(vertex.digest.clone()).or_insert_with(|| Step {
            id: Arc::from(vertex.digest.as_str()),
            name: vertex.name.clone(),
            begun: None,
            told: None,
            lines: VecDeque::new(),
        });
        if !vertex.name.is_empty() {
            step.name.clone_from(&vertex.name);
        }
        let begun = vertex.started.as_ref().map(seconds);
        step.begun = step.begun.or(begun);
        let state = match (&vertex.completed, begun) {
            (Some(_), _) if vertex.error.ends_with("context canceled") => StepState::Cancelled,
            (Some(_), _) if !vertex.error.is_empty() => StepState::Failed(vertex.error.clone()),
            (Some(_), _) if vertex.cached => StepState::Cached,
            (Some(end), Some(begun)) => StepState::Done(duration(seconds(end) - begun)),
            (Some(_), None) => StepState::Done(Duration::ZERO),
            (None, Some(_)) => StepState::Begun,
            // It waits for others.
            (None, None) => return,
        };
        // What is over may be told of again, by another build that needs it.
        let is_over = step.told.as_ref().is_some_and(|told| *told != StepState::Begun);
        if is_over || step.told.as_ref() == Some(&state) {
            return;
        }
        step.told = Some(state.clone());
        tell(BuildEvent::Step { step: Arc::clone(&step.id), name: step.name.clone(), state });
    }

    fn part(&self, part: &VertexStatus) -> Option<BuildEvent> {
        let step = self.known.get(&part.vertex)?;
        let begun = part.started.as_ref().map(seconds);
        let now = part.completed.as_ref().or(part.timestamp.as_ref()).map(seconds);
        Some(BuildEvent::Part {
            step: Arc::clone(&step.id),
            name: part.id.clone(),
            current: part.current.unsigned_abs(),
            total: part.total.unsigned_abs(),
            taken: duration(now.unwrap_or_default() - begun.or(now).unwrap_or_default()),
            done: part.completed.is_some(),
        })
    }

    /// The name of the step that has failed, and the last lines that it wrote.
    pub(super) fn failed(&self) -> Option<(String, Vec<String>)> {
        let failed = |step: &&Step| matches!(step.told, Some(StepState::Failed(_)));
        let step = self.known.values().find(failed)?;
        let lines = step.lines.iter().filter(|line| !line.is_empty());
        Some((step.name.clone(), lines.cloned().collect()))
    }
}

impl Step {
    fn keep(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            match self.lines.back_mut().filter(|_| index == 0) {
                Some(last) => last.push_str(line),
                None => self.lines.push_back(line.to_owned()),
            }
        }
        while self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of steps are shown to a tenth of a second")]
fn seconds(time: &Timestamp) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

/// Clocks may go backwards.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use bollard_buildkit_proto::moby::buildkit::v1::VertexLog;

    use super::*;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn vertex(started: Option<Timestamp>, completed: Option<Timestamp>, error: &str) -> Vertex {
        Vertex {
            digest: "d".to_owned(),
            name: "RUN x".to_owned(),
            started,
            completed,
            error: error.to_owned(),
            ..Vertex::default()
        }
    }

    #[test]
    fn a_step_is_told_of_once() {
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        let mut steps = Steps::default();
        let mut hear = |vertex: Vertex| {
            let status = StatusResponse { vertexes: vec![vertex], ..StatusResponse::default() };
            steps.hear(&status, &tell);
        };
        hear(vertex(None, None, ""));
        hear(vertex(at(1), None, ""));
        hear(vertex(at(1), None, ""));
        hear(vertex(at(1), at(3), ""));
        hear(vertex(at(1), at(3), ""));
        hear(Vertex { cached: true, ..vertex(at(4), at(4), "") });
        let states: Vec<StepState> = told
            .borrow()
            .iter()
            .filter_map(|event| match event {
                BuildEvent::Step { state, .. } => Some(state.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(states, [StepState::Begun, StepState::Done(Duration::from_secs(2))]);
    }

    #[test]
    fn what_failed_is_remembered_with_its_last_lines() {
        let mut steps = Steps::default();
        let log = |text: &str| VertexLog {
            vertex: "d".to_owned(),
            msg: text.as_bytes().to_vec(),
            ..VertexLog::default()
        };
        let lines: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let status = StatusResponse {
            vertexes: vec![vertex(at(1), None, "")],
            logs: vec![log(&lines), log("the l"), log("ast\n")],
            ..StatusResponse::default()
        };
        steps.hear(&status, &|_| {});
        assert_eq!(steps.failed(), None);
        let vertexes = vec![vertex(at(1), at(2), "exit code: 1")];
        steps.hear(&StatusResponse { vertexes, ..StatusResponse::default() }, &|_| {});
        let (name, lines) = steps.failed().unwrap();
        assert_eq!(name, "RUN x");
        assert_eq!(lines[lines.len() - 2..], ["line 99", "the last"]);
        assert!(lines.len() <= KEPT);
    }
}

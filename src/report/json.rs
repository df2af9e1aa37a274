//! Events as JSON, one object a line: what `docs/events.schema.json` describes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{BuildEvent, Layer, Status, StepState, Subject, WatchAction, WatchState};

/// A subject that is further along. `id`, `status` and `text` are Docker Compose's keys.
pub(super) fn progress(subject: &Subject, status: Status, text: &str) -> Value {
    json!({
        "id": subject.to_string(),
        "kind": subject.kind(),
        "name": subject.name(),
        "status": status.word(),
        "text": text,
    })
}

/// What a builder does for an image.
pub(super) fn build(image: &str, event: &BuildEvent) -> Value {
    let parent = Subject::Image(image.to_owned()).to_string();
    match event {
        BuildEvent::Step { step, name, state } => {
            let (status, text, details) = match state {
                StepState::Begun => (Status::Working, "Running", None),
                StepState::Cached => (Status::Done, "Cached", None),
                StepState::Done(_) => (Status::Done, "Done", None),
                StepState::Cancelled => (Status::Warning, "Canceled", None),
                StepState::Failed(problem) => (Status::Error, "Error", Some(problem)),
            };
            let mut line = json!({
                "id": &**step,
                "parent_id": parent,
                "kind": "step",
                "name": name,
                "status": status.word(),
                "text": text,
            });
            if let StepState::Done(taken) = state {
                line["seconds"] = json!(taken.as_secs_f64());
            }
            if let Some(details) = details {
                line["details"] = json!(details);
            }
            line
        }
        BuildEvent::Part { step, name, current, total, done, .. } => json!({
            "id": &**step,
            "parent_id": parent,
            "kind": "part",
            "name": name,
            "status": if *done { Status::Done } else { Status::Working }.word(),
            "current": current,
            "total": total,
        }),
        BuildEvent::Log { step, at, bytes } => json!({
            "id": &**step,
            "parent_id": parent,
            "kind": "output",
            "text": String::from_utf8_lossy(bytes),
            "seconds": at.as_secs_f64(),
        }),
        BuildEvent::Warning { text, file, line } => {
            let mut warning = json!({ "severity": "warning", "message": text });
            if let (Some(file), Some(line)) = (file, line) {
                warning["file"] = json!(file);
                warning["line"] = json!(line);
            }
            warning
        }
    }
}

/// A layer of an image is further along, in Docker Compose's keys.
pub(super) fn layer(of: &Subject, layer: &Layer) -> Value {
    json!({
        "id": layer.id,
        "parent_id": of.to_string(),
        "kind": "layer",
        "status": layer.status.word(),
        "text": layer.text,
        "current": layer.current,
        "total": layer.total,
        "percent": layer.percent(),
    })
}

/// What a run has done.
pub(super) fn summary(project: &str, text: &str, taken: Duration) -> Value {
    json!({
        "id": format!("Project {project}"),
        "kind": "project",
        "name": project,
        "status": Status::Done.word(),
        "text": text,
        "seconds": taken.as_secs_f64(),
    })
}

/// What a watch does for a service.
pub(super) fn watched(
    service: &str,
    action: WatchAction,
    what: &WatchState,
    taken: Duration,
) -> Value {
    let (status, text) = match what {
        WatchState::Begun(text) => (Status::Working, text),
        WatchState::Done(text) => (Status::Done, text),
        WatchState::Failed(text) => (Status::Error, text),
    };
    json!({
        "id": format!("Service {service}"),
        "kind": "watch",
        "name": service,
        "action": action.word(),
        "status": status.word(),
        "text": text,
        "seconds": taken.as_secs_f64(),
    })
}

/// A name that is answered.
pub(super) fn name(name: &str, status: Status, text: &str) -> Value {
    json!({
        "id": format!("Name {name}"),
        "kind": "name",
        "name": name,
        "status": status.word(),
        "text": text,
    })
}

/// Something to know that has no place in a file.
pub(super) fn warning(text: &str) -> Value {
    json!({ "severity": "warning", "message": text })
}

//! Events as JSON, one object a line: what `docs/events.schema.json` describes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{Status, Subject};

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

/// Something to know that has no place in a file.
pub(super) fn warning(text: &str) -> Value {
    json!({ "severity": "warning", "message": text })
}

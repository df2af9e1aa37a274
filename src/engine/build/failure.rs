//! What a builder says of a build that failed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::google::rpc;
use prost::Message as _;
use serde::Deserialize;
use tonic::Status;

use crate::engine::build::progress::Steps;
use crate::engine::error::{BuildFailure, BuildPlace, Error};

/// What builders attach to their errors: where in its source a build failed.
const SOURCE: &str = "errdefs.Source+json";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    info: SourceInfo,
    ranges: Vec<SourceRange>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceInfo {
    filename: String,
    /// In Base64.
    data: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceRange {
    start: Position,
    end: Position,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Position {
    /// From 1; 0 stands for none.
    line: u32,
}

/// The error for a refused call.
pub(super) fn error(status: &Status, steps: &Steps) -> Error {
    let (step, output) = steps.failed().unzip();
    Error::Build(Box::new(BuildFailure {
        message: message(status.message()).to_owned(),
        step,
        output: output.unwrap_or_default(),
        place: place(status.details()),
    }))
}

/// The last of the reasons that are strung together, which is what happened.
fn message(text: &str) -> &str {
    let text = text.trim();
    ["failed to solve: ", "rpc error: ", "failed to compute cache key: "]
        .iter()
        .fold(text, |text, lead| text.rsplit_once(lead).map_or(text, |(_, rest)| rest))
}

fn place(details: &[u8]) -> Option<BuildPlace> {
    let status = rpc::Status::decode(details).ok()?;
    let source = status.details.iter().find(|it| it.type_url.ends_with(SOURCE))?;
    let Source { info, ranges } = serde_json::from_slice(&source.value).ok()?;
    let range = ranges.first().filter(|range| range.start.line > 0)?;
    Some(BuildPlace {
        file: info.filename,
        text: String::from_utf8(STANDARD.decode(info.data).ok()?).ok()?,
        first: range.start.line,
        last: range.end.line.max(range.start.line),
    })
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::google::protobuf::Any;

    use super::*;

    #[test]
    fn places_are_found_among_the_details() {
        let found = |source: &str| {
            let any = |url: &str, text: &str| Any {
                type_url: url.to_owned(),
                value: text.as_bytes().to_vec(),
            };
            let details = vec![any("other", "{}"), any("x/errdefs.Source+json", source)];
            place(&rpc::Status { details, ..rpc::Status::default() }.encode_to_vec())
        };
        let place_of = |range: &str| {
            let info = r#"{"filename":"File","data":"RlJPTSBhCg==","definition":{}}"#;
            found(&format!(r#"{{"info":{info},"ranges":[{range}]}}"#))
        };
        let place = place_of(r#"{"start":{"line":2},"end":{"line":3}}"#).unwrap();
        assert_eq!((place.file.as_str(), place.text.as_str()), ("File", "FROM a\n"));
        assert_eq!((place.first, place.last), (2, 3));
        let place = place_of(r#"{"start":{"line":2},"end":{}}"#).unwrap();
        assert_eq!((place.first, place.last), (2, 2));
        assert_eq!(place_of(r#"{"start":{}}"#), None);
        assert_eq!(found("nonsense"), None);
        assert_eq!(super::place(b"\xff"), None);
    }

    #[test]
    fn messages_say_what_happened() {
        let text = "failed to solve: failed to compute cache key: \"/x\": not found";
        assert_eq!(message(text), "\"/x\": not found");
        assert_eq!(message("process \"y\" failed"), "process \"y\" failed");
    }
}

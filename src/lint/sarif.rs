//! Findings as SARIF 2.1.0, which code scanning reads.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::lint::rules::RULES;
use crate::lint::{Level, Levels};
use crate::source::{SourceMap, Span};

/// A whole document.
#[must_use]
pub fn document(findings: &Diagnostics, sources: &SourceMap, levels: &Levels) -> String {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": {"text": rule.summary},
                "fullDescription": {"text": rule.reason},
                "help": {"text": rule.fix},
                "defaultConfiguration": {
                    "enabled": levels.of(rule) != Level::Off,
                    "level": level(levels.of(rule)),
                },
            })
        })
        .collect();
    let results: Vec<Value> = findings.iter().map(|it| result(it, sources)).collect();
    let document = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "rcompose",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Off => "none",
        Level::Info => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn result(it: &Diagnostic, sources: &SourceMap) -> Value {
    let id = it.rule.copied().unwrap_or_default();
    let weight = match it.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut text = it.message.clone();
    for note in &it.notes {
        let _ = write!(text, "\n{note}");
    }
    for help in &it.help {
        let _ = write!(text, "\nhelp: {help}");
    }
    let related: Vec<Value> = it
        .context
        .iter()
        .filter_map(|(span, label)| {
            let mut place = location(*span, sources)?;
            place["message"] = json!({"text": label});
            Some(place)
        })
        .collect();
    let places: Vec<Value> = location(it.span, sources).into_iter().collect();
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": RULES.iter().position(|rule| rule.id == id).unwrap_or_default(),
        "level": weight,
        "message": {"text": text},
        "locations": places,
    });
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    result
}

fn location(span: Span, sources: &SourceMap) -> Option<Value> {
    let (start, end) = (sources.position(span)?, sources.end_position(span)?);
    Some(json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(start.file)},
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    }}))
}

/// A name of a file as a URI: relative, unless the file is outside.
fn uri(name: &str) -> String {
    let mut out = if name.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(uri("a b/é.yaml"), "a%20b/%C3%A9.yaml");
        assert_eq!(uri("/a/b"), "file:///a/b");
    }
}

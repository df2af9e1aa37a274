//! Other programs of this machine that do a part of the work.

use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::event::{Event, Status, Subject};
use crate::execute::{Error, Reports};
use crate::spec::{ProgramCall, Provided, Speaks};

/// What a provider says.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// Runs a program to its end, and gives the variables that it provides. It ends with us.
pub(super) async fn run(
    call: &ProgramCall,
    subject: &Subject,
    reports: &Reports,
) -> Result<Vec<Provided>, Error> {
    let failed = |error: std::io::Error| Error::Program(format!("{}: {error}", call.program));
    let mut child = Command::new(&call.program)
        .args(&call.arguments)
        .env_clear()
        .envs(&call.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = async {
        let mut provided = Vec::new();
        if let Some(stdout) = stdout {
            let mut lines = BufReader::new(stdout).lines();
            while let Some(line) = lines.next_line().await.map_err(failed)? {
                if call.speaks == Speaks::Provider && !line.trim().is_empty() {
                    provided.extend(understand(&line, subject, reports)?);
                }
            }
        }
        Ok::<_, Error>(provided)
    };
    let complained = async {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // What is not text is as good as nothing.
            let _ = stderr.read_to_end(&mut text).await;
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    };
    let (said, complained) = tokio::join!(said, complained);
    let provided = said?;
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(provided);
    }
    let name = call.program.rsplit('/').next().unwrap_or(&call.program);
    let mut text = format!("{name} failed: {status}");
    if !complained.is_empty() {
        text = format!("{text}: {complained}");
    }
    Err(Error::Program(text))
}

fn understand(line: &str, subject: &Subject, reports: &Reports) -> Result<Option<Provided>, Error> {
    let invalid = || Error::Program(format!("invalid response from plugin: {line}"));
    let Message { kind, message } = serde_json::from_str(line).map_err(|_| invalid())?;
    match kind.as_str() {
        "error" => Err(Error::Program(message)),
        "info" => {
            // Nobody listens any more when the user has left.
            let _ = reports.events.send(Event::progress(subject, Status::Working, message));
            Ok(None)
        }
        "debug" => Ok(None),
        "setenv" | "rawsetenv" => {
            let (name, value) = message.split_once('=').ok_or_else(invalid)?;
            let (name, value) = (name.to_owned(), value.to_owned());
            Ok(Some(Provided { name, value, raw: kind == "rawsetenv" }))
        }
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_providers() {
        let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (attached, _) = tokio::sync::mpsc::unbounded_channel();
        let reports = Reports { events, attached };
        let subject = Subject::Provider("db".to_owned());
        let said = |line: &str| understand(line, &subject, &reports);
        let provided = |name: &str, value: &str, raw| {
            Some(Provided { name: name.to_owned(), value: value.to_owned(), raw })
        };
        let line = r#"{"type": "setenv", "message": "URL=http://x?a=b"}"#;
        assert_eq!(said(line).unwrap(), provided("URL", "http://x?a=b", false));
        let line = r#"{"type": "rawsetenv", "message": "URL="}"#;
        assert_eq!(said(line).unwrap(), provided("URL", "", true));
        assert_eq!(said(r#"{"type": "debug"}"#).unwrap(), None);
        assert_eq!(said(r#"{"type": "info", "message": "half"}"#).unwrap(), None);
        let shown = Event::progress(&subject, Status::Working, "half");
        assert_eq!(heard.try_recv().unwrap(), shown);
        let error = |line: &str| said(line).unwrap_err().to_string();
        assert_eq!(error(r#"{"type": "error", "message": "no"}"#), "no");
        let line = r#"{"type": "setenv", "message": "URL"}"#;
        assert_eq!(error(line), format!("invalid response from plugin: {line}"));
        assert_eq!(error("text"), "invalid response from plugin: text");
        assert!(error(r#"{"type": "song"}"#).contains("song"));
    }
}

//! What a CI job keeps of a run: the output of each service, what the engine knows of each container,
//! and the outcome in a form that CI systems read.

#![expect(clippy::disallowed_methods, reason = "the user names the folder to write to")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::exit::Error;
use crate::commands::findings::Findings;
use crate::engine::{Engine, LogOptions};
use crate::names;
use crate::report::logs::LogPrinter;
use crate::state::observed::{Container, State};

/// How a service went.
struct Case {
    service: String,
    /// Until it was ready.
    taken: Duration,
    /// What is wrong with it, in one line and in full.
    failure: Option<(String, String)>,
    output: String,
}

/// Writes all there is to know of a project to a folder, which is made: `SERVICE.log`,
/// `CONTAINER.json` and `junit.xml`. `taken` is how long each service took to be ready.
///
/// # Errors
/// Files that cannot be written, and those of the engine.
pub(super) async fn write(
    folder: &str,
    project: &str,
    engine: &Engine,
    taken: &BTreeMap<String, Duration>,
) -> Result<(), Error> {
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    let observed = engine.observe(project, &[], &[], &[]).await?;
    let mut services: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in &observed.containers {
        if !container.one_off {
            services.entry(&container.service).or_default().push(container);
        }
    }
    let mut cases = Vec::new();
    for (service, mut containers) in services {
        containers.sort_by_key(|container| container.number);
        output(&folder.join(format!("{service}.log")), project, engine, &containers).await?;
        let mut case = Case {
            service: service.to_owned(),
            taken: taken.get(service).copied().unwrap_or_default(),
            failure: None,
            output: String::new(),
        };
        for container in containers {
            let Ok(known) = engine.describe(&container.id).await else {
                continue;
            };
            let path = folder.join(format!("{}.json", container.name));
            let text = format!("{known:#}\n");
            std::fs::write(&path, text).map_err(|error| unwritten(&path, error))?;
            if let Some(findings) = Findings::of(engine, &container.id).await {
                case.failure = case.failure.or_else(|| failure(&findings));
                case.output.push_str(&findings.output);
                case.output.push('\n');
            }
        }
        cases.push(case);
    }
    let path = folder.join("junit.xml");
    std::fs::write(&path, junit(project, &cases)).map_err(|error| unwritten(&path, error))
}

fn unwritten(path: &Path, error: io::Error) -> Error {
    Error::Write { path: path.display().to_string(), error }
}

/// Writes what the containers of a service wrote, one after the other; where there are several, with
/// their names before each line.
async fn output(
    path: &PathBuf,
    project: &str,
    engine: &Engine,
    containers: &[&Container],
) -> Result<(), Error> {
    let file = File::create(path).map_err(|error| unwritten(path, error))?;
    let mut file = BufWriter::new(file);
    let mut printer = LogPrinter::default();
    let short = |container: &Container| {
        names::short(project, &container.service, &container.name).to_owned()
    };
    let named: Vec<String> = containers.iter().map(|container| short(container)).collect();
    printer.expect(named.iter().map(String::as_str));
    let mut lines = Vec::new();
    for (container, name) in containers.iter().zip(&named) {
        let Ok(found) = engine.inspect(&container.id).await else {
            continue;
        };
        let options = LogOptions { timestamps: false, ..LogOptions::default() };
        // Some log drivers cannot be read.
        let Ok(mut stream) = engine.logs(&container.id, found.tty, &options).await else {
            continue;
        };
        while let Some(chunk) = stream.next().await? {
            if containers.len() == 1 {
                lines.extend_from_slice(&chunk.bytes);
            } else {
                printer.output(name, chunk.stderr, &chunk.bytes, &mut lines);
            }
            file.write_all(&lines).map_err(|error| unwritten(path, error))?;
            lines.clear();
        }
        for stderr in [false, true] {
            printer.end(name, stderr, &mut lines);
        }
    }
    file.write_all(&lines).and_then(|()| file.flush()).map_err(|error| unwritten(path, error))
}

/// What is wrong with a container, if anything is.
fn failure(findings: &Findings) -> Option<(String, String)> {
    let container = &findings.container;
    let name = &container.name;
    let what = match State::parse(&container.status) {
        State::Created => format!("{name} was not started"),
        State::Exited | State::Dead if container.exit_code != 0 => {
            format!("{name} exited with code {}", container.exit_code)
        }
        _ if container.is_unhealthy() => format!("{name} is unhealthy"),
        _ => return None,
    };
    Some((what, findings.notes(None).join("\n")))
}

/// The outcome in the form of `JUnit`: a test case for each service.
fn junit(project: &str, cases: &[Case]) -> String {
    use std::fmt::Write as _;
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let longest = cases.iter().map(|case| case.taken).max().unwrap_or_default();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{:.3}\">",
        escaped(project),
        cases.len(),
        longest.as_secs_f64()
    );
    for case in cases {
        let _ = writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
            escaped(project),
            escaped(&case.service),
            case.taken.as_secs_f64()
        );
        if let Some((message, text)) = &case.failure {
            let (message, text) = (escaped(message), escaped(text));
            let _ = writeln!(out, "      <failure message=\"{message}\">{text}</failure>");
        }
        let _ = writeln!(out, "      <system-out>{}</system-out>", escaped(&case.output));
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text for XML, which has no place for most control characters, escaped or not.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_as_junit_writes_them() {
        let cases = [
            Case {
                service: "db".to_owned(),
                taken: Duration::from_millis(1500),
                failure: None,
                output: String::new(),
            },
            Case {
                service: "web".to_owned(),
                taken: Duration::ZERO,
                failure: Some(("p-web-1 \"ended\"".to_owned(), "a < b".to_owned())),
                output: "x\u{1b}[0m\n".to_owned(),
            },
        ];
        let want = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"p\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"1.500\">
    <testcase classname=\"p\" name=\"db\" time=\"1.500\">
      <system-out></system-out>
    </testcase>
    <testcase classname=\"p\" name=\"web\" time=\"0.000\">
      <failure message=\"p-web-1 &quot;ended&quot;\">a &lt; b</failure>
      <system-out>x\u{fffd}[0m
</system-out>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(junit("p", &cases), want);
    }
}

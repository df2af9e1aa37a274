//! What a CI job keeps of a run: the output of each service, what the engine knows of each container,
//! and the outcome in a form that CI systems read.

#![expect(clippy::disallowed_methods, reason = "the user names the folder to write to")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::commands::exit::Error;
use crate::commands::findings::Findings;
use crate::engine::{Engine, LogOptions};
use crate::names;
use crate::report::logs::LogPrinter;
use crate::state::observed::{Container, Observed, State};

/// How something went that was to succeed.
pub(super) struct Case {
    /// The service, or what else it was.
    pub name: String,
    pub taken: Duration,
    pub result: Verdict,
    pub output: String,
}

/// How it went, in the words of `JUnit`.
pub(super) enum Verdict {
    Passed,
    /// What is wrong with it, in one line and in full.
    Failed(String, String),
    /// Why nobody knows.
    Skipped(String),
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
    keep(folder, project, engine).await?;
    let cases = cases(project, engine, taken).await?;
    write_junit(&Path::new(folder).join("junit.xml"), project, &cases)
}

/// Writes the output of each service and what the engine knows of each container to a folder.
///
/// # Errors
/// As [`write`].
pub(super) async fn keep(folder: &str, project: &str, engine: &Engine) -> Result<(), Error> {
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    let observed = engine.observe_containers(project).await?;
    for (service, containers) in services(&observed) {
        let path = folder.join(format!("{service}.log"));
        let file = File::create(&path).map_err(|error| unwritten(&path, error))?;
        let mut file = BufWriter::new(file);
        let write =
            &mut |lines: &[u8]| file.write_all(lines).map_err(|error| unwritten(&path, error));
        output(project, engine, &containers, write).await?;
        file.flush().map_err(|error| unwritten(&path, error))?;
        for container in containers {
            let Ok(known) = engine.describe(&container.id).await else {
                continue;
            };
            let path = folder.join(format!("{}.json", container.name));
            let text = format!("{known:#}\n");
            std::fs::write(&path, text).map_err(|error| unwritten(&path, error))?;
        }
    }
    Ok(())
}

/// How each service of a project is, with its last words.
///
/// # Errors
/// Those of the engine.
pub(super) async fn cases(
    project: &str,
    engine: &Engine,
    taken: &BTreeMap<String, Duration>,
) -> Result<Vec<Case>, Error> {
    let observed = engine.observe_containers(project).await?;
    let mut cases = Vec::new();
    for (service, containers) in services(&observed) {
        let mut case = Case {
            name: service.to_owned(),
            taken: taken.get(service).copied().unwrap_or_default(),
            result: Verdict::Passed,
            output: String::new(),
        };
        for container in containers {
            if let Some(findings) = Findings::of(engine, &container.id).await {
                if let (Verdict::Passed, Some((what, text))) = (&case.result, failure(&findings)) {
                    case.result = Verdict::Failed(what, text);
                }
                case.output.push_str(&findings.output);
                case.output.push('\n');
            }
        }
        cases.push(case);
    }
    Ok(cases)
}

/// Services with their containers, the lowest number first; one-offs are none of them.
pub(super) fn services(observed: &Observed) -> BTreeMap<&str, Vec<&Container>> {
    let mut services: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in observed.containers.iter().filter(|it| !it.one_off) {
        services.entry(&container.service).or_default().push(container);
    }
    for containers in services.values_mut() {
        containers.sort_by_key(|container| container.number);
    }
    services
}

/// Writes the outcome in the form of `JUnit`: a test case for each.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write_junit(path: &Path, title: &str, cases: &[Case]) -> Result<(), Error> {
    std::fs::write(path, junit(title, cases)).map_err(|error| unwritten(path, error))
}

/// That a file cannot be written.
pub(super) fn unwritten(path: &Path, error: io::Error) -> Error {
    Error::Write { path: path.display().to_string(), error }
}

/// Gives what the containers of a service wrote to `write`, one after the other; where there are several,
/// with their names before each line.
///
/// # Errors
/// Those of `write`, and of the engine.
pub(super) async fn output(
    project: &str,
    engine: &Engine,
    containers: &[&Container],
    write: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
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
            write(&lines)?;
            lines.clear();
        }
        for stderr in [false, true] {
            printer.end(name, stderr, &mut lines);
        }
    }
    write(&lines)
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

/// The outcome in the form of `JUnit`.
fn junit(title: &str, cases: &[Case]) -> String {
    use std::fmt::Write as _;
    let count = |is: fn(&Verdict) -> bool| cases.iter().filter(|case| is(&case.result)).count();
    let failures = count(|it| matches!(it, Verdict::Failed(..)));
    let skipped = count(|it| matches!(it, Verdict::Skipped(_)));
    let longest = cases.iter().map(|case| case.taken).max().unwrap_or_default();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\">",
        escaped(title),
        cases.len(),
        longest.as_secs_f64()
    );
    for case in cases {
        let _ = writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
            escaped(title),
            escaped(&case.name),
            case.taken.as_secs_f64()
        );
        match &case.result {
            Verdict::Passed => {}
            Verdict::Failed(message, text) => {
                let (message, text) = (escaped(message), escaped(text));
                let _ = writeln!(out, "      <failure message=\"{message}\">{text}</failure>");
            }
            Verdict::Skipped(why) => {
                let _ = writeln!(out, "      <skipped message=\"{}\"/>", escaped(why));
            }
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
                name: "db".to_owned(),
                taken: Duration::from_millis(1500),
                result: Verdict::Passed,
                output: String::new(),
            },
            Case {
                name: "web".to_owned(),
                taken: Duration::ZERO,
                result: Verdict::Failed("p-web-1 \"ended\"".to_owned(), "a < b".to_owned()),
                output: "x\u{1b}[0m\n".to_owned(),
            },
            Case {
                name: "go test".to_owned(),
                taken: Duration::ZERO,
                result: Verdict::Skipped("'<&>'".to_owned()),
                output: String::new(),
            },
        ];
        let want = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"p\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.500\">
    <testcase classname=\"p\" name=\"db\" time=\"1.500\">
      <system-out></system-out>
    </testcase>
    <testcase classname=\"p\" name=\"web\" time=\"0.000\">
      <failure message=\"p-web-1 &quot;ended&quot;\">a &lt; b</failure>
      <system-out>x\u{fffd}[0m
</system-out>
    </testcase>
    <testcase classname=\"p\" name=\"go test\" time=\"0.000\">
      <skipped message=\"'&lt;&amp;&gt;'\"/>
      <system-out></system-out>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(junit("p", &cases), want);
    }
}

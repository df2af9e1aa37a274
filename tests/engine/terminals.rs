//! What a terminal shows.

use std::process::Command;

use crate::project::Project;

/// Progress on a terminal is drawn in place, and what stays in the end is a row for each resource.
///
/// `up` and `down` on a terminal of 24 rows and 80 columns; then with ways to turn drawing off. What the
/// terminal shows in the end is worked out from what was written.
#[test]
fn progress_is_drawn_in_place() {
    let Some(project) = Project::with(
        "
services:
  db:
    image: busybox
    init: true
    command: sh -c 'sleep 0.5; touch /ready; exec sleep 600'
    healthcheck: {test: test -e /ready, interval: 30s}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {db: {condition: service_healthy}}
",
    ) else {
        return;
    };
    let shown = |flags: &str| {
        let program = env!("CARGO_BIN_EXE_rcompose");
        let line = format!("stty rows 24 cols 80; {program} {flags}");
        let mut command = Command::new("script");
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        let output = project.spawn(command, &["-qec", &line, "/dev/null"]).finish();
        assert_eq!(output.code, Some(0), "{}", output.stdout);
        output.stdout
    };
    let written = shown("up -d");
    assert!(written.contains("[+] up 0/"), "{written}");
    let screen = screen(&written);
    assert_eq!(screen[0], "[+] up 3/3");
    let rows: Vec<&str> =
        screen[1..].iter().map(|row| row.rsplit_once(' ').unwrap().0.trim_end()).collect();
    let want = [
        " ✔ Network [PROJECT]_default  Created",
        " ✔ Container [PROJECT]-db-1   Healthy",
        " ✔ Container [PROJECT]-web-1  Started",
    ];
    assert_eq!(rows, want, "{written}");
    assert!(written.contains("\u{1b}[32m✔\u{1b}[0m"), "{written:?}");

    assert!(shown("--ansi never up -d").starts_with(" Container [PROJECT]-"));
    let down = shown("down -t 0");
    assert!(self::screen(&down)[0].starts_with("[+] down 3/3"), "{down}");
}

/// The lines that a terminal shows after all that was written: colours left out, lines taken back by
/// moves of the cursor gone.
fn screen(written: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in written.split("\r\n") {
        let mut plain = String::new();
        let mut parts = line.split("\u{1b}[");
        plain.push_str(parts.next().unwrap());
        for part in parts {
            let end = part.find(|char: char| char.is_ascii_alphabetic()).unwrap();
            if &part[end..=end] == "A" {
                let up: usize = part[..end].parse().unwrap();
                lines.truncate(lines.len() - up);
            }
            plain.push_str(&part[end + 1..]);
        }
        lines.push(plain);
    }
    assert_eq!(lines.pop().as_deref(), Some(""));
    lines
}

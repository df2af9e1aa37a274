//! Input that wants to break the program. It never panics, needs no more than 256 MB, and says what
//! is wrong and where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;

use rcompose::compose::discover::Wanted;
use rcompose::compose::files::Files;
use rcompose::compose::{self, Steps};
use rcompose::diagnostic::{Format, Severity};
use rcompose::env::Env;
use rcompose::source::SourceMap;

use crate::sandbox::Sandbox;

/// Runs `config` in 256 MB, and gives standard error.
#[track_caller]
fn in_little_memory(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_rcompose");
    let plain = sandbox.command(args);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "ulimit -v 262144 && exec \"$0\" \"$@\"", program]).args(args);
    command.current_dir(plain.get_current_dir().unwrap()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}

/// Checks that the text is refused with a message that has `says` in it and a place.
#[track_caller]
fn refused(name: &str, text: impl AsRef<[u8]>, says: &str) {
    let sandbox = Sandbox::new().file("compose.yaml", text);
    let (code, stderr) = in_little_memory(&sandbox, &["config", "-q"]);
    let start: String = stderr.chars().take(600).collect();
    assert_eq!(code, Some(1), "{name}: {start}");
    assert!(start.contains(says), "{name}: {start}");
    assert!(start.contains("compose.yaml"), "{name} has no place: {start}");
}

/// Checks that the text is fine, however odd it is.
#[track_caller]
fn accepted(name: &str, text: impl AsRef<[u8]>) {
    let sandbox = Sandbox::new().file("compose.yaml", text);
    let (code, stderr) = in_little_memory(&sandbox, &["config", "-q"]);
    let start: String = stderr.chars().take(600).collect();
    assert_eq!(code, Some(0), "{name}: {start}");
}

#[test]
fn alias_bombs() {
    let mut bomb = String::from("x-a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        let above = level - 1;
        let _ = writeln!(bomb, "x-{level}: &a{level} [{}]", format!("*a{above}, ").repeat(10));
    }
    bomb.push_str("services: {a: {image: i}}\n");
    refused("list", &bomb, "alias");
    let mut bomb = String::from("x-a: &a0 {k: v}\n");
    for level in 1..40 {
        let above = level - 1;
        let _ = writeln!(bomb, "x-{level}: &a{level} {{p: *a{above}, q: *a{above}}}");
    }
    refused("mapping", &bomb, "alias");
    refused("cycle", "services: &a {a: {image: i, x-a: *a}}\n", "");
}

#[test]
fn deep_nesting() {
    refused("lists", format!("x-a: {}", "[".repeat(10_000)), "");
    refused("mappings", format!("x-a: {}", "{a: ".repeat(10_000)), "");
    refused("items", format!("x-a:\n  {}a", "- ".repeat(10_000)), "");
    let mut block = String::new();
    for level in 0..2_000 {
        let _ = writeln!(block, "{}a:", " ".repeat(level));
    }
    refused("blocks", format!("x-a:\n {}", block.replace('\n', "\n ")), "");
}

#[test]
fn huge_scalars() {
    let huge = "x".repeat(50_000_000);
    refused("plain value", format!("services: {{a: {{image: {huge}}}}}\n"), "longer than");
    refused("quoted key", format!("services: {{a: {{\"{huge}\": 1}}}}\n"), "");
    refused("top level", &huge, "");
    refused("a variable without an end", format!("services: {{a: {{image: '${{{huge}'}}}}\n"), "");
    refused("too large a file", "#".repeat(70_000_000), "");
}

#[test]
fn bytes_that_are_no_text() {
    refused("invalid UTF-8", b"services: {a: {image: \"\xff\xfe\"}}\n", "UTF-8");
    refused("a NUL", b"services: {a: {image: \"a\0b\"}}\n", "");
    refused("a control character", b"services: {a: {image: \"a\x01b\"}}\n", "");
    refused("UTF-16", b"\xff\xfes\0e\0r\0v\0i\0c\0e\0s\0:\0", "");
    refused("random", (0..5_000u32).map(|n| ((n * 7919) >> 3) as u8).collect::<Vec<_>>(), "");
}

#[test]
fn chains_and_cycles_of_files() {
    let sandbox =
        Sandbox::with("include: [other.yaml]\n").file("other.yaml", "include: [compose.yaml]\n");
    let (code, stderr) = in_little_memory(&sandbox, &["config"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("`compose.yaml` includes itself"), "{stderr}");
    assert!(stderr.contains("other.yaml:1"), "{stderr}");

    let mut sandbox = Sandbox::with("include: [f0.yaml]\n");
    for number in 0..2_000 {
        let next = format!("include: [f{}.yaml]\n", number + 1);
        sandbox = sandbox.file(&format!("f{number}.yaml"), next);
    }
    let (code, stderr) = in_little_memory(&sandbox, &["config"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("levels deep"), "{stderr}");

    let chain = |length: usize, last: &str| {
        let mut chain = format!("services:\n  s{length}: {last}\n");
        for number in 0..length {
            let _ = writeln!(chain, "  s{number}: {{extends: s{}}}", number + 1);
        }
        chain
    };
    accepted("a chain of extends", chain(90, "{image: i}"));
    refused("a long chain of extends", chain(20_000, "{image: i}"), "levels deep");
    refused("a ring of extends", chain(80, "{extends: s0}"), "extends itself");

    let mut sandbox = Sandbox::with("services: {s: {extends: {file: f0.yaml, service: s}}}\n");
    for number in 0..2_000 {
        let next =
            format!("services: {{s: {{extends: {{file: f{}.yaml, service: s}}}}}}\n", number + 1);
        sandbox = sandbox.file(&format!("f{number}.yaml"), next);
    }
    let (code, stderr) = in_little_memory(&sandbox, &["config"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("levels deep"), "{stderr}");
}

#[test]
fn what_is_no_file() {
    let sandbox = Sandbox::new().file("folder/compose.yaml/x", "");
    let failed = |args: &[&str]| {
        let (code, stderr) = in_little_memory(&sandbox, args);
        assert_eq!(code, Some(1), "{stderr}");
        stderr
    };
    assert!(failed(&["-f", "folder", "config"]).contains("folder"));
    assert!(failed(&["-f", "folder/compose.yaml", "config"]).contains("folder"));
    assert!(failed(&["-f", "/proc/self/mem", "config"]).contains("/proc/self/mem"));
    assert!(failed(&["-f", "/dev/zero", "config"]).contains("/dev/zero"));
}

#[test]
fn large_numbers_of_things() {
    let many = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    refused(
        "unknown keys",
        format!("services:\n  a:\n{}", many(&|n| format!("    k{n}: 1\n"))),
        "no key",
    );
    refused(
        "unknown services",
        format!(
            "services:\n  a:\n    image: i\n    depends_on:\n{}",
            many(&|n| format!("      - n{n}\n"))
        ),
        "n0",
    );
    accepted(
        "unset variables",
        format!(
            "services:\n  a:\n    image: i\n    environment:\n{}",
            many(&|n| format!("      - A=$V{n}\n"))
        ),
    );
    accepted(
        "a chain",
        format!(
            "services:\n  s20000: {{image: i}}\n{}",
            many(&|n| format!("  s{n}: {{image: i, depends_on: [s{}]}}\n", n + 1))
        ),
    );
    refused(
        "a ring",
        format!(
            "services:\n  s20000: {{image: i, depends_on: [s0]}}\n{}",
            many(&|n| format!("  s{n}: {{image: i, depends_on: [s{}]}}\n", n + 1))
        ),
        "depend on each other",
    );
    refused(
        "ports",
        format!(
            "services:\n  a:\n    image: i\n    ports:\n{}",
            many(&|n| format!("      - '127.0.{}.{}:1-65000:1-65000'\n", n / 250, n % 250))
        ),
        "short forms stand for",
    );
    refused(
        "duplicates",
        format!("services:\n  a:\n    image: i\n{}", "    image: j\n".repeat(20_000)),
        "defined twice",
    );
    refused(
        "nested variables",
        format!("services: {{a: {{image: '{}{}'}}}}\n", "${A:-".repeat(20_000), "}".repeat(20_000)),
        "",
    );
    accepted(
        "dollars",
        format!("services: {{a: {{image: i, command: [{:?}]}}}}\n", "$$".repeat(1_000_000)),
    );
}

/// Pieces that meet in random order: more likely to reach deep than random bytes.
const PIECES: [&str; 60] = [
    "services:",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "web:",
    "db:",
    "image: ",
    "build: ",
    "ports:",
    "- ",
    "'80:80'",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "&a ",
    "*a",
    "<<: ",
    "!reset ",
    "!override null",
    "${A}",
    "${A:-b",
    "$",
    "$$",
    "${A?x}",
    "volumes:",
    "./x:/y:ro",
    "depends_on:",
    "condition: service_healthy",
    "extends: ",
    "file: f.yaml",
    "service: web",
    "include:",
    "f.yaml",
    "networks:",
    "default",
    "environment:",
    "A=b",
    "command: ",
    "deploy:",
    "replicas: 3",
    "1.5e3",
    "0x1F",
    "~",
    "true",
    "|\n   x",
    ">-\n   y",
    "#",
    "---\n",
    "\t",
    "\u{e9}\u{1f600}",
    "x-a: ",
    "healthcheck:",
    "test: CMD",
    "interval: 1m30s",
];

#[test]
fn random_files_end_in_a_project_or_a_problem() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        // xorshift64*: the same files in every run.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    let env = Env::fixed("/p", [("A", "value")]);
    for round in 0..6_000 {
        let mut text =
            if random(2) == 0 { "services:\n  web:\n    ".to_owned() } else { String::new() };
        for _ in 0..random(40) {
            text.push_str(PIECES[random(PIECES.len())]);
        }
        let mut bytes = text.clone().into_bytes();
        if random(8) == 0 && !bytes.is_empty() {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        let files = Files::Fixed(BTreeMap::from([
            ("/p/compose.yaml".to_owned(), bytes),
            ("/p/f.yaml".to_owned(), b"services: {web: {image: i}}".to_vec()),
        ]));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut sources = SourceMap::default();
            let wanted = Wanted::default();
            let loaded = compose::load(&wanted, &[], &Steps::default(), &env, &files, &mut sources);
            let problems = match loaded {
                Ok((model, warnings)) => {
                    let _ = model.document(compose::print::Dialect::Yaml);
                    warnings
                }
                Err(problems) => {
                    assert!(problems.iter().any(|it| it.severity == Severity::Error));
                    problems
                }
            };
            for format in [Format::Plain, Format::Json, Format::Github] {
                let _ = problems.render(&sources, format);
            }
        }));
        assert!(outcome.is_ok(), "round {round}:\n{text}");
    }
}

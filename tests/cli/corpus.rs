//! Projects with the output that Docker Compose has for them.
//!
//! A case is a folder of `tests/corpus` with its files, `args` (of `config`, after the flags of the
//! program; may be missing), and `expected.yaml`. Cases are recorded with `tests/corpus/record.sh`;
//! nobody writes their expectations by hand.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn config_prints_what_docker_compose_prints() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut failures = Vec::new();
    let mut count = 0;
    for case in fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()) {
        if !case.is_dir() {
            continue;
        }
        count += 1;
        let args = fs::read_to_string(case.join("args")).unwrap_or_else(|_| "config".to_owned());
        let output = Command::new(env!("CARGO_BIN_EXE_rcompose"))
            .args(args.split_whitespace())
            .current_dir(&case)
            .env_clear()
            .envs([("HOME", "/home/user"), ("PWD", case.to_str().unwrap()), ("OUTER", "outer")])
            .output()
            .unwrap();
        let got = String::from_utf8_lossy(&output.stdout)
            .replace(case.to_str().unwrap(), "[DIR]")
            .replace(corpus.to_str().unwrap(), "[ABOVE]");
        let want = fs::read_to_string(case.join("expected.yaml")).unwrap();
        if got != want {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let errors = String::from_utf8_lossy(&output.stderr);
            failures.push(format!("--- {name}, got:\n{got}{errors}--- want:\n{want}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 20, "only {count} cases were found");
}

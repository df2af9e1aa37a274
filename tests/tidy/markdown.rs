//! What Markdown files promise: links lead somewhere, commands parse, Compose files load.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::error::ErrorKind;
use rcompose::commands;

use super::{files, read, root};

/// All Markdown files of the project.
fn documents() -> Vec<String> {
    let mut all: Vec<String> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned).into();
    all.extend(files("docs", ".md"));
    all.extend(files("examples", ".md"));
    all
}

/// A block of code: its language and its text.
struct Block {
    line: usize,
    language: String,
    text: String,
}

/// A document without its blocks of code, and those.
fn parted(text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks) = (String::new(), Vec::<Block>::new());
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match line.trim_start().strip_prefix("```") {
            Some(language) if !inside => {
                inside = true;
                let language = language.to_owned();
                blocks.push(Block { line: number + 1, language, text: String::new() });
            }
            Some(_) => inside = false,
            None => {
                let text = if inside { &mut blocks.last_mut().unwrap().text } else { &mut prose };
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    assert!(!inside, "a block of code has no end");
    (prose, blocks)
}

/// Text without what stands in backquotes.
fn plain(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(path: &str) -> BTreeSet<String> {
    let (prose, _) = parted(&read(path));
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            kept.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}

/// The file that a link from a document means, as a path from the root.
fn resolved(document: &str, target: &str) -> String {
    let folder = Path::new(document).parent().unwrap();
    let mut parts: Vec<&str> = folder.iter().map(|it| it.to_str().unwrap()).collect();
    for part in target.split('/').filter(|part| !["", "."].contains(part)) {
        if part == ".." {
            parts.pop().unwrap_or_else(|| panic!("{document}: {target} leaves the project"));
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[test]
fn links_lead_somewhere() {
    let mut count = 0;
    for document in documents() {
        let (prose, _) = parted(&read(&document));
        for rest in plain(&prose).split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { document.clone() } else { resolved(&document, file) };
            assert!(root().join(&file).exists(), "{document}: there is no {file}");
            assert!(
                anchor.is_empty() || anchors(&file).contains(anchor),
                "{document}: {file} has no heading for #{anchor}"
            );
        }
    }
    assert!(count > 50, "only {count} links were found");
}

/// Splits a line as a shell would, as far as documents need it; gives the first command alone.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for char in line.chars() {
        match (quote, char) {
            (Some(end), char) if char == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, '#' | '|' | '&' | ';' | '>') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (_, char) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// The command line in a line of a shell, without variables before it.
fn invocation(line: &str) -> Option<Vec<String>> {
    let words = words(line.trim_start().trim_start_matches("$ "));
    let is_set = |word: &&String| word.split_once('=').is_some_and(|(name, _)| !name.contains('-'));
    let words: Vec<String> = words.iter().skip_while(is_set).cloned().collect();
    (words.first()? == "rcompose").then_some(words)
}

/// What prose names of the command line: all of it, or a command with its flags.
fn mention(code: &str, cli: &clap::Command) -> Option<Vec<String>> {
    let mut words = words(code);
    if words.first()? != "rcompose" {
        cli.find_subcommand(words.first()?)?;
        words.iter().find(|word| word.starts_with('-'))?;
        words.insert(0, "rcompose".to_owned());
    }
    Some(words)
}

/// Why the command line refuses these words.
fn refusal(words: &[String]) -> Option<clap::Error> {
    let error = commands::cli().try_get_matches_from(words).err()?;
    (error.kind() != ErrorKind::DisplayHelp).then_some(error)
}

/// Commands in blocks of code are ones that can be said, and prose names only those that there are.
#[test]
fn commands_parse() {
    let cli = commands::cli();
    let (mut said, mut named) = (0, 0);
    for document in documents() {
        let (prose, blocks) = parted(&read(&document));
        for block in blocks.iter().filter(|block| block.language == "sh") {
            for line in block.text.replace("\\\n", " ").lines() {
                let Some(words) = invocation(line) else { continue };
                said += 1;
                if let Some(why) = refusal(&words) {
                    panic!("{document}:{}: `{line}`: {why}", block.line);
                }
            }
        }
        for code in prose.replace('\n', " ").split('`').skip(1).step_by(2) {
            let Some(words) = mention(code, &cli) else { continue };
            named += 1;
            // What stands for a value, and what is left out, is no mistake there.
            let is_wrong = |error: &clap::Error| {
                matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand)
            };
            if let Some(why) = refusal(&words).filter(is_wrong) {
                panic!("{document}: `{code}`: {why}");
            }
        }
    }
    assert!(said > 20 && named > 40, "{said} commands in blocks and {named} in prose were found");
}

/// Compose files in documents are good ones.
#[test]
fn compose_files_load() {
    let mut count = 0;
    for document in documents() {
        for block in parted(&read(&document)).1 {
            let is_compose = block.language == "yaml" && block.text.contains("services:");
            if !is_compose {
                continue;
            }
            count += 1;
            let mut child = Command::new(env!("CARGO_BIN_EXE_rcompose"))
                .args(["-p", "document", "-f", "-", "config", "--quiet"])
                .current_dir(root())
                .env_clear()
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            std::io::Write::write_all(&mut input, block.text.as_bytes()).unwrap();
            drop(input);
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}:{}: {errors}", block.line);
        }
    }
    assert!(count > 10, "only {count} Compose files were found");
}

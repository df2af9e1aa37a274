//! What a single rule flags, for the tests of rules.

use std::collections::BTreeMap;

use crate::compose::discover::Wanted;
use crate::compose::files::Files;
use crate::compose::{self, EnvFiles, Steps};
use crate::env::Env;
use crate::lint::read::{self, Measure};
use crate::lint::rules::RULES;
use crate::lint::{Level, Levels, Rule, lint};
use crate::source::SourceMap;

/// The text of each place that `rule` flags in a project of these files.
#[track_caller]
fn flagged(rule: &Rule, compose: &str, dockerfile: Option<&str>, measure: &Measure) -> Vec<String> {
    let mut files = BTreeMap::from([("/p/compose.yaml".to_owned(), compose.as_bytes().to_vec())]);
    if let Some(text) = dockerfile {
        files.insert("/p/Dockerfile".to_owned(), text.as_bytes().to_vec());
    }
    let files = Files::Fixed(files);
    let env = Env::fixed("/p", []);
    let steps =
        Steps { env_files: EnvFiles::Unread, required_variables: false, ..Steps::default() };
    let mut sources = SourceMap::default();
    let (model, _) = compose::load(&Wanted::default(), &[], &steps, &env, &files, &mut sources)
        .unwrap_or_else(|problems| panic!("{compose}: {problems:?}"));
    let gauge = |_: &str, _: Option<&str>| Some(measure.clone());
    let images = read::read(&model, true, &files, "/p", &mut sources, &gauge);
    // Comments are judged by what all rules find.
    let mut levels = Levels::default();
    for other in RULES.iter().filter(|other| other.id == rule.id && other.level == Level::Off) {
        levels.set(other, Level::Warning);
    }
    let found = lint(&model, true, &images, &sources, &levels);
    found
        .iter()
        .filter(|it| it.rule.copied() == Some(rule.id))
        .map(|it| sources.slice(it.span).to_owned())
        .collect()
}

fn heavy() -> Measure {
    let largest = vec![("node_modules".to_owned(), 100_000_000), (".git".to_owned(), 20_000_000)];
    Measure { is_filtered: false, files: 4000, bytes: 120_000_000, is_cut: false, largest }
}

/// In a Compose file.
#[track_caller]
pub(crate) fn compose(rule: &Rule, text: &str) -> Vec<String> {
    flagged(rule, text, None, &heavy())
}

/// In a service with these keys.
#[track_caller]
pub(crate) fn service(rule: &Rule, body: &str) -> Vec<String> {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    compose(rule, &format!("services:\n  s:\n{body}"))
}

/// In a Dockerfile that a service is built from.
#[track_caller]
pub(crate) fn dockerfile(rule: &Rule, text: &str) -> Vec<String> {
    dockerfile_of(rule, text, "build: .")
}

/// In a Dockerfile of a service with these keys.
#[track_caller]
pub(crate) fn dockerfile_of(rule: &Rule, text: &str, body: &str) -> Vec<String> {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    flagged(rule, &format!("services:\n  s:\n{body}"), Some(text), &heavy())
}

/// In a Dockerfile whose context has this size.
#[track_caller]
pub(crate) fn measured(rule: &Rule, text: &str, measure: &Measure) -> Vec<String> {
    flagged(rule, "services: {s: {build: .}}", Some(text), measure)
}

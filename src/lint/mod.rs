//! What experienced reviewers flag in Compose files and in the Dockerfiles they build.
//!
//! One rule is one file of [`rules`], and one row of [`rules::RULES`]: its name, how much it weighs, why,
//! what to do, and an example of each side that the tests try. Rules see the checked model and the
//! Dockerfiles, each value with its place. They prefer silence to a finding that may be wrong.
//!
//! A comment `# rcompose-lint: ignore RULE` in the file turns a rule off at that place ([`silence`]).

mod known;
pub mod manual;
pub mod read;
pub mod rules;
pub mod sarif;
mod secrets;
pub mod silence;
mod subject;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, HashSet};

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::lint::read::Image;
use crate::lint::rules::RULES;
use crate::lint::subject::{Project, Service};
use crate::source::{SourceMap, Span};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is not looked for.
    Off,
    Info,
    Warning,
    Error,
}

impl Level {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// Something that reviewers flag.
#[derive(Debug)]
pub struct Rule {
    /// Its name on the command line and in comments. It stays what it is.
    pub id: &'static str,
    pub level: Level,
    /// What is flagged, as a clause.
    pub summary: &'static str,
    /// Why, in sentences.
    pub reason: &'static str,
    /// What to do, as an imperative clause.
    pub fix: &'static str,
    /// A file with a finding.
    pub bad: Sample,
    /// The same without.
    pub good: Sample,
    check: Check,
}

/// An example file.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    Compose(&'static str),
    Dockerfile(&'static str),
}

/// What a rule looks at.
#[derive(Debug)]
enum Check {
    Service(fn(&Service<'_>, &mut Findings)),
    Image(fn(&Image, &mut Findings)),
    Both(fn(&Service<'_>, &mut Findings), fn(&Image, &mut Findings)),
    /// Nothing: it is found while files are read, or while findings are sorted out.
    Elsewhere,
}

/// Two rules are one if their names are.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A finding before it is known how much it weighs.
#[derive(Debug)]
pub struct Finding {
    rule: &'static Rule,
    span: Span,
    message: String,
    context: Vec<(Span, String)>,
    notes: Vec<String>,
    help: Option<String>,
    /// What it is in, if that begins on another line: an instruction.
    within: Option<Span>,
}

impl Finding {
    pub(crate) fn within(&mut self, span: Span) -> &mut Self {
        self.within = Some(span);
        self
    }

    pub(crate) fn context(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        self.context.push((span, label.into()));
        self
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.notes.push(text.into());
        self
    }

    /// What to do, where the place says more than the rule does.
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }
}

/// Findings as rules make them.
#[derive(Debug)]
pub struct Findings {
    rule: &'static Rule,
    all: Vec<Finding>,
    /// One place breaks a rule once, however many services share it.
    known: HashSet<(&'static str, Span)>,
    /// Where a finding goes that was made before.
    spare: Option<Finding>,
}

impl Findings {
    fn new(rule: &'static Rule) -> Self {
        Self { rule, all: Vec::new(), known: HashSet::new(), spare: None }
    }

    /// The rule whose findings follow.
    fn of(&mut self, rule: &'static Rule) -> &mut Self {
        self.rule = rule;
        self
    }

    /// Adds a finding of the current rule at `span`, to be told more of.
    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) -> &mut Finding {
        let finding = Finding {
            rule: self.rule,
            span,
            message: message.into(),
            context: Vec::new(),
            notes: Vec::new(),
            help: None,
            within: None,
        };
        if self.known.insert((self.rule.id, span)) {
            let at = self.all.len();
            self.all.push(finding);
            &mut self.all[at]
        } else {
            self.spare.insert(finding)
        }
    }
}

/// How much each rule weighs: as it says itself, or as the user does.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    chosen: BTreeMap<&'static str, Level>,
}

impl Levels {
    /// Gives `rule` another weight; what is said last holds.
    pub fn set(&mut self, rule: &'static Rule, level: Level) {
        self.chosen.insert(rule.id, level);
    }

    #[must_use]
    pub fn of(&self, rule: &Rule) -> Level {
        self.chosen.get(rule.id).copied().unwrap_or(rule.level)
    }
}

/// The rule of that name.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// Checks the services that are to run in `model` (those of the `whole` project, also if they are
/// off), and `images`, the Dockerfiles they are built from.
///
/// Findings stand in the order of files and places. The first one of a rule says why; the others are
/// alike.
#[must_use]
pub fn lint(
    model: &Model,
    whole: bool,
    images: &read::Images,
    sources: &SourceMap,
    levels: &Levels,
) -> Diagnostics {
    let project = Project::new(model, whole, sources);
    let mut findings = Findings::new(&rules::UNKNOWN_RULE);
    for rule in RULES.iter().copied().filter(|rule| levels.of(rule) > Level::Off) {
        findings.of(rule);
        if let Check::Service(check) | Check::Both(check, _) = rule.check {
            project.services().for_each(|service| check(&service, &mut findings));
        }
        if let Check::Image(check) | Check::Both(_, check) = rule.check {
            images.all.iter().for_each(|image| check(image, &mut findings));
        }
        for problem in images.problems.iter().filter(|(broken, _)| *broken == rule) {
            let finding = findings.add(problem.1.span, problem.1.message.clone());
            finding.help = problem.1.help.first().cloned();
        }
    }
    let mut silence = silence::Silence::read(sources);
    findings.all.retain(|finding| {
        let within = finding.within.unwrap_or(finding.span);
        !silence.covers(finding.rule, finding.span, within, sources)
    });
    silence.report(levels, whole, &mut findings);
    let mut all = findings.all;
    all.sort_by_key(|finding| finding.span);
    let mut explained = HashSet::new();
    all.into_iter()
        .filter_map(|finding| {
            let severity = levels.of(finding.rule).severity()?;
            Some(diagnostic(finding, severity, &mut explained))
        })
        .collect()
}

fn diagnostic(
    finding: Finding,
    severity: Severity,
    explained: &mut HashSet<&'static str>,
) -> Diagnostic {
    let Finding { rule, span, message, context, notes, help, within: _ } = finding;
    let mut diagnostic = Diagnostic::finding(&rule.id, severity, span, message);
    diagnostic.context = context;
    diagnostic.notes = notes;
    if explained.insert(rule.id) {
        diagnostic = diagnostic.note(rule.reason);
    }
    diagnostic.help(help.unwrap_or_else(|| rule.fix.to_owned()))
}

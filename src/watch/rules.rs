//! The rules of `develop.watch`: read from the model, checked against the files of this machine.
//!
//! All that is wrong with them is told before anything starts.
#![expect(clippy::disallowed_methods, reason = "what is watched are files beside the project")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub use crate::compose::keys::develop::Action;
use crate::compose::keys::develop::Trigger;
use crate::compose::model::Model;
use crate::compose::project;
use crate::context::{IgnoreFile, PatternError, ignore_file};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;
use crate::spec::{BuildContext, BuildSpec, Dockerfile, Hook, NamedContext, SecretSource};
use crate::watch::sieve::{Left, Origin, Sieve};
use crate::yaml::Node;

/// What is done when something at or below a path changes.
#[derive(Debug, Clone)]
pub struct Rule {
    pub service: String,
    /// Absolute.
    pub path: PathBuf,
    pub action: Action,
    /// Where it is in the containers, as the files say; `None` if nothing goes there.
    pub target: Option<String>,
    /// What is run in the containers then.
    pub exec: Option<Hook>,
    /// Whether all is sent when the watch begins.
    pub initial_sync: bool,
    /// Whether what is sent is gone when a container has been stopped.
    pub is_volatile: bool,
    pub sieve: Sieve,
    /// Whether it was a folder when it was read.
    pub is_folder: bool,
    /// Where its target stands.
    pub target_span: Span,
}

impl Rule {
    /// A rule that syncs a folder, without anything else.
    #[cfg(test)]
    pub(crate) fn new(
        service: &str,
        path: PathBuf,
        action: Action,
        target: &str,
        sieve: Sieve,
        target_span: Span,
    ) -> Self {
        Self {
            service: service.to_owned(),
            path,
            action,
            target: Some(target.to_owned()),
            exec: None,
            initial_sync: false,
            is_volatile: false,
            sieve,
            is_folder: true,
            target_span,
        }
    }

    /// A path below the rule's, relative to it: empty for the path itself. `None` if it is not below.
    #[must_use]
    pub fn inner<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.strip_prefix(&self.path).ok()
    }

    /// Where a path of the rule is in the containers, without the slash at its beginning.
    #[must_use]
    pub fn inside(&self, inner: &Path) -> PathBuf {
        let target = self.target.as_deref().unwrap_or("/");
        let target = Path::new(target.trim_start_matches('/'));
        if inner.as_os_str().is_empty() { target.to_owned() } else { target.join(inner) }
    }
}

/// Reads the rules of all services that are to run. `builds` are those of the services that have one.
///
/// # Errors
/// Rules that cannot work, all of them.
pub fn read(
    model: &Model,
    builds: &BTreeMap<&str, &BuildSpec>,
) -> Result<(Vec<Rule>, Diagnostics), Diagnostics> {
    let mut rules = Vec::new();
    let mut problems = Diagnostics::default();
    let mut warnings = Diagnostics::default();
    for (name, entry) in &model.services {
        let triggers = match project::triggers(&entry.node) {
            Ok(triggers) => triggers,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        if triggers.is_empty() {
            continue;
        }
        let build = builds.get(name.as_str()).copied();
        let ignored = match build.map(ignored).transpose() {
            Ok(ignored) => ignored.flatten(),
            Err(message) => {
                problems.push(Diagnostic::error(model.span(&["services", name, "build"]), message));
                continue;
            }
        };
        let service = Watched { name, node: &entry.node, build, ignored: ignored.as_ref() };
        for (trigger, node) in triggers {
            match service.rule(&trigger, node) {
                Ok(rule) if service.is_bound(&rule) => {
                    let span = place(node, "path");
                    let message = format!(
                        "service `{name}`: `{}` is mounted into its containers already: changes need no `{}`",
                        rule.path.display(),
                        rule.action
                    );
                    warnings.push(Diagnostic::warning(span, message));
                    // Commands have to be told all the same.
                    if rule.action == Action::SyncExec {
                        rules.push(Rule { target: None, ..rule });
                    }
                }
                Ok(rule) => rules.push(rule),
                Err(problem) => problems.push(*problem),
            }
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok((rules, warnings)) }
}

/// A service that has rules.
struct Watched<'a> {
    name: &'a str,
    node: &'a Node,
    build: Option<&'a BuildSpec>,
    ignored: Option<&'a (PathBuf, IgnoreFile)>,
}

impl Watched<'_> {
    fn rule(&self, trigger: &Trigger, node: &Node) -> Result<Rule, Box<Diagnostic>> {
        let problem = |key: &str, message: String| {
            let message = format!("service `{}`: {message}", self.name);
            Box::new(Diagnostic::error(place(node, key), message))
        };
        let Some(action) = Action::of_word(&trigger.action) else {
            return Err(problem("action", format!("`{}` is no action", trigger.action)));
        };
        let path = PathBuf::from(&trigger.path);
        let is_folder = match fs::metadata(&path) {
            Ok(there) => there.is_dir(),
            Err(error) => {
                let message = format!("`{}` cannot be watched: {error}", path.display());
                return Err(problem("path", message));
            }
        };
        if action == Action::Rebuild {
            let Some(build) = self.build else {
                let message = "`rebuild` needs a `build`: there is nothing to make its image from";
                return Err(problem("action", message.to_owned()));
            };
            if !is_read(&path, build) {
                let message = format!(
                    "no build of this service reads `{}`, so that a rebuild would change nothing",
                    path.display()
                );
                let mut problem = problem("path", message);
                let help = "watch a path of its context, or make it one of `additional_contexts`";
                *problem = problem.help(help);
                return Err(problem);
            }
        }
        let exec = trigger.exec.as_ref().map(|hook| hook.spec(false));
        if action == Action::SyncExec && exec.as_ref().is_none_or(|hook| hook.command.is_empty()) {
            return Err(problem("action", "`sync+exec` needs an `exec` with a command".to_owned()));
        }
        let mut sieve = Sieve::new();
        if let Some((context, file)) = self.ignored {
            sieve.ignore_file(file.path.clone(), context, &path, &file.patterns);
        }
        let bad = |key: &'static str| {
            move |error: PatternError| {
                let item = node.get(key).and_then(|list| list.items().nth(error.line - 1));
                let span = item.map_or(node.span, |item| item.span);
                let message =
                    format!("service `{}`: `{}` is not a valid pattern", self.name, error.text);
                Box::new(Diagnostic::error(span, message))
            }
        };
        sieve.ignore(&path, &trigger.ignore).map_err(bad("ignore"))?;
        sieve.include(&path, &trigger.include).map_err(bad("include"))?;
        let target = trigger.target.clone().filter(|_| action.syncs());
        let is_volatile =
            target.as_deref().is_some_and(|target| self.loses(&crate::archive::clean(target)));
        Ok(Rule {
            service: self.name.to_owned(),
            path,
            action,
            target,
            exec: exec.filter(|_| action == Action::SyncExec),
            initial_sync: trigger.initial_sync && action.syncs(),
            is_volatile,
            sieve,
            is_folder,
            target_span: place(node, "target"),
        })
    }

    /// Whether what is to be sent is mounted from this machine.
    fn is_bound(&self, rule: &Rule) -> bool {
        rule.action.syncs()
            && self.mounts("bind").any(|mount| {
                mount.str_of("source").is_some_and(|source| rule.path.starts_with(source))
            })
    }

    /// Whether a path of its containers is in memory only.
    fn loses(&self, target: &Path) -> bool {
        let short = self.node.get("tmpfs").into_iter().flat_map(Node::items);
        let short = short.filter_map(Node::as_str).map(|text| text.split(':').next().unwrap_or(""));
        let long = self.mounts("tmpfs").filter_map(|mount| mount.str_of("target"));
        short.chain(long).any(|mount| target.starts_with(mount))
    }

    fn mounts(&self, kind: &'static str) -> impl Iterator<Item = &Node> {
        let volumes = self.node.get("volumes").into_iter().flat_map(Node::items);
        volumes.filter(move |mount| mount.str_of("type") == Some(kind))
    }
}

/// Where a key of a rule stands, or the rule.
fn place(node: &Node, key: &str) -> Span {
    node.get(key).map_or(node.span, |node| node.span)
}

/// The ignore file of a build, with the folder that it is for.
fn ignored(build: &BuildSpec) -> Result<Option<(PathBuf, IgnoreFile)>, String> {
    let BuildContext::Folder(context) = &build.context else {
        return Ok(None);
    };
    let context = Path::new(context);
    let dockerfile = match &build.dockerfile {
        Dockerfile::Path(path) => Some(Path::new(path)),
        Dockerfile::Inline(_) => None,
    };
    let file = ignore_file(context, dockerfile).map_err(|error| error.to_string())?;
    // Paths of rules have no links in them either.
    let context = fs::canonicalize(context).unwrap_or_else(|_| context.to_owned());
    Ok(file.map(|file| (context, file)))
}

/// Whether a build may read something of a path.
fn is_read(path: &Path, build: &BuildSpec) -> bool {
    let touches = |other: &Path| {
        let real = fs::canonicalize(other).unwrap_or_else(|_| other.to_owned());
        [other, &real].iter().any(|it| path.starts_with(it) || it.starts_with(path))
    };
    let is_in_context = match &build.context {
        BuildContext::Folder(folder) => touches(Path::new(folder)),
        // Nobody knows.
        BuildContext::Remote(_) => true,
    };
    let contexts = build.contexts.values().any(|context| match context {
        NamedContext::Folder(folder) => touches(Path::new(folder)),
        // The other's files are read for its image, which is made anew as well.
        NamedContext::Service { .. } => true,
        NamedContext::Remote(_) => false,
    });
    let secrets = build.secrets.iter().any(|secret| match &secret.source {
        SecretSource::File(file) => touches(Path::new(file)),
        SecretSource::Variable { .. } | SecretSource::Elsewhere => false,
    });
    let dockerfile = build.dockerfile_path();
    is_in_context || contexts || secrets || dockerfile.is_some_and(|it| touches(Path::new(&it)))
}

/// What is told of a path that somebody asks about, one line for each rule.
#[must_use]
pub fn explain(rules: &[Rule], path: &Path, shown: &dyn Fn(&Path) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for rule in rules {
        let Some(inner) = rule.inner(path) else { continue };
        let head = format!("{}  {} {}", rule.service, rule.action, shown(&rule.path));
        let why = match rule.sieve.leaves_out(inner.as_os_str().as_bytes()) {
            None => match &rule.target {
                Some(_) => format!("taken, as /{}", rule.inside(inner).display()),
                None => "taken".to_owned(),
            },
            Some(Left::NotIncluded) => "left out: no pattern of `include` matches".to_owned(),
            Some(Left::Ignored { origin, line, pattern }) => {
                let place = match origin {
                    Origin::File(file) => format!("line {line} of {}", shown(file)),
                    Origin::Rule => "`ignore` of the rule".to_owned(),
                    Origin::Passing => "what editors leave lying about".to_owned(),
                    Origin::Git => "repositories of Git".to_owned(),
                };
                format!("left out by `{pattern}`, {place}")
            }
        };
        lines.push(format!("{head}  {why}"));
    }
    lines
}

//! The Compose language: from files to a checked model. Pure, but for [`files`].
//!
//! The phases follow `model.md` of the project's reference. Where Docker Compose merges what is
//! written and then makes it canonical, short forms are written long here first, document by
//! document, and defaults wait until all files are merged; the recorded answers of the peer show
//! that the result is the same.

pub mod adjust;
mod canonical;
mod check;
mod defaults;
pub mod discover;
pub mod dotenv;
mod envfile;
mod extends;
pub mod files;
pub mod graph;
mod include;
mod interpolate;
pub mod keys;
mod loader;
mod merge;
pub mod model;
mod normalize;
pub mod paths;
pub mod print;
pub mod project;
mod report;
pub mod schema;
mod select;
mod settle;
pub mod template;
pub mod units;
mod validate;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::compose::discover::{Found, Reader, Wanted};
use crate::compose::files::Files;
use crate::compose::loader::{DOCUMENT, File, Loader, Scope};
use crate::compose::model::Model;
use crate::compose::report::{Path, Report};
pub use crate::compose::select::profiles_of;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::env::Env;
use crate::source::{SourceMap, Span};
use crate::yaml::Node;

/// Which steps of loading are taken.
#[derive(Debug, Clone)]
pub struct Steps {
    pub interpolate: bool,
    pub normalize: bool,
    pub resolve_paths: bool,
    pub consistency: bool,
    pub env_files: EnvFiles,
    /// With the services that are asked for, take those they depend on.
    pub dependencies: bool,
    /// Keep networks, volumes and the like that no service uses.
    pub all_resources: bool,
    /// Whether a variable that must have a value is an error without one. If not, the value is
    /// [`interpolate::STAND_IN`], so that the rest can be looked at.
    pub required_variables: bool,
}

/// Whose `env_file` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvFiles {
    /// Of every enabled service, also if it is not selected then.
    Enabled,
    /// Of the services that are left after selection.
    Selected,
    /// Of none: the key stays.
    Unread,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            interpolate: true,
            normalize: true,
            resolve_paths: true,
            consistency: true,
            env_files: EnvFiles::Selected,
            dependencies: true,
            all_resources: false,
            required_variables: true,
        }
    }
}

/// Loads the project that `wanted` describes, narrowed to `services` unless that is empty.
///
/// The second part of the result are warnings.
///
/// # Errors
/// All problems that do not follow from each other, and the warnings.
pub fn load(
    wanted: &Wanted,
    services: &[String],
    steps: &Steps,
    env: &Env,
    files: &Files,
    sources: &mut SourceMap,
) -> Result<(Model, Diagnostics), Diagnostics> {
    let mut loader = Loader::new(steps, env, files, sources);
    let model = loader.project(wanted, env).and_then(|(root, project)| {
        let root = loader.complete(root, &project);
        loader.select(root, project, services)
    });
    loader.finish(model)
}

/// Loads a project as written, for `--no-interpolate`: merged and normalised, but with its variables,
/// and with values that are not canonical.
///
/// # Errors
/// As [`load`].
pub fn load_raw(
    wanted: &Wanted,
    steps: &Steps,
    env: &Env,
    files: &Files,
    sources: &mut SourceMap,
) -> Result<(Node, Diagnostics), Diagnostics> {
    let steps = Steps { interpolate: false, ..steps.clone() };
    let mut loader = Loader::new(&steps, env, files, sources);
    let root = loader.project(wanted, env).map(|(mut root, project)| {
        if steps.normalize {
            normalize::normalize(&mut root, &project.name, &project.env);
            root.set("name", Span::NOWHERE, Node::text(Span::NOWHERE, &*project.name));
        }
        root
    });
    loader.finish(root)
}

/// What is known of a project besides its tree.
#[derive(Debug)]
struct Project {
    name: String,
    folder: String,
    files: Vec<String>,
    env_files: Vec<String>,
    env: BTreeMap<String, String>,
    profiles: Vec<String>,
}

impl<'a> Loader<'a> {
    fn new(steps: &'a Steps, env: &Env, files: &'a Files, sources: &'a mut SourceMap) -> Self {
        let cwd = paths::clean(&env.working_directory().to_string_lossy());
        Loader {
            reader: Reader { files, sources, cwd },
            report: Report::default(),
            steps,
            unset: BTreeSet::new(),
            incomplete: false,
            spread_left: Some(canonical::MOST_SPREAD),
        }
    }

    /// Finds, reads and merges the files of a project.
    fn project(&mut self, wanted: &Wanted, process: &Env) -> Option<(Node, Project)> {
        let found = discover::find(wanted, process, &mut self.reader, &mut self.report)?;
        let read: Vec<Option<File>> =
            found.files.iter().map(|path| self.file(path, None)).collect();
        // A file that cannot be read makes all that the others say of it look wrong.
        let read: Vec<File> = read.into_iter().collect::<Option<_>>()?;
        let documents = || read.iter().flat_map(|file| &file.documents);
        let mut name = self.name(wanted, &found, documents())?;
        let is_named = wanted.project_name.as_ref().is_some_and(|name| !name.is_empty())
            || process.non_empty("COMPOSE_PROJECT_NAME").is_some();
        if let Some(suffix) = wanted.suffix.as_ref().filter(|_| !is_named) {
            name = format!("{name}-{suffix}");
        }
        let mut env = found.env;
        env.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
        let mut scope = Scope {
            env,
            folder: found.folder.clone(),
            base: found.folder.clone(),
            including: Vec::new(),
            extended: HashMap::new(),
            unextendable: HashSet::new(),
        };
        let start = read.last().map_or(Span::NOWHERE, |file| file.start);
        let root = self.model(read, &mut scope);
        if self.incomplete {
            return None;
        }
        if root.as_map().is_some_and(indexmap::IndexMap::is_empty) && !self.report.has_errors() {
            self.error(&Path::Root, Diagnostic::error(start, "empty compose file"));
            return None;
        }
        let project = Project {
            name,
            folder: found.folder,
            files: found.files,
            env_files: found.env_files,
            env: scope.env,
            profiles: found.profiles,
        };
        Some((root, project))
    }

    /// The name of the project: the flag, the environment, the files, the folder.
    fn name<'n>(
        &mut self,
        wanted: &Wanted,
        found: &Found,
        documents: impl Iterator<Item = &'n Node>,
    ) -> Option<String> {
        let from_env = found.env.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        let flag = wanted.project_name.as_ref().filter(|name| !name.is_empty());
        if let Some(name) = flag.or(from_env) {
            if *name == discover::normalize_name(name) {
                return Some(name.clone());
            }
            let message = format!(
                "invalid project name `{name}`: it must consist only of lowercase letters, digits, hyphens \
                 and underscores, and begin with a letter or digit"
            );
            let normal = discover::normalize_name(name);
            let help = (!normal.is_empty()).then(|| format!("use `{normal}`"));
            self.error(&Path::Root, Diagnostic::error(Span::NOWHERE, message).help_opt(help));
            return None;
        }
        let written = documents
            .filter_map(|document| document.get("name"))
            .filter(|name| name.as_str().is_some_and(|name| !name.is_empty()))
            .last();
        let name = match written {
            Some(node) => {
                let mut node = node.clone();
                if self.steps.interpolate {
                    let env = &found.env;
                    interpolate::interpolate(
                        &mut node,
                        &schema::Shape::Any,
                        &|name| env.get(name).cloned(),
                        self.reader.sources,
                        self.steps.required_variables,
                        &mut self.unset,
                        &mut self.report,
                    );
                }
                discover::normalize_name(node.as_str().unwrap_or(""))
            }
            None => self.name_of_folder(&found.named_after),
        };
        if name.is_empty() {
            let at = written.map_or(Span::NOWHERE, |node| node.span);
            self.error(
                &Path::Root,
                Diagnostic::error(at, "project name must not be empty")
                    .help("set `name` at the top level, or pass `-p NAME`"),
            );
            return None;
        }
        Some(name)
    }

    fn name_of_folder(&mut self, folder: &str) -> String {
        let name = paths::file_name(folder);
        if let Some(real) = self.reader.files.real_name(folder)
            && real != name
        {
            let message =
                format!("the project is named `{name}` after a symbolic link to `{real}`");
            self.report.push(&Path::Root, Diagnostic::warning(Span::NOWHERE, message));
        }
        discover::normalize_name(name)
    }

    /// Makes a merged tree canonical.
    fn complete(&mut self, mut root: Node, project: &Project) -> Node {
        self.drop_broken(&mut root);
        if self.steps.normalize {
            normalize::normalize(&mut root, &project.name, &project.env);
        }
        root.set("name", Span::NOWHERE, Node::text(Span::NOWHERE, &*project.name));
        settle::settle(&mut root, &DOCUMENT, &Path::Root, &mut self.report);
        self.drop_broken(&mut root);
        root
    }

    /// Takes out what has a problem already, so that the rest can still be looked at.
    fn drop_broken(&self, root: &mut Node) {
        if !self.report.has_errors() {
            return;
        }
        for section in keys::SECTIONS {
            if let Some(map) = root.get_mut(section).and_then(Node::as_map_mut) {
                map.retain(|name, _| !self.report.is_broken(section, name));
            }
        }
    }

    fn finish<T>(self, result: Option<T>) -> Result<(T, Diagnostics), Diagnostics> {
        let mut diagnostics = self.report.diagnostics;
        diagnostics.sort();
        match result {
            Some(value) if !diagnostics.has_errors() => Ok((value, diagnostics)),
            _ => Err(diagnostics),
        }
    }
}

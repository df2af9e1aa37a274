//! Lock files and what they must have: for `lock`, and for commands that take `--locked`.

use std::collections::BTreeMap;

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::compose::files::{Files, Kind};
use crate::compose::model::Model;
use crate::compose::paths;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::dockerfile::Dockerfile as Parsed;
use crate::lock::{FILE_NAME, Lock};
use crate::reference::Reference;
use crate::source::{Origin, Span};
use crate::spec::{BuildContext, BuildSpec, Dockerfile};
use crate::state::desired::Desired;
use crate::state::pins;

/// References with their places.
pub(super) type Places = Vec<(Reference, Span)>;

/// The images that a project takes from registries.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Those that the Compose files name.
    pub images: Places,
    /// Those that builds take, by service.
    pub builds: BTreeMap<String, Places>,
    /// The texts of their Dockerfiles.
    texts: BTreeMap<String, String>,
    /// What cannot be locked, as errors.
    pub problems: Diagnostics,
}

impl Needs {
    pub(super) fn all(&self) -> impl Iterator<Item = &(Reference, Span)> {
        self.images.iter().chain(self.builds.values().flatten())
    }

    /// Looks into the files of a project, and the Dockerfiles of what is built.
    pub(super) fn of(model: &Model, desired: &Desired, context: &mut Context) -> Self {
        let mut needs = Self::default();
        for service in &desired.services {
            let (found, problems) = pins::references(&pins::of_service(model, &service.name));
            needs.images.extend(found);
            needs.problems.extend(problems);
        }
        let own = desired.services.iter().filter_map(|service| {
            let build = service.build.as_ref()?;
            Some((&service.name, build, service.build_span))
        });
        let inputs = desired.inputs.iter().map(|input| (&input.name, &input.build, input.span));
        for (service, build, at) in own.chain(inputs) {
            let taken = taken_by_build(service, build, at, model, &mut needs.texts, context);
            let (found, problems) = taken.unwrap_or_else(|problem| (Vec::new(), problem.into()));
            needs.builds.insert(service.clone(), found);
            needs.problems.extend(problems);
        }
        needs
    }
}

fn taken_by_build(
    service: &str,
    build: &BuildSpec,
    at: Span,
    model: &Model,
    texts: &mut BTreeMap<String, String>,
    context: &mut Context,
) -> Result<(Places, Diagnostics), Diagnostic> {
    let place = |key| model.span(&["services", service, "build", key]);
    let (parsed, problems) = match &build.dockerfile {
        Dockerfile::Inline(text) => {
            let at = place("dockerfile_inline");
            texts.insert(service.to_owned(), text.clone());
            Parsed::parse(text, &|_| at)
        }
        Dockerfile::Path(path) => {
            let path = match (&build.context, path.starts_with('/')) {
                (_, true) => path.clone(),
                (BuildContext::Folder(folder), false) => paths::join(folder, path),
                (BuildContext::Remote(address), false) => {
                    let message = format!("what is built from `{address}` cannot be locked");
                    return Err(Diagnostic::error(at, message).help("build it from a local folder"));
                }
            };
            let text = Files::Disk.read_text(&path);
            let text = text.map_err(|why| Diagnostic::error(place("dockerfile"), why))?;
            texts.insert(service.to_owned(), text.clone());
            let shown = context.shown(&path);
            let origin = Origin { how: "built", at };
            let file = context.sources.add(shown, text.clone(), Some(origin));
            Parsed::parse(&text, &|range| Span::new(file, range))
        }
    };
    if problems.has_errors() {
        return Ok((Vec::new(), problems));
    }
    let (taken, mut problems) = pins::of_build(&parsed, build, at);
    let (found, others) = pins::references(&taken);
    problems.extend(others);
    Ok((found, problems))
}

/// Where the lock file of a project is: beside its first Compose file.
pub(super) fn path(model: &Model) -> String {
    let first = model.files.iter().find(|file| *file != "-");
    let folder = first.map_or_else(|| model.folder.clone(), |file| paths::parent(file));
    paths::join(&folder, FILE_NAME)
}

/// Reads the lock file of a project; `None` if there is none.
///
/// # Errors
/// A file that cannot be read, or is none.
pub(super) fn read(path: &str, context: &mut Context) -> Result<Option<Lock>, Error> {
    if Files::Disk.kind(path) == Kind::Missing {
        return Ok(None);
    }
    let text = Files::Disk.read_text(path);
    let text = text.map_err(|why| Error::Project(Diagnostic::error(Span::NOWHERE, why).into()))?;
    let file = context.sources.add(context.shown(path), text.clone(), None);
    Lock::parse(file, &text).map(Some).map_err(Error::Project)
}

/// References that a lock does not have, as errors.
pub(super) fn missing<'a>(
    needs: impl Iterator<Item = &'a (Reference, Span)>,
    lock: &Lock,
) -> Diagnostics {
    let mut seen = std::collections::BTreeSet::new();
    let mut problems = Diagnostics::default();
    for (reference, at) in needs {
        if lock.digest(reference).is_none() && seen.insert(reference) {
            let message = format!("`{reference}` is not in the lock file");
            problems.push(Diagnostic::error(*at, message).help("run `rcompose lock`"));
        }
    }
    problems
}

/// Holds a project to its lock: `--locked`.
#[derive(Debug)]
pub(super) struct Held {
    lock: Lock,
    /// What builds take, and the texts of their Dockerfiles, by service.
    builds: BTreeMap<String, (Places, Option<String>)>,
}

impl Held {
    /// Reads the lock of a project, which must have all that is needed.
    ///
    /// # Errors
    /// A lock that is not there, or lacks something; what cannot be locked.
    pub(super) fn new(
        model: &Model,
        desired: &Desired,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let path = path(model);
        let Some(lock) = read(&path, context)? else {
            let message = format!("there is no lock file `{}`", context.shown(&path));
            let problem = Diagnostic::error(Span::NOWHERE, message);
            return Err(Error::Project(problem.help("make it with `rcompose lock`").into()));
        };
        let mut needs = Needs::of(model, desired, context);
        let mut problems = std::mem::take(&mut needs.problems);
        problems.extend(missing(needs.all(), &lock));
        if problems.has_errors() {
            problems.sort();
            return Err(Error::Project(problems));
        }
        let Needs { builds, mut texts, .. } = needs;
        let builds = builds.into_iter().map(|(name, taken)| {
            let text = texts.remove(&name);
            (name, (taken, text))
        });
        Ok(Self { builds: builds.collect(), lock })
    }

    /// Pins what is wanted.
    pub(super) fn pin(&self, desired: &mut Desired) {
        desired.pin(&self.lock);
        for build in desired.builds_mut() {
            if let Some((taken, text)) = self.builds.get(&build.service) {
                pins::pin_build(build, taken, text.as_deref(), &self.lock);
            }
        }
    }
}

/// Problems as warnings: for those who can do without.
pub(super) fn as_warnings(problems: Diagnostics) -> Diagnostics {
    problems
        .into_iter()
        .map(|problem| Diagnostic { severity: Severity::Warning, ..problem })
        .collect()
}

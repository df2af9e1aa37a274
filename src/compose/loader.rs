//! From files to one tree: the phases that repeat for every file, document and included part.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::compose::discover::{Content, Reader};
use crate::compose::keys::ROOT;
use crate::compose::merge::Marks;
use crate::compose::paths::Base;
use crate::compose::report::{Path, Report};
use crate::compose::schema::Shape;
use crate::compose::{Steps, canonical, check, defaults, interpolate, merge, normalize, paths};
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Origin, Span};
use crate::yaml::node::Mark;
use crate::yaml::{Node, parse};

pub(super) static DOCUMENT: Shape = Shape::Record(&ROOT);

/// Everything the loading of one project shares.
pub(super) struct Loader<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) report: Report,
    pub(super) steps: &'a Steps,
    /// Variables that were warned of already.
    pub(super) unset: BTreeSet<String>,
    /// A file could not be read: what other files say of its content means nothing.
    pub(super) incomplete: bool,
    /// How many more items short forms may stand for; `None` once that was too many.
    pub(super) spread_left: Option<usize>,
}

/// The surroundings of a file: those of the project, or those of an included part.
pub(super) struct Scope {
    /// Variables for interpolation.
    pub(super) env: BTreeMap<String, String>,
    /// The absolute folder that `extends.file` and `include` are relative to.
    pub(super) folder: String,
    /// What relative paths in the model are joined to; relative itself in an included part.
    pub(super) base: String,
    /// Absolute paths of the files whose inclusion led here.
    pub(super) including: Vec<(String, Span)>,
    /// Extended files that were read already, as canonical documents.
    pub(super) extended: HashMap<String, Option<Rc<Node>>>,
    /// Services, by file and name, that extend in vain: others need not try again.
    pub(super) unextendable: HashSet<(String, String)>,
}

/// A file of which all documents were read.
pub(super) struct File {
    /// Absolute, or `-`.
    pub(super) path: String,
    pub(super) start: Span,
    pub(super) documents: Vec<Node>,
}

impl Loader<'_> {
    pub(super) fn error(&mut self, path: &Path<'_>, diagnostic: Diagnostic) {
        self.report.push(path, diagnostic);
    }

    /// Reads and parses a file; `None` if that fails, which is reported.
    pub(super) fn file(&mut self, path: &str, origin: Option<Origin>) -> Option<File> {
        let id = self.reader.read(path, Content::Compose, origin, &mut self.report);
        let documents = id.and_then(|id| self.documents(id));
        if let (Some(id), Some(documents)) = (id, documents) {
            Some(File { path: path.to_owned(), start: Span::new(id, 0..0), documents })
        } else {
            self.incomplete = true;
            None
        }
    }

    fn documents(&mut self, id: FileId) -> Option<Vec<Node>> {
        let result = parse::parse(id, self.reader.sources.text(id));
        match result {
            Ok(documents) => {
                let mut all_mappings = true;
                for document in &documents {
                    if document.as_map().is_none() {
                        all_mappings = false;
                        let kind = document.kind();
                        let message = format!(
                            "the top level of a Compose file must be a mapping, not {kind}"
                        );
                        self.report.push(&Path::Root, Diagnostic::error(document.span, message));
                    }
                }
                all_mappings.then_some(documents)
            }
            Err(problems) => {
                for problem in problems {
                    self.report.push(&Path::Root, problem);
                }
                None
            }
        }
    }

    /// Lays files over each other and completes what they say.
    pub(super) fn model(&mut self, files: Vec<File>, scope: &mut Scope) -> Node {
        let mut root = Node::empty_map(Span::NOWHERE);
        for file in files {
            let path = file.path;
            for document in file.documents {
                root = self.add(root, document, &path, scope);
            }
        }
        defaults::fill_and_check(&mut root, &DOCUMENT, &Path::Root, &mut self.report);
        if self.steps.resolve_paths || !scope.including.is_empty() {
            self.resolve_paths(&mut root, &scope.base, scope);
        }
        normalize::resolve_listed_environment(&mut root, &scope.env);
        root
    }

    pub(super) fn resolve_paths(&mut self, root: &mut Node, folder: &str, scope: &Scope) {
        let home = scope.env.get("HOME").map(String::as_str);
        let base = Base { folder, home, files: self.reader.files };
        paths::resolve(root, &DOCUMENT, &base, &Path::Root, &mut self.report);
    }

    /// A document with variables filled in and short forms written long.
    pub(super) fn canonical(&mut self, mut document: Node, scope: &Scope) -> Node {
        let env = &scope.env;
        if self.steps.interpolate {
            interpolate::interpolate(
                &mut document,
                &DOCUMENT,
                &|name| env.get(name).cloned(),
                self.reader.sources,
                self.steps.required_variables,
                &mut self.unset,
                &mut self.report,
            );
        }
        let lenient = !self.steps.interpolate;
        let left = &mut self.spread_left;
        canonical::expand(&mut document, &DOCUMENT, lenient, &Path::Root, left, &mut self.report);
        document
    }

    /// Adds one document of the file `path` to the model so far.
    fn add(&mut self, root: Node, document: Node, path: &str, scope: &mut Scope) -> Node {
        let mut document = self.canonical(document, scope);
        if let Some(services) = document.get("services")
            && services.as_map().is_none()
            && services.mark != Mark::Reset
        {
            let message = format!("`services` must be a mapping, not {}", services.kind());
            let span = document.as_map().map_or(services.span, |map| map["services"].key);
            self.report.push(&Path::Root, Diagnostic::error(span, message));
            document.remove("services");
        }
        self.apply_extends(&mut document, path, scope);
        self.apply_include(&mut document, path, scope);
        if let Some(version) = document.remove("version") {
            let at = version.key;
            if version.node.as_str().is_none() {
                let message = format!("`version` must be text, not {}", version.node.kind());
                self.report.push(
                    &Path::Root,
                    Diagnostic::error(version.node.span, message).help("remove it: it is ignored"),
                );
            } else {
                self.report.push(
                    &Path::Root,
                    Diagnostic::warning(at, "`version` is obsolete and ignored; remove it"),
                );
            }
        }
        let mut root =
            merge::merge(root, document, &DOCUMENT, Marks::Spent, &Path::Root, &mut self.report);
        merge::unique(&mut root, &DOCUMENT);
        if self.steps.interpolate {
            check::check(&root, &DOCUMENT, &Path::Root, &mut self.report);
        }
        root
    }
}

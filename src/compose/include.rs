//! `include`: other projects whose resources become part of this one.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::compose::files::Kind;
use crate::compose::keys::SECTIONS;
use crate::compose::loader::{Loader, Scope};
use crate::compose::paths;
use crate::compose::report::Path;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::{Origin, Span};
use crate::yaml::node::Mark;
use crate::yaml::{Entry, Node};

const KEYS: [&str; 3] = ["path", "project_directory", "env_file"];

/// Levels of files that include files: each takes its part of the stack.
const DEEPEST: usize = 100;

impl Loader<'_> {
    /// Loads what `document` includes, adds its resources, and drops the key.
    pub(super) fn apply_include(&mut self, document: &mut Node, file: &str, scope: &Scope) {
        let Some(include) = document.remove("include") else {
            return;
        };
        if include.node.is_null() {
            return;
        }
        let Some(entries) = include.node.as_list() else {
            let message = format!("`include` must be a list, not {}", include.node.kind());
            self.error(&Path::Root, Diagnostic::error(include.node.span, message));
            return;
        };
        for entry in entries {
            if let Some(included) = self.included(entry, file, scope) {
                self.import(included, document, entry.span);
            }
        }
    }

    /// The model of one entry of `include`.
    fn included(&mut self, entry: &Node, file: &str, scope: &Scope) -> Option<Node> {
        let files = match entry.as_map() {
            None => self.texts(entry, "an entry of `include`")?,
            Some(map) => {
                for (name, unknown) in map.iter().filter(|(name, _)| !KEYS.contains(&name.as_str()))
                {
                    let message = format!("`{name}` in `include` is ignored");
                    self.report.push(
                        &Path::Root,
                        Diagnostic::warning(unknown.key, message).help_opt(
                            nearest(name, KEYS).map(|it| format!("did you mean `{it}`?")),
                        ),
                    );
                }
                match entry.get("path") {
                    Some(path) => self.texts(path, "`include.path`")?,
                    None => Vec::new(),
                }
            }
        };
        let Some((_, first_span)) = files.first() else {
            self.error(
                &Path::Root,
                Diagnostic::error(entry.span, "an entry of `include` needs a `path`"),
            );
            return None;
        };
        let first_span = *first_span;
        let mut local = Vec::new();
        for (path, span) in files {
            let Some(path) = self.reader.local(&path, span, &mut self.report) else {
                self.incomplete = true;
                return None;
            };
            local.push((path, span));
        }
        let files = local;
        let below = |path: &str| {
            if path.starts_with('/') {
                paths::clean(path)
            } else {
                paths::join(&scope.folder, path)
            }
        };
        let main = below(&files[0].0);
        let chain: Vec<(String, Span)> =
            scope.including.iter().cloned().chain([(file.to_owned(), first_span)]).collect();
        if let Some(start) = chain.iter().position(|(including, _)| *including == main) {
            let shown = self.reader.shown(&main);
            let mut problem = Diagnostic::error(first_span, format!("`{shown}` includes itself"));
            for (_, span) in chain[start..chain.len() - 1].iter().take(10) {
                problem = problem.context(*span, "included here");
            }
            self.error(&Path::Root, problem);
            self.incomplete = true;
            return None;
        }
        if chain.len() > DEEPEST {
            let message = format!("files are included more than {DEEPEST} levels deep");
            self.error(&Path::Root, Diagnostic::error(first_span, message));
            self.incomplete = true;
            return None;
        }
        let folder = match entry.str_of("project_directory").filter(|folder| !folder.is_empty()) {
            Some(folder) => below(folder),
            None => paths::parent(&main),
        };
        let base = match entry.str_of("project_directory") {
            Some(folder) if folder.starts_with('/') => folder.to_owned(),
            _ => paths::relative(&scope.folder, &folder),
        };
        let env = self.included_environment(entry, &folder, scope)?;
        let mut read = Vec::new();
        for (path, span) in &files {
            let origin = Origin { how: "included", at: *span };
            read.push(self.file(&below(path), Some(origin))?);
        }
        let mut inner = Scope {
            env,
            folder,
            base,
            including: chain,
            extended: HashMap::new(),
            unextendable: HashSet::new(),
        };
        Some(self.model(read, &mut inner))
    }

    /// One text or several, with their places.
    fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<(String, Span)>> {
        let one = std::slice::from_ref(node);
        let items = node.as_list().unwrap_or(one);
        let texts: Option<Vec<_>> = items
            .iter()
            .map(|item| item.as_str().map(|text| (text.to_owned(), item.span)))
            .collect();
        if texts.is_none() {
            let message = format!("{what} must be text, not {}", node.kind());
            self.error(&Path::Root, Diagnostic::error(node.span, message));
        }
        texts
    }

    /// What the included files see: all we see, then their own env files below that.
    fn included_environment(
        &mut self,
        entry: &Node,
        folder: &str,
        scope: &Scope,
    ) -> Option<BTreeMap<String, String>> {
        let named = match entry.get("env_file").filter(|node| !node.is_null()) {
            Some(node) => self.texts(node, "`include.env_file`")?,
            None => Vec::new(),
        };
        let default = paths::join(folder, ".env");
        let files: Vec<(String, Option<Origin>)> = if !named.is_empty() {
            let below = |path: &str| {
                if path.starts_with('/') {
                    path.to_owned()
                } else {
                    paths::join(&scope.folder, path)
                }
            };
            let origin = |at| Origin { how: "named as env_file", at };
            named.iter().map(|(path, span)| (below(path), Some(origin(*span)))).collect()
        } else if self.reader.files.kind(&default) == Kind::File {
            vec![(default, Some(Origin { how: "read for what is included", at: entry.span }))]
        } else {
            Vec::new()
        };
        let own = self.reader.variables(&files, &scope.env, &mut self.report);
        let mut env = scope.env.clone();
        for (name, value) in own {
            env.entry(name).or_insert(value);
        }
        Some(env)
    }

    /// Adds the resources of `included` to `document`; what both have must be equal.
    fn import(&mut self, mut included: Node, document: &mut Node, at: Span) {
        for section in SECTIONS {
            let Some(from) = included.remove(section) else {
                continue;
            };
            let Some(resources) = from.node.as_map().cloned() else {
                continue;
            };
            if document.get(section).and_then(Node::as_map).is_none() {
                document.set(section, from.key, Node::empty_map(from.node.span));
            }
            let Some(into) = document.get_mut(section).and_then(Node::as_map_mut) else {
                continue;
            };
            let mut conflicts: Vec<(String, Entry, Span)> = Vec::new();
            for (name, entry) in resources {
                match into.get_mut(&name) {
                    None => {
                        into.insert(name, entry);
                    }
                    Some(own) if own.node.mark == Mark::Reset => {
                        own.node = Node { mark: Mark::Override, ..entry.node };
                    }
                    Some(own) if own.node == entry.node => {}
                    Some(own) => conflicts.push((name, entry, own.key)),
                }
            }
            let root = Path::Root;
            let path = root.key(section);
            for (name, entry, own) in conflicts {
                self.error(
                    &path.key(&name),
                    Diagnostic::error(
                        entry.key,
                        format!("`{section}.{name}` is included, but there is one already"),
                    )
                    .context(own, "the other stands here")
                    .context(at, "included here")
                    .help("change an included resource in an override file"),
                );
            }
        }
    }
}

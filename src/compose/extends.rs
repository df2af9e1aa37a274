//! `extends`: a service that takes over another, of the same document or of another file.

use std::rc::Rc;

use crate::compose::files::Kind;
use crate::compose::keys;
use crate::compose::loader::{DOCUMENT, Loader, Scope};
use crate::compose::merge::{self, Marks};
use crate::compose::paths;
use crate::compose::report::Path;
use crate::compose::schema::Shape;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::{Origin, Span};
use crate::yaml::Node;

static SERVICE: Shape = Shape::Record(&keys::service::SERVICE);

/// Levels of services that extend services: each takes its part of the stack.
const DEEPEST: usize = 200;

/// The services being extended on the way to one: file, service, and the place that says so.
type Chain<'a> = Vec<(String, String, Span)>;

impl Loader<'_> {
    /// Replaces every service that extends another by what they make together.
    pub(super) fn apply_extends(&mut self, document: &mut Node, file: &str, scope: &mut Scope) {
        let names: Vec<String> = extending(document);
        for name in names {
            self.extend(document, &name, file, scope, &mut Vec::new());
        }
    }

    /// Makes the service `name` of `document` stand on its own; false if that fails.
    fn extend(
        &mut self,
        document: &mut Node,
        name: &str,
        file: &str,
        scope: &mut Scope,
        chain: &mut Chain<'_>,
    ) -> bool {
        let root = Path::Root;
        let section = root.key("services");
        let path = section.key(name);
        let Some(service) = document.at(["services", name]) else {
            return true;
        };
        let Some(extends) = service.get("extends") else {
            return true;
        };
        // What is wrong with it has been said.
        if scope.unextendable.contains(&(file.to_owned(), name.to_owned())) {
            return false;
        }
        let span = extends.span;
        let Some(base_name) = extends.str_of("service").map(str::to_owned) else {
            let message = format!("`extends` of `{name}` needs the key `service`");
            self.error(&path, Diagnostic::error(span, message));
            return false;
        };
        let base_file = extends.get("file").filter(|file| !file.is_null()).cloned();
        let at = extends.get("service").map_or(span, |service| service.span);

        let seen =
            chain.iter().position(|(in_file, service, _)| in_file == file && service == name);
        if let Some(start) = seen {
            let mut problem =
                Diagnostic::error(span, format!("the service `{name}` extends itself"));
            for (_, service, span) in chain[start + 1..].iter().take(10) {
                problem = problem.context(*span, format!("through `{service}`"));
            }
            self.error(&path, problem);
            return false;
        }
        if chain.len() >= DEEPEST {
            let message = format!("services extend others more than {DEEPEST} levels deep");
            self.error(&path, Diagnostic::error(span, message));
            return false;
        }
        chain.push((file.to_owned(), name.to_owned(), span));
        let base = match &base_file {
            None => self.base_here(document, &base_name, at, file, scope, chain, &path),
            Some(node) => self.base_there(node, &base_name, at, scope, chain, &path),
        };
        chain.pop();
        let Some(base) = base else {
            self.report.mark_broken(&path);
            scope.unextendable.insert((file.to_owned(), name.to_owned()));
            return false;
        };
        // A base that is null leaves the service as it is, `extends` included, as in the peer.
        if base.is_null() {
            return true;
        }
        let Some(service) =
            document.get_mut("services").and_then(|services| services.get_mut(name))
        else {
            return true;
        };
        let mut own = std::mem::replace(service, Node::null(Span::NOWHERE));
        own.remove("extends");
        let merged = merge::merge(base, own, &SERVICE, Marks::Kept, &path, &mut self.report);
        if let Some(slot) = document.get_mut("services").and_then(|services| services.get_mut(name))
        {
            *slot = merged;
        }
        true
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one recursion")]
    fn base_here(
        &mut self,
        document: &mut Node,
        base: &str,
        at: Span,
        file: &str,
        scope: &mut Scope,
        chain: &mut Chain<'_>,
        path: &Path<'_>,
    ) -> Option<Node> {
        if document.at(["services", base]).is_none() {
            self.unknown_base(document, base, at, file, path);
            return None;
        }
        self.extend(document, base, file, scope, chain)
            .then(|| document.at(["services", base]).cloned().map(merge::adopted))
            .flatten()
    }

    fn base_there(
        &mut self,
        file: &Node,
        base: &str,
        at: Span,
        scope: &mut Scope,
        chain: &mut Chain<'_>,
        path: &Path<'_>,
    ) -> Option<Node> {
        let Some(named) = file.as_str() else {
            let message = format!("`extends.file` must be text, not {}", file.kind());
            self.error(path, Diagnostic::error(file.span, message));
            return None;
        };
        let named = self.reader.local(named, file.span, &mut self.report)?;
        let absolute = if named.starts_with('/') {
            paths::clean(&named)
        } else {
            paths::join(&scope.folder, &named)
        };
        let origin = Origin { how: "extended", at: file.span };
        let document = self.extended_document(&absolute, origin, scope, path)?;
        let Some(service) = document.at(["services", base]) else {
            self.unknown_base(&document, base, at, &absolute, path);
            return None;
        };
        if service.get("extends").is_none() {
            return Some(merge::adopted(service.clone()));
        }
        let mut document = (*document).clone();
        if !self.extend(&mut document, base, &absolute, scope, chain) {
            return None;
        }
        let service = document.at(["services", base]).cloned().map(merge::adopted);
        // Who extends it next finds it done.
        scope.extended.insert(absolute, Some(Rc::new(document)));
        service
    }

    /// An extended file as one canonical document, its paths made relative to the project.
    fn extended_document(
        &mut self,
        file: &str,
        origin: Origin,
        scope: &mut Scope,
        path: &Path<'_>,
    ) -> Option<Rc<Node>> {
        if let Some(known) = scope.extended.get(file) {
            return known.clone();
        }
        if self.reader.files.kind(file) == Kind::Missing {
            let message = format!("there is no file `{}`", self.reader.shown(file));
            self.error(path, Diagnostic::error(origin.at, message));
            scope.extended.insert(file.to_owned(), None);
            return None;
        }
        let document = self.file(file, Some(origin)).map(|read| {
            let documents =
                read.documents.into_iter().map(|document| self.canonical(document, scope));
            let mut document = documents
                .collect::<Vec<_>>()
                .into_iter()
                .reduce(|base, over| {
                    merge::merge(base, over, &DOCUMENT, Marks::Kept, &Path::Root, &mut self.report)
                })
                .unwrap_or_else(|| Node::empty_map(origin.at));
            merge::unique(&mut document, &DOCUMENT);
            let folder = paths::relative(&scope.folder, &paths::parent(file));
            self.resolve_paths(&mut document, &folder, scope);
            Rc::new(document)
        });
        scope.extended.insert(file.to_owned(), document.clone());
        document
    }

    fn unknown_base(&mut self, document: &Node, base: &str, at: Span, file: &str, path: &Path<'_>) {
        let services = document.get("services").and_then(Node::as_map);
        let near = nearest(base, services.into_iter().flatten().map(|(name, _)| name.as_str()));
        let shown = self.reader.shown(file);
        let message = match services {
            Some(_) => format!("there is no service `{base}` in `{shown}` to extend"),
            None => format!("`{shown}` has no services to extend"),
        };
        self.error(
            path,
            Diagnostic::error(at, message)
                .help_opt(near.map(|near| format!("did you mean `{near}`?"))),
        );
    }
}

fn extending(document: &Node) -> Vec<String> {
    let services = document.get("services").and_then(Node::as_map);
    services
        .into_iter()
        .flatten()
        .filter(|(_, entry)| entry.node.get("extends").is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

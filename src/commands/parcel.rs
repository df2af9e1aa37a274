//! The files of a project as they are published: with names that say nothing of this machine in the place
//! of paths.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::compose::discover::is_remote;
use crate::compose::files::{Files, Kind};
use crate::compose::model::Model;
use crate::compose::{paths, template};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::registry::sha256;
use crate::remote::artifact::{Layer, LayerKind};
use crate::source::Span;
use crate::yaml::{Node, parse};

/// What is to be published.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    /// Compose files, then what they extend.
    pub layers: Vec<Layer>,
    /// Files that services name as `env_file`, as far as they are there.
    pub env_files: Vec<Layer>,
    /// The documents of all Compose files, as they are written.
    pub documents: Vec<Node>,
}

/// Reads the files of a project.
///
/// # Errors
/// Files that cannot be read, and what is included from this machine.
pub(super) fn pack(model: &Model, context: &mut Context) -> Result<Parcel, Error> {
    let mut packer = Packer {
        model,
        context,
        parcel: Parcel::default(),
        extended: BTreeSet::new(),
        waiting: Vec::new(),
        env_files: BTreeSet::new(),
        problems: Diagnostics::default(),
    };
    for path in &model.files {
        packer.file(path, &model.folder, LayerKind::Compose, paths::file_name(path));
    }
    while let Some(path) = packer.waiting.pop() {
        let folder = paths::parent(&path);
        packer.file(&path, &folder, LayerKind::Extended, &hashed(&path, "yaml"));
    }
    let Packer { parcel, problems, .. } = packer;
    if problems.has_errors() { Err(Error::Project(problems)) } else { Ok(parcel) }
}

/// The name that stands for a path.
fn hashed(path: &str, end: &str) -> String {
    let digest = sha256(path.as_bytes());
    format!("{}.{end}", digest.rsplit(':').next().unwrap_or_default())
}

struct Packer<'a> {
    model: &'a Model,
    context: &'a mut Context,
    parcel: Parcel,
    extended: BTreeSet<String>,
    /// Files that are extended and were not read yet.
    waiting: Vec<String>,
    env_files: BTreeSet<String>,
    problems: Diagnostics,
}

impl Packer<'_> {
    fn file(&mut self, path: &str, folder: &str, kind: LayerKind, name: &str) {
        let text = match Files::Disk.read_text(path) {
            Ok(text) => text,
            Err(why) => return self.problems.push(Diagnostic::error(Span::NOWHERE, why)),
        };
        let id = self.context.sources.add(self.context.shown(path), text.clone(), None);
        let documents = match parse::parse(id, &text) {
            Ok(documents) => documents,
            Err(problems) => return self.problems.extend(problems),
        };
        let mut edits = BTreeMap::new();
        for document in &documents {
            self.refuse_include(document);
            let services = document.get("services").and_then(Node::as_map);
            for entry in services.into_iter().flatten().map(|(_, entry)| entry) {
                if let Some(list) = entry.node.get("env_file") {
                    self.env_file(list, folder, &mut edits);
                }
                if let Some(file) = entry.node.get("extends").and_then(|it| it.get("file")) {
                    self.extends(file, folder, &mut edits);
                }
            }
        }
        self.parcel.documents.extend(documents);
        let mut content = text;
        // From the end, so that the places before it stay.
        for (start, (end, new)) in edits.into_iter().rev() {
            content.replace_range(start..end, &new);
        }
        let layer = Layer { kind, name: name.to_owned(), content: content.into_bytes() };
        self.parcel.layers.push(layer);
    }

    fn refuse_include(&mut self, document: &Node) {
        let entries = document.get("include").and_then(Node::as_list).into_iter().flatten();
        for entry in entries {
            let paths = entry.get("path").unwrap_or(entry);
            let one = std::slice::from_ref(paths);
            for path in paths.as_list().unwrap_or(one) {
                if path.as_str().is_some_and(|path| !is_remote(path)) {
                    let message = "cannot publish compose file with local includes";
                    self.problems.push(
                        Diagnostic::error(path.span, message).help(
                            "publish what `rcompose config` prints, or publish that file, too",
                        ),
                    );
                }
            }
        }
    }

    /// The absolute path of a file that is named, with variables filled in.
    fn absolute(&self, text: &str, folder: &str) -> String {
        let env = &self.model.env;
        let filled = template::substitute(text, &|name| env.get(name).cloned(), &mut |_, _| {});
        let filled = filled.unwrap_or_else(|_| text.to_owned());
        let filled = paths::expand_home(&filled, env.get("HOME").map(String::as_str));
        if filled.starts_with('/') { paths::clean(&filled) } else { paths::join(folder, &filled) }
    }

    fn env_file(&mut self, list: &Node, folder: &str, edits: &mut Edits) {
        let one = std::slice::from_ref(list);
        for item in list.as_list().unwrap_or(one) {
            let path = item.get("path").unwrap_or(item);
            let Some(text) = path.as_str() else { continue };
            let absolute = self.absolute(text, folder);
            let name = hashed(&absolute, "env");
            edits.insert(path.span.range().start, (path.span.range().end, name.clone()));
            // One that need not be there has a name all the same, lest its path is told.
            if Files::Disk.kind(&absolute) == Kind::File && self.env_files.insert(absolute.clone())
            {
                match Files::Disk.read(&absolute) {
                    Ok(content) => {
                        let layer = Layer { kind: LayerKind::Env, name, content };
                        self.parcel.env_files.push(layer);
                    }
                    Err(error) => {
                        let message = format!("cannot read `{absolute}`: {error}");
                        self.problems.push(Diagnostic::error(path.span, message));
                    }
                }
            }
        }
    }

    fn extends(&mut self, file: &Node, folder: &str, edits: &mut Edits) {
        let Some(text) = file.as_str().filter(|text| !text.is_empty() && !is_remote(text)) else {
            return;
        };
        let absolute = self.absolute(text, folder);
        let name = hashed(&absolute, "yaml");
        edits.insert(file.span.range().start, (file.span.range().end, name));
        if self.extended.insert(absolute.clone()) {
            self.waiting.push(absolute);
        }
    }
}

/// New text for ranges of bytes, by where they start.
type Edits = BTreeMap<usize, (usize, String)>;

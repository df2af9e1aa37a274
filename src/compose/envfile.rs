//! `env_file` and `label_file`: what they say becomes part of `environment` and `labels`.

use std::collections::BTreeMap;

use crate::compose::EnvFiles;
use crate::compose::discover::{Content, report_env_file, unreadable};
use crate::compose::dotenv;
use crate::compose::files::Kind;
use crate::compose::loader::Loader;
use crate::compose::report::Path;
use crate::diagnostic::Diagnostic;
use crate::source::{Origin, Span};
use crate::yaml::node::Map;
use crate::yaml::{Entry, Node};

impl Loader<'_> {
    /// Reads the env files of a service into its environment, and drops the key.
    ///
    /// What the service sets itself wins, even a name without a value.
    pub(super) fn read_env_files(
        &mut self,
        name: &str,
        service: &mut Node,
        env: &BTreeMap<String, String>,
    ) {
        let own = service.get("environment").cloned();
        let own = own.as_ref().and_then(Node::as_map);
        let mut variables: BTreeMap<String, String> = own
            .into_iter()
            .flatten()
            .filter_map(|(name, entry)| Some((name.clone(), entry.node.as_str()?.to_owned())))
            .collect();
        let Some(files) = service.remove("env_file") else {
            return;
        };
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for file in files.node.items() {
            let before = variables.clone();
            self.env_file(name, file, &mut variables, env, own);
            let at = file.get("path").map_or(file.span, |path| path.span);
            for (name, _) in
                variables.iter().filter(|(name, value)| before.get(*name) != Some(*value))
            {
                places.insert(name.clone(), at);
            }
        }
        let at =
            own.map_or(files.key, |_| service.get("environment").map_or(files.key, |it| it.span));
        let mut environment = Node::empty_map(at);
        for (name, value) in variables {
            let place = places.get(&name).copied().unwrap_or(at);
            environment.set(&name, place, Node::text(place, value));
        }
        for (name, entry) in own.into_iter().flatten() {
            environment.set(name, entry.key, entry.node.clone());
        }
        if environment.as_map().is_some_and(|map| !map.is_empty()) {
            service.set("environment", at, environment);
        }
    }

    fn env_file(
        &mut self,
        service: &str,
        file: &Node,
        variables: &mut BTreeMap<String, String>,
        env: &BTreeMap<String, String>,
        own: Option<&Map>,
    ) {
        let root = Path::Root;
        let section = root.key("services");
        let path = section.key(service);
        let Some(named) = file.get("path") else {
            return;
        };
        let required = file.get("required").and_then(Node::as_bool) != Some(false);
        let name = named.as_str().unwrap_or("").to_owned();
        if self.reader.files.kind(&name) == Kind::Missing {
            if required {
                let message = format!("there is no env file `{}`", self.reader.shown(&name));
                self.error(
                    &path,
                    Diagnostic::error(named.span, message)
                        .help("make it, or write `required: false` beside its `path`"),
                );
            }
            return;
        }
        let origin = Origin { how: "named as env_file", at: named.span };
        let read = self.reader.read(&name, Content::Variables, Some(origin), &mut self.report);
        let Some(id) = read else {
            return;
        };
        let text = self.reader.sources.text(id).to_owned();
        // The project's environment comes first, then what the service sets, then what was read.
        let set = |name: &str| own?.get(name)?.node.as_str().map(str::to_owned);
        let lookup = |name: &str| env.get(name).cloned().or_else(|| set(name));
        let mut unset = Vec::new();
        let result = match file.str_of("format") {
            None | Some("" | ".env") => {
                dotenv::parse(&text, variables, &lookup, &mut |name, range| {
                    unset.push((name.to_owned(), range));
                })
            }
            Some("raw") => dotenv::parse_raw(&text, variables, &lookup),
            Some(other) => {
                let at = file.get("format").map_or(file.span, |format| format.span);
                self.error(
                    &path,
                    Diagnostic::error(at, format!("`{other}` is no format of env files"))
                        .help("leave the key out, or write `raw`"),
                );
                return;
            }
        };
        report_env_file(id, result, unset, &mut self.report);
    }

    /// Reads the label files of a service into its labels, and drops the key.
    pub(super) fn read_label_files(&mut self, name: &str, service: &mut Node) {
        let Some(files) = service.remove("label_file") else {
            return;
        };
        let root = Path::Root;
        let section = root.key("services");
        let path = section.key(name);
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for file in files.node.items() {
            let named = file.as_str().unwrap_or("").to_owned();
            if self.reader.files.kind(&named) != Kind::File {
                let error = match self.reader.files.kind(&named) {
                    Kind::Folder => std::io::ErrorKind::IsADirectory,
                    Kind::Missing => std::io::ErrorKind::NotFound,
                    Kind::File | Kind::Unreadable => std::io::ErrorKind::PermissionDenied,
                };
                let message = unreadable(&self.reader.shown(&named), &error.into());
                self.error(&path, Diagnostic::error(file.span, message));
                continue;
            }
            let origin = Origin { how: "named as label_file", at: file.span };
            let read = self.reader.read(&named, Content::Variables, Some(origin), &mut self.report);
            let Some(id) = read else {
                continue;
            };
            let text = self.reader.sources.text(id).to_owned();
            let mut unset = Vec::new();
            // Variables are labels of the files before, or else of this file.
            let mut own = BTreeMap::new();
            let before = |name: &str| labels.get(name).cloned();
            let result = dotenv::parse(&text, &mut own, &before, &mut |name, range| {
                unset.push((name.to_owned(), range));
            });
            report_env_file(id, result, unset, &mut self.report);
            labels.extend(own);
        }
        let at = files.key;
        if self.steps.env_files == EnvFiles::Selected {
            // Where the peer starts containers it leaves the key, which counts in the config hash.
            service.set("label_file", at, files.node);
        }
        let mut all = Node::empty_map(at);
        for (name, value) in labels {
            all.set(&name, at, Node::text(at, value));
        }
        if let Some(own) = service.get("labels").and_then(Node::as_map) {
            for (name, Entry { key, node }) in own {
                all.set(name, *key, node.clone());
            }
        }
        if all.as_map().is_some_and(|map| !map.is_empty()) {
            service.set("labels", at, all);
        }
    }
}

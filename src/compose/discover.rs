//! Which files make up a project, where it is, what it is called, and the variables it sees.

use std::collections::BTreeMap;

use crate::compose::dotenv;
use crate::compose::files::{Files, Kind, NotText, Unfetched, decode};
use crate::compose::paths;
use crate::compose::report::{Path, Report};
use crate::diagnostic::Diagnostic;
use crate::env::Env;
use crate::source::{FileId, Origin, SourceMap, Span};

const FILE_NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDE_NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `-f`, in order; `-` is standard input.
    pub files: Vec<String>,
    pub project_directory: Option<String>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--env-file`; without any, `.env` is read.
    pub env_files: Vec<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// What stands behind the project's name, unless a flag or a variable of the process names it.
    pub suffix: Option<String>,
}

/// A project found.
#[derive(Debug)]
pub(super) struct Found {
    /// Absolute paths, or `-`.
    pub(super) files: Vec<String>,
    pub(super) folder: String,
    /// The folder that the project is named after, if nothing else names it.
    pub(super) named_after: String,
    /// Absolute paths of the env files that were named.
    pub(super) env_files: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) profiles: Vec<String>,
}

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Compose,
    /// Variables or labels. Bytes that are not UTF-8 (in a comment of old, most often) become
    /// replacement characters, as they do on the peer's way to the engine.
    Variables,
}

/// Reads files into the source map, and says what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) files: &'a Files,
    pub(super) sources: &'a mut SourceMap,
    pub(super) cwd: String,
}

impl Reader<'_> {
    /// The text of a file; problems are reported at `origin`.
    pub(super) fn read(
        &mut self,
        path: &str,
        content: Content,
        origin: Option<Origin>,
        report: &mut Report,
    ) -> Option<FileId> {
        let at = origin.map_or(Span::NOWHERE, |origin| origin.at);
        let bytes = match self.files.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let shown = self.shown(path);
                report.push(&Path::Root, Diagnostic::error(at, unreadable(&shown, &error)));
                return None;
            }
        };
        let name = self.shown(path);
        match decode(bytes) {
            Ok(text) => Some(self.sources.add(name, text, origin)),
            Err(NotText { text, .. }) if content == Content::Variables => {
                Some(self.sources.add(name, text, origin))
            }
            Err(NotText { text, offset, problem }) => {
                let file = self.sources.add(name, text, origin);
                let span = Span::new(file, offset..offset);
                let message = format!("{problem}: a Compose file must be text in UTF-8");
                report.push(&Path::Root, Diagnostic::error(span, message));
                None
            }
        }
    }

    /// `path` as people know it: relative to where they are, if it is below.
    pub(super) fn shown(&self, path: &str) -> String {
        if path == "-" {
            return "<stdin>".to_owned();
        }
        path.strip_prefix(&self.cwd)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(path)
            .to_owned()
    }

    /// The path of a file that may be elsewhere, a copy of which is fetched then; what is here stays as
    /// it is. Problems are reported at `at`.
    pub(super) fn local(&self, path: &str, at: Span, report: &mut Report) -> Option<String> {
        if !is_remote(path) {
            return Some(path.to_owned());
        }
        match self.files.fetch(path) {
            Ok(copy) => Some(copy),
            Err(Unfetched { message, help }) => {
                report.push(&Path::Root, Diagnostic::error(at, message).help_opt(help));
                None
            }
        }
    }

    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { paths::clean(path) } else { paths::join(&self.cwd, path) }
    }

    /// Reads files of variables, in order, into one set. `outer` is asked before what they say.
    pub(super) fn variables(
        &mut self,
        paths: &[(String, Option<Origin>)],
        outer: &BTreeMap<String, String>,
        report: &mut Report,
    ) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (path, origin) in paths {
            let at = origin.map_or(Span::NOWHERE, |origin| origin.at);
            match self.files.kind(path) {
                Kind::Missing => {
                    let message = format!("there is no env file `{}`", self.shown(path));
                    report.push(&Path::Root, Diagnostic::error(at, message));
                    continue;
                }
                Kind::Folder => {
                    let message = format!("the env file `{}` is a folder", self.shown(path));
                    report.push(&Path::Root, Diagnostic::error(at, message));
                    continue;
                }
                Kind::File | Kind::Unreadable => {}
            }
            let Some(file) = self.read(path, Content::Variables, *origin, report) else {
                continue;
            };
            let text = self.sources.text(file).to_owned();
            let mut unset = Vec::new();
            let result = dotenv::parse(
                &text,
                &mut found,
                &|name| outer.get(name).cloned(),
                &mut |name, range| unset.push((name.to_owned(), range)),
            );
            report_env_file(file, result, unset, report);
        }
        found
    }
}

/// Reports what reading a file of variables brought up.
pub(super) fn report_env_file(
    file: FileId,
    result: Result<(), dotenv::Error>,
    unset: Vec<(String, std::ops::Range<usize>)>,
    report: &mut Report,
) {
    for (name, range) in unset {
        let message = format!("the variable `{name}` is not set; it becomes empty");
        report.push(&Path::Root, Diagnostic::warning(Span::new(file, range), message));
    }
    if let Err(error) = result {
        report.push(
            &Path::Root,
            Diagnostic::error(Span::new(file, error.range), error.message).help_opt(error.help),
        );
    }
}

/// Why `path` cannot be read, as a clause.
pub(super) fn unreadable(path: &str, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => format!("there is no file `{path}`"),
        ErrorKind::IsADirectory => format!("`{path}` is a folder, not a file"),
        ErrorKind::PermissionDenied => format!("no permission to read `{path}`"),
        _ => format!("cannot read `{path}`: {error}"),
    }
}

/// Finds the project that `wanted` describes.
pub(super) fn find(
    wanted: &Wanted,
    process: &Env,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Option<Found> {
    let mut env = process.variables().clone();
    env.entry("PWD".to_owned()).or_insert_with(|| reader.cwd.clone());

    let explicit: Vec<(String, Option<Origin>)> = env_file_flags(wanted, process)
        .iter()
        .map(|path| {
            (reader.absolute(&paths::expand_home(path, env.get("HOME").map(String::as_str))), None)
        })
        .collect();
    // Twice, as in the peer: where the search begins, and where the project is found to be. What is
    // read first stays.
    let start = working_folder(wanted, &wanted.files, reader);
    let first = env_files(&explicit, &start, &env, reader, report);
    let early = reader.variables(&first, &env, report);
    // `COMPOSE_` variables of the files count as if the process had them, even where
    // COMPOSE_DISABLE_ENV_FILE, which may be one of them, turns the rest off.
    for (name, value) in early.iter().filter(|(name, _)| name.starts_with("COMPOSE_")) {
        env.entry(name.clone()).or_insert_with(|| value.clone());
    }
    if !explicit.is_empty() || !env_file_disabled(&env, report) {
        extend(&mut env, early);
    }

    let files = compose_files(wanted, &env, &start, reader, report)?;
    let folder = working_folder(wanted, &files, reader);
    // What was fetched is named after where it is used.
    let first = files_named(wanted, &env).into_iter().find(|file| file != "-");
    let is_fetched = first.is_some_and(|file| is_remote(&file));
    let named_after = if is_fetched { start.clone() } else { folder.clone() };
    if folder != start && explicit.is_empty() {
        let second = env_files(&explicit, &folder, &env, reader, report);
        let late = reader.variables(&second, &env, report);
        extend(&mut env, late);
    }
    let profiles = if wanted.profiles.is_empty() {
        let listed = env.get("COMPOSE_PROFILES").map_or("", String::as_str);
        listed.split(',').map(|name| name.trim().to_owned()).collect()
    } else {
        wanted.profiles.clone()
    };
    Some(Found {
        files,
        folder,
        named_after,
        env_files: explicit.into_iter().map(|(path, _)| path).collect(),
        env,
        profiles,
    })
}

/// `--env-file`, or the comma list that stands for it.
#[must_use]
pub fn env_file_flags(wanted: &Wanted, process: &Env) -> Vec<String> {
    if !wanted.env_files.is_empty() {
        return wanted.env_files.clone();
    }
    let listed = process.get("COMPOSE_ENV_FILES").unwrap_or("");
    listed.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

fn extend(env: &mut BTreeMap<String, String>, more: BTreeMap<String, String>) {
    for (name, value) in more {
        env.entry(name).or_insert(value);
    }
}

fn working_folder(wanted: &Wanted, files: &[String], reader: &Reader<'_>) -> String {
    if let Some(folder) = wanted.project_directory.as_deref().filter(|folder| !folder.is_empty()) {
        return reader.absolute(folder);
    }
    match files.iter().find(|file| *file != "-") {
        // Where a copy of it will be is not known yet.
        Some(file) if is_remote(file) => reader.cwd.clone(),
        Some(file) => paths::parent(&reader.absolute(file)),
        None => reader.cwd.clone(),
    }
}

fn env_file_disabled(env: &BTreeMap<String, String>, report: &mut Report) -> bool {
    // A strict boolean, as Go's ParseBool reads it.
    match env.get("COMPOSE_DISABLE_ENV_FILE").map(String::as_str) {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
        Some(other) => {
            let message = format!("COMPOSE_DISABLE_ENV_FILE is `{other}`, which is not a boolean");
            report.push(
                &Path::Root,
                Diagnostic::error(Span::NOWHERE, message).help("set it to true or false"),
            );
            false
        }
    }
}

fn env_files(
    explicit: &[(String, Option<Origin>)],
    folder: &str,
    env: &BTreeMap<String, String>,
    reader: &Reader<'_>,
    report: &mut Report,
) -> Vec<(String, Option<Origin>)> {
    if !explicit.is_empty() {
        return explicit.to_vec();
    }
    let default = paths::join(folder, ".env");
    if env_file_disabled(env, report) || reader.files.kind(&default) != Kind::File {
        return Vec::new();
    }
    vec![(default, None)]
}

/// `-f`, else `COMPOSE_FILE`.
fn files_named(wanted: &Wanted, env: &BTreeMap<String, String>) -> Vec<String> {
    if !wanted.files.is_empty() {
        return wanted.files.clone();
    }
    let separator = env.get("COMPOSE_PATH_SEPARATOR").filter(|it| !it.is_empty());
    let separator = separator.map_or(":", String::as_str);
    let listed = env.get("COMPOSE_FILE").map(|list| list.split(separator).map(str::to_owned));
    listed.map(Iterator::collect).unwrap_or_default()
}

/// `-f`, else `COMPOSE_FILE`, else what a search from `start` upwards finds.
fn compose_files(
    wanted: &Wanted,
    env: &BTreeMap<String, String>,
    start: &str,
    reader: &Reader<'_>,
    report: &mut Report,
) -> Option<Vec<String>> {
    let listed = files_named(wanted, env);
    if !listed.is_empty() {
        let mut found = Vec::new();
        for path in &listed {
            let local = reader.local(path, Span::NOWHERE, report)?;
            found.push(if local == "-" { local } else { reader.absolute(&local) });
        }
        return Some(found);
    }
    let mut folder = start.to_owned();
    loop {
        let present = |names: &[&str]| {
            names
                .iter()
                .map(|name| paths::join(&folder, name))
                .filter(|path| {
                    matches!(reader.files.kind(path), Kind::File | Kind::Folder | Kind::Unreadable)
                })
                .collect::<Vec<_>>()
        };
        let found = present(&FILE_NAMES);
        if let Some(first) = found.first() {
            several(&found, "Compose files", reader, report);
            let overrides = present(&OVERRIDE_NAMES);
            several(&overrides, "override files", reader, report);
            return Some(std::iter::once(first).chain(overrides.first()).cloned().collect());
        }
        let parent = paths::parent(&folder);
        if parent == folder {
            report.push(
                &Path::Root,
                Diagnostic::error(Span::NOWHERE, "no configuration file provided: not found")
                    .help(format!("make a `compose.yaml` in `{start}`, or name a file with `-f`")),
            );
            return None;
        }
        folder = parent;
    }
}

fn several(found: &[String], what: &str, reader: &Reader<'_>, report: &mut Report) {
    if let [first, _, ..] = found {
        let names: Vec<String> =
            found.iter().map(|path| format!("`{}`", reader.shown(path))).collect();
        let message =
            format!("found several {what}: {}; using `{}`", names.join(", "), reader.shown(first));
        report.push(&Path::Root, Diagnostic::warning(Span::NOWHERE, message));
    }
}

/// Whether a path names a file that must be fetched: a git or OCI reference.
#[must_use]
pub fn is_remote(path: &str) -> bool {
    let without_fragment = path.split('#').next().unwrap_or(path);
    path.starts_with("oci://")
        || path.starts_with("git://")
        || path.starts_with("ssh://")
        || path.starts_with("git@")
        || path.starts_with("github.com/")
        || ((path.starts_with("https://") || path.starts_with("http://"))
            && without_fragment.strip_suffix(".git").is_some())
}

/// What is left of a name when only what a project name may hold is kept.
#[must_use]
pub fn normalize_name(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|char| {
            char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '_' | '-')
        })
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names() {
        assert_eq!(normalize_name("My_App.Prod 2"), "my_appprod2");
        assert_eq!(normalize_name("__-x"), "x");
        assert_eq!(normalize_name("ÄÖ"), "");
    }

    #[test]
    fn remote_references() {
        for path in ["oci://a/b", "https://h/x.git#ref:sub", "git@h:x", "github.com/a/b"] {
            assert!(is_remote(path), "{path}");
        }
        assert!(!is_remote("./a.yaml") && !is_remote("https://h/x.yaml"));
    }
}

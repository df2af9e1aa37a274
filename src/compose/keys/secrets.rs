//! `secrets` and `configs`, at the top level and as used by services and builds.

use std::collections::BTreeMap;

use bollard::models::{Mount, MountBindOptions, MountType};
use serde::Deserialize;

use crate::compose::keys::network::EXTERNAL;
use crate::compose::keys::service::Service;
use crate::compose::keys::volume::external_name;
use crate::compose::project::{Project, Scope};
use crate::compose::schema::{
    Key, Kinds, Leaf, List, Merge, OPTIONS, Pairs, PathKind, Print, Record, Shape, Short, TEXT, To,
};
use crate::diagnostic::Diagnostic;
use crate::spec::{ContainerSpec, InlineFile};
use crate::yaml::Node;

const FILE: Key = Key::new("file", TEXT.path(PathKind::AnyHost).shape());

pub(super) static SECRET: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    FILE,
    Key::new("environment", TEXT.shape()),
    Key::new("external", EXTERNAL.shape()),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("driver", TEXT.shape()),
    Key::new("driver_opts", Shape::Dict(&OPTIONS)),
    Key::new("template_driver", TEXT.shape()),
])
.rewrite(external_name)
.check(secret_source);

pub(super) static CONFIG: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    FILE,
    Key::new("environment", TEXT.shape()),
    Key::new("content", TEXT.shape()),
    Key::new("external", EXTERNAL.shape()),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("template_driver", TEXT.shape()),
])
.rewrite(external_name)
.check(config_source);

fn secret_source(secret: &Node) -> Option<Diagnostic> {
    one_source(secret, &["file", "environment"])
}

fn config_source(config: &Node) -> Option<Diagnostic> {
    one_source(config, &["file", "environment", "content"])
}

/// The content comes from exactly one place, unless someone else provides it.
fn one_source(object: &Node, sources: &[&str]) -> Option<Diagnostic> {
    let map = object.as_map()?;
    let words = sources.join("`, `");
    let mut given = sources.iter().filter_map(|source| map.get_key_value(*source));
    let Some((first, entry)) = given.next() else {
        let provided = map.contains_key("driver") || map.contains_key("external");
        return (!provided)
            .then(|| Diagnostic::error(object.span, format!("one of `{words}` must be set")));
    };
    let (second, other) = given.next()?;
    Some(
        Diagnostic::error(other.key, format!("`{first}` and `{second}` exclude each other"))
            .context(entry.key, "first source"),
    )
}

pub(super) const USED_SECRETS: Key = Key::new("secrets", Shape::List(&SERVICE_SECRETS))
    .merge(Merge::UniqueBy(secret_target))
    .container(mount_secrets);
pub(super) const USED_CONFIGS: Key = Key::new("configs", Shape::List(&REFERENCES))
    .merge(Merge::UniqueBy(config_target))
    .container(mount_configs);

static SERVICE_SECRETS: List = List::of(Shape::Short(&SHORT_SECRET));
static SHORT_SECRET: Short =
    Short { accepts: Kinds::TEXT, expand, long: Shape::Record(&SERVICE_SECRET) };
static SERVICE_SECRET: Record = Record::new(REFERENCE_KEYS).defaults(default_target);

/// Secrets of builds and configs of services.
pub(super) static REFERENCES: List = List::of(Shape::Short(&SHORT));
static SHORT: Short = Short { accepts: Kinds::TEXT, expand, long: Shape::Record(&REFERENCE) };
static REFERENCE: Record = Record::new(REFERENCE_KEYS);

const MODE: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Mode);
const REFERENCE_KEYS: &[Key] = &[
    Key::new("source", TEXT.shape()),
    Key::new("target", TEXT.shape()),
    Key::new("uid", TEXT.shape()),
    Key::new("gid", TEXT.shape()),
    Key::new("mode", MODE.shape()).print(Print::IfPresent),
];

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::map(short.span, [("source", short.clone())]))
}

fn secret_target(reference: &Node) -> Option<String> {
    target_in(reference, "/run/secrets")
}

fn config_target(reference: &Node) -> Option<String> {
    target_in(reference, "")
}

fn target_in(reference: &Node, folder: &str) -> Option<String> {
    match reference.get("target") {
        Some(target) => target.as_str().map(str::to_owned),
        None => reference.str_of("source").map(|source| format!("{folder}/{source}")),
    }
}

fn default_target(reference: &mut Node) {
    if reference.get("target").is_none()
        && let Some(target) = secret_target(reference)
    {
        reference.set("target", reference.span, Node::text(reference.span, target));
    }
}

/// A secret or config of the top level.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileObject {
    pub name: String,
    pub file: Option<String>,
    pub environment: Option<String>,
    pub content: Option<String>,
    pub external: bool,
    pub driver: Option<String>,
    pub template_driver: Option<String>,
}

/// A secret or config as a service uses it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reference {
    pub source: String,
    pub target: Option<String>,
    pub uid: Option<String>,
    pub gid: Option<String>,
    pub mode: Option<String>,
}

fn mount_secrets(
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    for reference in &service.secrets {
        if let Some(secret) = scope.project.secrets.get(&reference.source) {
            mount(SECRETS, reference, secret, scope, spec)?;
        }
    }
    copy(SECRETS, service, scope, spec)
}

fn mount_configs(
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    for reference in &service.configs {
        if let Some(config) = scope.project.configs.get(&reference.source) {
            mount(CONFIGS, reference, config, scope, spec)?;
        }
    }
    copy(CONFIGS, service, scope, spec)
}

/// What the two kinds differ in.
#[derive(Clone, Copy)]
struct Family {
    what: &'static str,
    /// Where those go that name no folder.
    folder: &'static str,
    objects: fn(&Project) -> &BTreeMap<String, FileObject>,
    used: fn(&Service) -> &Vec<Reference>,
}

const SECRETS: Family = Family {
    what: "secret",
    folder: "/run/secrets/",
    objects: |project| &project.secrets,
    used: |service| &service.secrets,
};
const CONFIGS: Family = Family {
    what: "config",
    folder: "/",
    objects: |project| &project.configs,
    used: |service| &service.configs,
};

impl Family {
    fn target(self, reference: &Reference) -> String {
        let Self { folder, .. } = self;
        match reference.target.as_deref().filter(|target| !target.is_empty()) {
            None => format!("{folder}{}", reference.source),
            Some(target) if target.starts_with('/') => target.to_owned(),
            Some(target) => format!("{folder}{target}"),
        }
    }
}

/// Mounts the file of a secret or config, read-only.
fn mount(
    family: Family,
    reference: &Reference,
    object: &FileObject,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    let (what, source) = (family.what, &reference.source);
    if object.external || object.driver.is_some() || object.template_driver.is_some() {
        return Err(format!(
            "the {what} `{source}` is kept by an orchestrator, which is not supported"
        ));
    }
    let Some(file) = object.file.as_ref().filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    if reference.uid.is_some() || reference.gid.is_some() || reference.mode.is_some() {
        (scope.warn)(format!(
            "`uid`, `gid` and `mode` of the {what} `{source}` are ignored: its file is mounted as it is"
        ));
    }
    let bind_options =
        MountBindOptions { create_mountpoint: Some(false), ..MountBindOptions::default() };
    spec.host().mounts.get_or_insert_default().push(Mount {
        target: Some(family.target(reference)),
        source: Some(file.clone()),
        typ: Some(MountType::BIND),
        read_only: Some(true),
        bind_options: Some(bind_options),
        ..Mount::default()
    });
    Ok(())
}

/// Has what comes from no file copied into the container.
fn copy(
    family: Family,
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    let what = family.what;
    let files = inline(family, service, scope.project, scope.env)?;
    if let Some((source, _)) = files.first()
        && service.read_only
    {
        return Err(format!(
            "the {what} `{source}` cannot be copied into a container that is `read_only`; give it as a `file`"
        ));
    }
    for (source, file) in files {
        let mut memory = service.memory_folders();
        if let Some(folder) = memory.find(|folder| is_below(&file.target, folder)) {
            (scope.warn)(format!(
                "the {what} `{source}` may stay unseen: the tmpfs on `{folder}` hides `{}`",
                file.target
            ));
        }
        spec.files.push(file);
    }
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// What a service wants copied into its containers, without what cannot be.
#[must_use]
pub fn inline_files(
    service: &Service,
    project: &Project,
    env: &BTreeMap<String, String>,
) -> Vec<InlineFile> {
    let families = [SECRETS, CONFIGS].into_iter();
    let found = families.filter_map(|family| inline(family, service, project, env).ok());
    found.flatten().map(|(_, file)| file).collect()
}

/// What a service uses that comes from no file, with the name it has at the top level. As with the
/// peer, what is empty is not there at all.
fn inline(
    family: Family,
    service: &Service,
    project: &Project,
    env: &BTreeMap<String, String>,
) -> Result<Vec<(String, InlineFile)>, String> {
    let what = family.what;
    let mut files = Vec::new();
    for reference in (family.used)(service) {
        let source = &reference.source;
        let Some(object) = (family.objects)(project).get(source) else { continue };
        let content = match (&object.content, &object.environment) {
            (Some(content), _) if !content.is_empty() => content,
            (_, Some(name)) if !name.is_empty() => env.get(name).ok_or_else(|| {
                format!("environment variable `{name}` required by {what} `{source}` is not set")
            })?,
            _ => continue,
        };
        let number = |key: &str, text: &Option<String>| match text.as_deref() {
            None | Some("") => Ok(0),
            Some(text) => text
                .parse()
                .map_err(|_| format!("`{key}` of the {what} `{source}` is no number: `{text}`")),
        };
        let (user, group) = (number("uid", &reference.uid)?, number("gid", &reference.gid)?);
        let mode = reference.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
        if !content.is_empty() {
            let file = InlineFile {
                target: family.target(reference),
                content: content.clone(),
                mode: mode.unwrap_or(0o444),
                user,
                group,
            };
            files.push((source.clone(), file));
        }
    }
    Ok(files)
}

//! `secrets` and `configs`, at the top level and as used by services and builds.

use bollard::models::{Mount, MountBindOptions, MountType};
use serde::Deserialize;

use crate::compose::keys::network::EXTERNAL;
use crate::compose::keys::service::Service;
use crate::compose::keys::volume::external_name;
use crate::compose::project::Scope;
use crate::compose::schema::{
    Key, Kinds, Leaf, List, Merge, OPTIONS, Pairs, PathKind, Print, Record, Shape, Short, TEXT, To,
};
use crate::diagnostic::Diagnostic;
use crate::spec::ContainerSpec;
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
            mount("secret", "/run/secrets/", reference, secret, scope, spec)?;
        }
    }
    Ok(())
}

fn mount_configs(
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    for reference in &service.configs {
        if let Some(config) = scope.project.configs.get(&reference.source) {
            mount("config", "/", reference, config, scope, spec)?;
        }
    }
    Ok(())
}

/// Mounts the file of a secret or config, read-only.
fn mount(
    what: &str,
    folder: &str,
    reference: &Reference,
    object: &FileObject,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    let source = &reference.source;
    if object.external || object.driver.is_some() || object.template_driver.is_some() {
        return Err(format!(
            "the {what} `{source}` is kept by an orchestrator, which is not supported"
        ));
    }
    let Some(file) = object.file.as_ref().filter(|file| !file.is_empty()) else {
        return Err(format!(
            "the {what} `{source}` comes from no file, which is not supported yet"
        ));
    };
    if reference.uid.is_some() || reference.gid.is_some() || reference.mode.is_some() {
        (scope.warn)(format!(
            "`uid`, `gid` and `mode` of the {what} `{source}` are ignored: its file is mounted as it is"
        ));
    }
    let target = match reference.target.as_deref().filter(|target| !target.is_empty()) {
        None => format!("{folder}{source}"),
        Some(target) if target.starts_with('/') => target.to_owned(),
        Some(target) => format!("{folder}{target}"),
    };
    let bind_options =
        MountBindOptions { create_mountpoint: Some(false), ..MountBindOptions::default() };
    spec.host().mounts.get_or_insert_default().push(Mount {
        target: Some(target),
        source: Some(file.clone()),
        typ: Some(MountType::BIND),
        read_only: Some(true),
        bind_options: Some(bind_options),
        ..Mount::default()
    });
    Ok(())
}

//! `volumes` and `tmpfs` of a service: what is mounted where.

use std::collections::BTreeMap;

use bollard::models::{
    Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};
use serde::Deserialize;

use crate::compose::keys::service::{Service, filled};
use crate::compose::paths::{Base, any_host, clean};
use crate::compose::project::Scope;
use crate::compose::schema::{
    BOOL, DISTINCT_TEXTS, Key, Kinds, LATE_BOOL, Leaf, List, Merge, Pairs, Print, Record, Rule,
    Shape, Short, TEXT, To, before_equals,
};
use crate::compose::units::Bytes;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::spec::{ContainerSpec, Join, Shared};
use crate::yaml::{Node, Value};

pub(super) const VOLUMES: Key =
    Key::new("volumes", Shape::List(&LIST)).merge(Merge::UniqueBy(target)).container(mount);

static LIST: List = List::of(Shape::Short(&SHORT));
static SHORT: Short = Short { accepts: Kinds::TEXT, expand, long: Shape::Record(&MOUNT) };

const TYPES: &[&str] = &["bind", "volume", "tmpfs", "cluster", "npipe", "image"];
const SIZE: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Bytes).rule(Rule::Range(0, i64::MAX));
const MODE: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Unsigned32);
const RECURSIVE: &[&str] = &["enabled", "disabled", "writable", "readonly"];

static MOUNT: Record = Record::new(&[
    Key::new("type", TEXT.rule(Rule::OneOf(TYPES)).shape()).required(),
    Key::new("source", TEXT.shape()),
    Key::new("target", TEXT.shape()),
    Key::new("read_only", BOOL.shape()),
    Key::new("consistency", TEXT.shape()),
    Key::new("bind", Shape::Record(&BIND)).print(Print::IfPresent),
    Key::new("volume", Shape::Record(&VOLUME)).print(Print::IfPresent),
    Key::new("tmpfs", Shape::Record(&TMPFS)).print(Print::IfPresent),
    Key::new("image", Shape::Record(&IMAGE)).print(Print::IfPresent),
])
.check(has_target)
.resolve(bind_source);

static BIND: Record = Record::new(&[
    Key::new("selinux", TEXT.rule(Rule::OneOf(&["z", "Z"])).shape()),
    Key::new("propagation", TEXT.shape()),
    Key::new("create_host_path", LATE_BOOL.shape()),
    Key::new("recursive", TEXT.rule(Rule::OneOf(RECURSIVE)).shape()),
]);
static VOLUME: Record = Record::new(&[
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("nocopy", BOOL.shape()),
    Key::new("subpath", TEXT.shape()),
]);
static TMPFS: Record =
    Record::new(&[Key::new("size", SIZE.shape()), Key::new("mode", MODE.shape())]);
static IMAGE: Record = Record::new(&[Key::new("subpath", TEXT.shape())]);

const PROPAGATIONS: &[&str] = &["rprivate", "private", "rshared", "shared", "rslave", "slave"];

/// Expands `[SOURCE:]TARGET[:OPTIONS]`.
fn expand(short: &Node) -> Result<Node, Diagnostic> {
    let text = short.as_str().unwrap_or("");
    let at = short.span;
    let invalid = |what: &str| Diagnostic::error(at, format!("invalid volume `{text}`: {what}"));
    if text.is_empty() {
        return Err(Diagnostic::error(at, "a volume is empty"));
    }
    if text.len() <= 2 {
        return Ok(Node::map(
            at,
            [("type", Node::text(at, "volume")), ("target", Node::text(at, clean(text)))],
        ));
    }
    let sections = sections(text);
    if sections.iter().any(String::is_empty) {
        return Err(invalid("nothing stands between two colons"));
    }
    let (source, target, options) = match sections.as_slice() {
        [target] => ("", target.as_str(), ""),
        [source, target] => (source.as_str(), target.as_str(), ""),
        [source, target, options] => (source.as_str(), target.as_str(), options.as_str()),
        _ => return Err(invalid("it has too many colons")),
    };
    let bind = is_host_path(source);
    let mut long = Node::map(at, [("type", Node::text(at, if bind { "bind" } else { "volume" }))]);
    if !source.is_empty() {
        long.set("source", at, Node::text(at, source));
    }
    long.set("target", at, Node::text(at, clean(target)));
    let options = Options::parse(options);
    if options.read_only {
        long.set("read_only", at, Node::bool(at, true));
    }
    if let Some(block) = options.bind_block(at, bind) {
        long.set("bind", at, block);
    }
    if options.nocopy {
        long.set("volume", at, Node::map(at, [("nocopy", Node::bool(at, true))]));
    } else if !bind {
        long.set("volume", at, Node::empty_map(at));
    }
    Ok(long)
}

#[derive(Default)]
struct Options<'a> {
    read_only: bool,
    nocopy: bool,
    selinux: Option<&'a str>,
    propagation: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Options nobody knows are ignored, as in the peer: `cached` and the like of old.
    fn parse(text: &'a str) -> Self {
        let mut options = Self::default();
        for option in text.split(',') {
            match option {
                "ro" => options.read_only = true,
                "rw" => options.read_only = false,
                "nocopy" => options.nocopy = true,
                "z" | "Z" => options.selinux = Some(option),
                _ if PROPAGATIONS.contains(&option) => options.propagation = Some(option),
                _ => {}
            }
        }
        options
    }

    fn bind_block(&self, at: Span, bind: bool) -> Option<Node> {
        if !bind && self.selinux.is_none() && self.propagation.is_none() {
            return None;
        }
        let mut block = Node::empty_map(at);
        if let Some(selinux) = self.selinux {
            block.set("selinux", at, Node::text(at, selinux));
        }
        if let Some(propagation) = self.propagation {
            block.set("propagation", at, Node::text(at, propagation));
        }
        if bind {
            // A short form has always made the folder of the host if it was missing.
            block.set("create_host_path", at, Node::bool(at, true));
        }
        Some(block)
    }
}

/// Splits at colons, except behind a drive letter and inside `${…}` (where variables stay).
fn sections(text: &str) -> Vec<String> {
    let mut sections = Vec::new();
    let mut section = String::new();
    let mut braces = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '$' if chars.peek() == Some(&'{') => {
                braces += 1;
                section.push(char);
            }
            '}' if braces > 0 => {
                braces -= 1;
                section.push(char);
            }
            ':' if braces == 0 && !is_drive(&section) => {
                sections.push(std::mem::take(&mut section));
            }
            _ => section.push(char),
        }
    }
    sections.push(section);
    sections
}

/// Whether `text` is a letter: a colon behind it makes a Windows drive.
fn is_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

fn is_host_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
        || source.starts_with("\\\\")
        || source.split_once(':').is_some_and(|(drive, _)| is_drive(drive))
}

fn target(mount: &Node) -> Option<String> {
    mount.str_of("target").map(str::to_owned)
}

fn has_target(mount: &Node) -> Option<Diagnostic> {
    if mount.get("target").is_none() {
        return Some(Diagnostic::error(
            mount.span,
            "a volume needs a `target`, the path in the container",
        ));
    }
    None
}

fn bind_source(mount: &mut Node, base: &Base<'_>) -> Option<Diagnostic> {
    if mount.str_of("type") != Some("bind") {
        return None;
    }
    let at = mount.span;
    let Some(source) = mount.get_mut("source") else {
        return Some(Diagnostic::error(at, "a bind mount needs a `source`, a path of the host"));
    };
    if let Value::Text(path) = &mut source.value {
        *path = any_host(path, base);
    }
    None
}

pub(super) const TMPFS_KEY: Key = Key::new("tmpfs", Shape::List(&TARGETS))
    .merge(Merge::UniqueBy(before_equals))
    .container(mount_tmpfs);

static TARGETS: List = DISTINCT_TEXTS.single();

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mount {
    #[serde(rename = "type")]
    pub kind: String,
    pub source: Option<String>,
    pub target: String,
    pub read_only: bool,
    pub consistency: Option<String>,
    pub bind: Option<Bind>,
    pub volume: Option<VolumeOptions>,
    pub tmpfs: Option<Tmpfs>,
    pub image: Option<Image>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bind {
    pub selinux: Option<String>,
    pub propagation: Option<String>,
    pub create_host_path: bool,
    pub recursive: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeOptions {
    pub labels: BTreeMap<String, String>,
    pub nocopy: bool,
    pub subpath: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tmpfs {
    pub size: Bytes,
    pub mode: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Image {
    pub subpath: Option<String>,
}

impl Mount {
    /// The engine's name of what is mounted: a path, a volume, an image.
    fn engine_source(&self, scope: &Scope<'_>) -> Option<String> {
        let source = self.source.as_ref()?;
        let volume = (self.kind == "volume").then(|| scope.project.volumes.get(source)).flatten();
        Some(volume.map_or_else(|| source.clone(), |volume| volume.name.clone()))
    }

    /// Whether the old text form of binds can say it. The peer prefers that form, and it makes
    /// missing folders of the host on every engine.
    fn fits_bind_text(&self) -> bool {
        match self.kind.as_str() {
            "bind" => self.bind.as_ref().is_none_or(|bind| {
                bind.create_host_path && bind.propagation.is_none() && bind.recursive.is_none()
            }),
            "volume" => {
                self.source.is_some()
                    && self.volume.as_ref().is_none_or(|volume| {
                        volume.labels.is_empty() && volume.subpath.is_none() && !volume.nocopy
                    })
            }
            _ => false,
        }
    }

    fn bind_text(&self, source: &str) -> String {
        let access = if self.read_only { "ro" } else { "rw" };
        let mut text = format!("{source}:{}:{access}", self.target);
        if let Some(selinux) = self.bind.as_ref().and_then(|bind| bind.selinux.as_ref()) {
            text.push(',');
            text.push_str(selinux);
        }
        text
    }

    fn engine_mount(&self, source: Option<String>) -> Result<EngineMount, String> {
        let typ = match self.kind.as_str() {
            "bind" => MountType::BIND,
            "volume" => MountType::VOLUME,
            "tmpfs" => MountType::TMPFS,
            "npipe" => MountType::NPIPE,
            "cluster" => MountType::CLUSTER,
            "image" => MountType::IMAGE,
            other => return Err(format!("`{other}` is no type of mount")),
        };
        let mut mount = EngineMount {
            target: Some(self.target.clone()),
            source,
            typ: Some(typ),
            read_only: Some(self.read_only),
            consistency: self.consistency.clone(),
            ..EngineMount::default()
        };
        match typ {
            MountType::BIND => {
                mount.bind_options = self.bind.as_ref().map(Bind::engine_options).transpose()?;
            }
            MountType::VOLUME => {
                mount.volume_options = self.volume.as_ref().map(|volume| MountVolumeOptions {
                    no_copy: Some(volume.nocopy),
                    labels: filled(&volume.labels),
                    subpath: volume.subpath.clone(),
                    driver_config: None,
                });
            }
            MountType::TMPFS => {
                // An engine that is told no mode makes a folder that anybody may write, but one
                // engine makes one that nobody may.
                let tmpfs = self.tmpfs.as_ref();
                mount.tmpfs_options = Some(MountTmpfsOptions {
                    size_bytes: tmpfs.and_then(|tmpfs| tmpfs.size.get()),
                    mode: Some(tmpfs.and_then(|tmpfs| tmpfs.mode).unwrap_or(0o1777)),
                    options: None,
                });
            }
            MountType::IMAGE => {
                let subpath = self.image.as_ref().and_then(|image| image.subpath.clone());
                mount.image_options =
                    subpath.map(|subpath| MountImageOptions { subpath: Some(subpath) });
            }
            _ => {}
        }
        Ok(mount)
    }
}

impl Bind {
    fn engine_options(&self) -> Result<MountBindOptions, String> {
        let propagation = match self.propagation.as_deref() {
            None | Some("") => None,
            Some("private") => Some(MountBindOptionsPropagationEnum::PRIVATE),
            Some("rprivate") => Some(MountBindOptionsPropagationEnum::RPRIVATE),
            Some("shared") => Some(MountBindOptionsPropagationEnum::SHARED),
            Some("rshared") => Some(MountBindOptionsPropagationEnum::RSHARED),
            Some("slave") => Some(MountBindOptionsPropagationEnum::SLAVE),
            Some("rslave") => Some(MountBindOptionsPropagationEnum::RSLAVE),
            Some(other) => return Err(format!("`bind.propagation` cannot be `{other}`")),
        };
        let recursive = |word| Some(self.recursive.as_deref() == Some(word)).filter(|it| *it);
        Ok(MountBindOptions {
            propagation,
            non_recursive: recursive("disabled"),
            create_mountpoint: Some(self.create_host_path),
            read_only_non_recursive: recursive("writable"),
            read_only_force_recursive: recursive("readonly"),
        })
    }
}

fn mount(service: &Service, scope: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    for mount in &service.volumes {
        let source = mount.engine_source(scope);
        match source {
            Some(source) if mount.fits_bind_text() => {
                let text = mount.bind_text(&source);
                spec.host().binds.get_or_insert_default().push(text);
            }
            source => {
                let mount = mount.engine_mount(source)?;
                spec.host().mounts.get_or_insert_default().push(mount);
            }
        }
    }
    Ok(())
}

fn mount_tmpfs(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    for item in &service.tmpfs {
        let (target, options) = item.split_once(':').unwrap_or((item, ""));
        let tmpfs = spec.host().tmpfs.get_or_insert_default();
        tmpfs.insert(target.to_owned(), options.to_owned());
    }
    Ok(())
}

/// `volumes_from`: the volumes of a service's first container, or of any container.
pub(super) fn volumes_from(
    service: &Service,
    _: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    for source in &service.volumes_from {
        if let Some(container) = source.strip_prefix("container:") {
            spec.host().volumes_from.get_or_insert_default().push(container.to_owned());
            continue;
        }
        let (service, mode) = match source.split_once(':') {
            Some((service, mode)) => (service, Some(mode.to_owned())),
            None => (source.as_str(), None),
        };
        let what = Shared::Volumes { mode };
        spec.joins.push(Join { service: service.to_owned(), what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::emit;

    fn check(text: &str, want: &str) {
        let got = match expand(&Node::text(Span::NOWHERE, text)) {
            Ok(mount) => emit::json_compact(&mount),
            Err(problem) => problem.message,
        };
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn short_forms() {
        check("/data", r#"{"type":"volume","target":"/data","volume":{}}"#);
        check("./x", r#"{"type":"volume","target":"x","volume":{}}"#);
        check("d", r#"{"type":"volume","target":"d"}"#);
        check("data:/d/../e/", r#"{"type":"volume","source":"data","target":"/e","volume":{}}"#);
        check(
            "./a:/a:ro",
            r#"{"type":"bind","source":"./a","target":"/a","read_only":true,"bind":{"create_host_path":true}}"#,
        );
        check(
            "~/a:/a:z,rshared,cached",
            r#"{"type":"bind","source":"~/a","target":"/a","bind":{"selinux":"z","propagation":"rshared","create_host_path":true}}"#,
        );
        check(
            "data:/d:nocopy",
            r#"{"type":"volume","source":"data","target":"/d","volume":{"nocopy":true}}"#,
        );
        check(
            "data:/d:Z",
            r#"{"type":"volume","source":"data","target":"/d","bind":{"selinux":"Z"},"volume":{}}"#,
        );
        check(
            "C:\\x:/x",
            r#"{"type":"bind","source":"C:\\x","target":"/x","bind":{"create_host_path":true}}"#,
        );
        check(
            "c:/x:/y:ro",
            r#"{"type":"bind","source":"c:/x","target":"/y","read_only":true,"bind":{"create_host_path":true}}"#,
        );
        check("d:/x", r#"{"type":"volume","target":"d:/x","volume":{}}"#);
        check(
            "${D:-./x}:/y",
            r#"{"type":"volume","source":"${D:-./x}","target":"/y","volume":{}}"#,
        );
        check("", "a volume is empty");
        check("aa::/b", "invalid volume `aa::/b`: nothing stands between two colons");
        check("aa:/b:ro:x", "invalid volume `aa:/b:ro:x`: it has too many colons");
    }
}

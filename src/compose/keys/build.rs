//! `build`: how to make the image of a service.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compose::keys::depends_on::names_to_map;
use crate::compose::keys::{secrets, ulimits};
use crate::compose::schema::{
    Dict, Effect, INT_BYTES, Key, Kinds, LATE_BOOL, Leaf, List, Merge, NullChild, Pairs, PathKind,
    Print, Record, Shape, Short, TEXT, TEXTS, To, before_equals,
};
use crate::compose::units::Bytes;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node, Value};

pub(super) const KEY: Key = Key::new("build", Shape::Short(&SHORT))
    .print(Print::IfPresent)
    .unhashed()
    .effect(Effect::Build);

static SHORT: Short = Short { accepts: Kinds::TEXT, expand, long: Shape::Record(&BUILD) };

const CONTEXT: Leaf = TEXT.path(PathKind::Context);
/// `provenance` and `sbom`: on, off, or parameters.
const ATTESTATION: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::BOOL), To::Text);

static BUILD: Record = Record::new(&[
    Key::new("context", CONTEXT.shape()),
    Key::new("dockerfile", TEXT.shape()),
    Key::new("dockerfile_inline", TEXT.shape()),
    Key::new("entitlements", Shape::List(&TEXTS)),
    Key::new("args", Shape::Pairs(Pairs::Environment)),
    Key::new("provenance", ATTESTATION.shape()),
    Key::new("sbom", ATTESTATION.shape()),
    Key::new("ssh", Shape::Short(&SHORT_SSH)),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("cache_from", Shape::List(&TEXTS)),
    Key::new("cache_to", Shape::List(&TEXTS)),
    Key::new("no_cache", LATE_BOOL.shape()),
    Key::new("no_cache_filter", Shape::List(&STAGES)).recent(),
    Key::new("additional_contexts", Shape::Short(&SHORT_CONTEXTS)),
    Key::new("pull", LATE_BOOL.shape()),
    Key::new("extra_hosts", Shape::Hosts),
    Key::new("isolation", TEXT.shape()),
    Key::new("network", TEXT.shape()),
    Key::new("target", TEXT.shape()),
    Key::new("secrets", Shape::List(&secrets::REFERENCES)),
    Key::new("shm_size", INT_BYTES.shape()),
    Key::new("tags", Shape::List(&TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("ulimits", Shape::Dict(&ulimits::ULIMITS)),
    Key::new("platforms", Shape::List(&TEXTS)),
    Key::new("privileged", LATE_BOOL.shape()),
])
.defaults(here_by_default);

static STAGES: List = TEXTS.single();

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::map(short.span, [("context", Node::text(short.span, short.as_str().unwrap_or("")))]))
}

fn here_by_default(build: &mut Node) {
    if build.get("context").is_none() {
        build.set("context", build.span, Node::text(build.span, "."));
    }
}

static SHORT_CONTEXTS: Short =
    Short { accepts: Kinds::LIST, expand: expand_contexts, long: Shape::Dict(&CONTEXTS) };
static CONTEXTS: Dict = Dict::of(Shape::Leaf(NAMED_CONTEXT));
const NAMED_CONTEXT: Leaf =
    Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), To::Text).path(PathKind::Context);

/// Expands a list of `NAME=CONTEXT`.
fn expand_contexts(list: &Node) -> Result<Node, Diagnostic> {
    let mut map = Node::empty_map(list.span);
    for item in list.items() {
        let Some((name, context)) = item.as_str().and_then(|text| text.split_once('=')) else {
            return Err(Diagnostic::error(
                item.span,
                "an additional context must be `name=context`",
            ));
        };
        map.set(name, item.span, Node::text(item.span, context));
    }
    Ok(map)
}

static SHORT_SSH: Short =
    Short { accepts: Kinds::LIST, expand: expand_ssh, long: Shape::Dict(&KEYS) };
static KEYS: Dict = Dict::of(Shape::Leaf(SSH_KEY)).null(NullChild::Kept).display(ssh_list);
const SSH_KEY: Leaf =
    Leaf::new(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), To::Text).path(PathKind::AnyHost);

/// Expands a list of `default` and `ID=PATH`.
fn expand_ssh(list: &Node) -> Result<Node, Diagnostic> {
    let mut map = names_to_map(list, Node::null)?;
    let entries = map.as_map_mut().map(std::mem::take).unwrap_or_default();
    for (text, entry) in entries {
        let (id, path) = match text.split_once('=') {
            Some((id, path)) => (id, Value::Text(path.to_owned())),
            None if text == "default" => ("default", Value::Null),
            None => {
                return Err(Diagnostic::error(
                    entry.key,
                    format!("the SSH key `{text}` has no path"),
                )
                .help(format!("write `default`, or `{text}=PATH`")));
            }
        };
        let node = Node::new(entry.key, path);
        if let Some(map) = map.as_map_mut() {
            map.insert(id.to_owned(), Entry { key: entry.key, node });
        }
    }
    Ok(map)
}

/// Keys print as a list of `ID` or `ID: PATH`.
fn ssh_list(keys: &Node) -> Option<Node> {
    let line = |(id, entry): (&String, &Entry)| {
        let text = match entry.node.as_str() {
            Some(path) if !path.is_empty() => format!("{id}: {path}"),
            _ => id.clone(),
        };
        Node::text(entry.key, text)
    };
    let mut items: Vec<Node> = keys.as_map().into_iter().flatten().map(line).collect();
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Some(Node::list(keys.span, items))
}

/// How the image of a service is made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Build {
    /// An absolute folder, or an address that the builder fetches; `service:NAME` is none of them.
    pub context: String,
    pub dockerfile: Option<String>,
    pub dockerfile_inline: Option<String>,
    pub entitlements: Vec<String>,
    /// A variable without a value has none in the environment either.
    pub args: BTreeMap<String, Option<String>>,
    pub provenance: Option<String>,
    pub sbom: Option<String>,
    /// Paths of keys or agents by ID; without one it is the user's agent.
    pub ssh: BTreeMap<String, Option<String>>,
    pub labels: BTreeMap<String, String>,
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
    pub no_cache: bool,
    pub no_cache_filter: Vec<String>,
    pub additional_contexts: BTreeMap<String, String>,
    pub pull: bool,
    /// `host=address`.
    pub extra_hosts: Vec<String>,
    pub isolation: Option<String>,
    pub network: Option<String>,
    pub target: Option<String>,
    pub secrets: Vec<secrets::Reference>,
    pub shm_size: Bytes,
    pub tags: Vec<String>,
    pub ulimits: BTreeMap<String, ulimits::Ulimit>,
    pub platforms: Vec<String>,
    pub privileged: bool,
}

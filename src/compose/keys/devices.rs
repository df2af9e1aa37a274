//! `devices`: host devices, and device requests of `gpus` and reservations.

use crate::compose::schema::{
    DISTINCT_TEXTS, Key, Kinds, Leaf, List, Merge, Pairs, Record, Shape, Short, TEXT, To,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::Node;

pub(super) const DEVICES: Key =
    Key::new("devices", Shape::List(&MAPPINGS)).merge(Merge::UniqueBy(target));

static MAPPINGS: List = List::of(Shape::Short(&SHORT_MAPPING));
static SHORT_MAPPING: Short =
    Short { accepts: Kinds::TEXT, expand: expand_mapping, long: Shape::Record(&MAPPING) };
static MAPPING: Record = Record::new(&[
    Key::new("source", TEXT.shape()).required(),
    Key::new("target", TEXT.shape()),
    Key::new("permissions", TEXT.shape()),
]);

/// Expands `SOURCE[:TARGET[:PERMISSIONS]]`.
fn expand_mapping(short: &Node) -> Result<Node, Diagnostic> {
    let text = short.as_str().unwrap_or("");
    let at = short.span;
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or("");
    let target = parts.next().filter(|target| !target.is_empty()).unwrap_or(source);
    let permissions = parts.next().unwrap_or("rwm");
    if parts.next().is_some() {
        return Err(Diagnostic::error(
            at,
            format!("the device mapping `{text}` has more than three parts"),
        )
        .help("write it in long form: `{source: …, target: …, permissions: …}`"));
    }
    Ok(Node::map(
        at,
        [
            ("source", Node::text(at, source)),
            ("target", Node::text(at, target)),
            ("permissions", Node::text(at, permissions)),
        ],
    ))
}

fn target(device: &Node) -> Option<String> {
    device.str_of("target").map(str::to_owned)
}

pub(super) const GPUS: Key = Key::new("gpus", Shape::Short(&SHORT_GPUS));

static SHORT_GPUS: Short =
    Short { accepts: Kinds::TEXT, expand: expand_gpus, long: Shape::List(&GPU_LIST) };
static GPU_LIST: List = List::of(Shape::Record(&GPU));

const COUNT: Leaf = Leaf::new(Kinds::TEXT.or(Kinds::INT), To::DeviceCount);

const fn request_keys(capabilities: Key) -> [Key; 5] {
    [
        capabilities,
        Key::new("driver", TEXT.shape()),
        Key::new("count", COUNT.shape()),
        Key::new("device_ids", Shape::List(&DISTINCT_TEXTS)),
        Key::new("options", Shape::Pairs(Pairs::Labels)),
    ]
}

const CAPABILITIES: Key = Key::new("capabilities", Shape::List(&DISTINCT_TEXTS));
static GPU_KEYS: [Key; 5] = request_keys(CAPABILITIES);
static REQUEST_KEYS: [Key; 5] = request_keys(CAPABILITIES.required());

static GPU: Record = Record::new(&GPU_KEYS).open().defaults(all_by_default).check(count_or_ids);

/// A device of `deploy.resources.reservations.devices`.
pub(super) static REQUEST: Record =
    Record::new(&REQUEST_KEYS).defaults(all_by_default).check(count_or_ids);

fn expand_gpus(short: &Node) -> Result<Node, Diagnostic> {
    if short.as_str() != Some("all") {
        let text = short.as_str().unwrap_or("");
        return Err(Diagnostic::error(
            short.span,
            format!("`gpus` as text must be `all`, not `{text}`"),
        ));
    }
    let all = Node::map(short.span, [("count", Node::text(short.span, "all"))]);
    Ok(Node::list(short.span, vec![all]))
}

fn all_by_default(request: &mut Node) {
    if request.get("count").is_none() && request.get("device_ids").is_none() {
        request.set("count", request.span, Node::text(request.span, "all"));
    }
}

fn count_or_ids(request: &Node) -> Option<Diagnostic> {
    let map = request.as_map()?;
    let (count, ids) = (map.get("count")?, map.get("device_ids")?);
    Some(
        Diagnostic::error(ids.key, "`count` and `device_ids` exclude each other")
            .context(count.key, "the count stands here"),
    )
}

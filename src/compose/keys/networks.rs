//! `networks` of a service: which it joins, and how.

use crate::compose::keys::depends_on::names_to_map;
use crate::compose::schema::{
    DISTINCT_TEXTS, Dict, Key, Kinds, Leaf, Merge, NullChild, OPTIONS, Record, Shape, Short, TEXT,
    To, before_equals,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::Node;

pub(super) const KEY: Key = Key::new("networks", Shape::Short(&SHORT));

static SHORT: Short = Short { accepts: Kinds::LIST, expand, long: Shape::Dict(&LONG) };
static LONG: Dict = Dict::of(Shape::Record(&ATTACHMENT)).plain_names().null(NullChild::Kept);

/// Never text, so that a variable cannot be used here (`model.md` §8.3).
const PRIORITY: Leaf = Leaf::new(Kinds::NUMBER, To::Int);

static ATTACHMENT: Record = Record::new(&[
    Key::new("aliases", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("driver_opts", Shape::Dict(&OPTIONS)),
    Key::new("gw_priority", PRIORITY.shape()),
    Key::new("interface_name", TEXT.shape()),
    Key::new("ipv4_address", TEXT.shape()),
    Key::new("ipv6_address", TEXT.shape()),
    Key::new("link_local_ips", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("mac_address", TEXT.shape()),
    Key::new("priority", PRIORITY.shape()),
]);

fn expand(short: &Node) -> Result<Node, Diagnostic> {
    names_to_map(short, Node::null)
}

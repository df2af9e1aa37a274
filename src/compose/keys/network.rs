//! `networks` at the top level.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compose::keys::volume::external_name;
use crate::compose::schema::{
    BOOL, Dict, Key, Kinds, Leaf, List, Merge, OPTIONS, Pairs, Print, Record, Shape, TEXT, To,
};

pub(crate) static NETWORK: Record = Record::new(&[
    Key::new("name", TEXT.shape()),
    Key::new("driver", TEXT.shape()),
    Key::new("driver_opts", Shape::Dict(&OPTIONS)),
    Key::new("ipam", Shape::Record(&IPAM)).print(Print::StructInJson),
    Key::new("external", EXTERNAL.shape()),
    Key::new("internal", BOOL.shape()),
    Key::new("attachable", BOOL.shape()),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    Key::new("enable_ipv4", BOOL.shape()).print(Print::IfPresent),
    Key::new("enable_ipv6", BOOL.shape()).print(Print::IfPresent),
])
.rewrite(external_name);

/// The mapping `{name: …}` of old is gone before this is checked.
pub(super) const EXTERNAL: Leaf = Leaf {
    cast: crate::compose::schema::Cast::Bool,
    ..Leaf::new(Kinds::BOOL.or(Kinds::TEXT), To::Bool)
};

static IPAM: Record = Record::new(&[
    Key::new("driver", TEXT.shape()),
    Key::new("config", Shape::List(&POOLS)).merge(Merge::ItemsBy("subnet")),
    // The peer reads and forgets them, so they must not count in the hash.
    Key::new("options", Shape::Dict(&ADDRESSES)).print(Print::Never),
]);

static POOLS: List = List::of(Shape::Record(&POOL));
static POOL: Record = Record::new(&[
    Key::new("subnet", TEXT.shape()),
    Key::new("gateway", TEXT.shape()),
    Key::new("ip_range", TEXT.shape()),
    Key::new("aux_addresses", Shape::Dict(&ADDRESSES)),
]);

static ADDRESSES: Dict = Dict::of(Shape::Leaf(TEXT));

/// A network of the top level.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Network {
    pub name: String,
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub ipam: Ipam,
    pub external: bool,
    pub internal: bool,
    pub attachable: bool,
    pub labels: BTreeMap<String, String>,
    pub enable_ipv4: Option<bool>,
    pub enable_ipv6: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ipam {
    pub driver: Option<String>,
    pub config: Vec<Pool>,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pool {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    pub ip_range: Option<String>,
    pub aux_addresses: BTreeMap<String, String>,
}

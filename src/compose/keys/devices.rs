//! `devices`: host devices, and device requests of `gpus` and reservations.

use std::collections::BTreeMap;

use bollard::models::{DeviceMapping, DeviceRequest};
use serde::Deserialize;

use crate::compose::keys::service::{Service, filled};
use crate::compose::project::Scope;
use crate::compose::schema::{
    DISTINCT_TEXTS, Key, Kinds, Leaf, List, Merge, Pairs, Record, Shape, Short, TEXT, To,
};
use crate::diagnostic::Diagnostic;
use crate::spec::ContainerSpec;
use crate::yaml::Node;

pub(super) const DEVICES: Key = Key::new("devices", Shape::List(&MAPPINGS))
    .merge(Merge::UniqueBy(target))
    .container(map_devices);

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

pub(super) const GPUS: Key = Key::new("gpus", Shape::Short(&SHORT_GPUS)).container(request_gpus);

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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mapping {
    pub source: String,
    pub target: String,
    pub permissions: String,
}

/// A name as the Container Device Interface has them: `vendor/class=device`.
fn is_cdi_name(name: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | ':'))
    };
    name.split_once('/').is_some_and(|(vendor, rest)| {
        word(vendor)
            && rest.split_once('=').is_some_and(|(class, device)| word(class) && word(device))
    })
}

fn map_devices(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    let (cdi, plain): (Vec<&Mapping>, Vec<&Mapping>) = service
        .devices
        .iter()
        .partition(|device| device.source == device.target && is_cdi_name(&device.source));
    let devices: Vec<_> = plain
        .into_iter()
        .map(|device| DeviceMapping {
            path_on_host: Some(device.source.clone()),
            path_in_container: Some(device.target.clone()),
            cgroup_permissions: Some(device.permissions.clone()),
        })
        .collect();
    spec.host().devices = (!devices.is_empty()).then_some(devices);
    if !cdi.is_empty() {
        let request = DeviceRequest {
            driver: Some("cdi".to_owned()),
            device_ids: Some(cdi.iter().map(|device| device.source.clone()).collect()),
            ..DeviceRequest::default()
        };
        spec.host().device_requests.get_or_insert_default().push(request);
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Request {
    pub capabilities: Vec<String>,
    pub driver: Option<String>,
    /// -1 for all.
    pub count: Option<i64>,
    pub device_ids: Vec<String>,
    pub options: BTreeMap<String, String>,
}

impl Request {
    pub(super) fn as_given(&self) -> DeviceRequest {
        DeviceRequest {
            driver: self.driver.clone(),
            count: self.count,
            device_ids: (!self.device_ids.is_empty()).then(|| self.device_ids.clone()),
            capabilities: Some(vec![self.capabilities.clone()]),
            options: filled(&self.options),
        }
    }
}

/// Requests for graphics cards have that capability without saying so.
fn request_gpus(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    for gpu in &service.gpus {
        let mut request = gpu.as_given();
        for capabilities in request.capabilities.iter_mut().flatten() {
            capabilities.push("gpu".to_owned());
        }
        spec.host().device_requests.get_or_insert_default().push(request);
    }
    Ok(())
}

//! `deploy.resources` and `blkio_config`: how much of the machine a service may use.

use bollard::models::{ResourcesBlkioWeightDevice, ThrottleDevice};
use serde::Deserialize;

use crate::compose::keys::devices;
use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::compose::schema::{
    CPUS, INT_BYTES, Key, Kinds, Leaf, List, NUMBER_AS_INT, Print, Record, Shape, TEXT, TEXT_BYTES,
    To,
};
use crate::compose::units::Bytes;
use crate::spec::ContainerSpec;

pub(super) static RESOURCES: Record = Record::new(&[
    Key::new("limits", Shape::Record(&LIMITS)).print(Print::IfPresent),
    Key::new("reservations", Shape::Record(&RESERVATIONS)).print(Print::IfPresent),
]);

const PIDS: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Int);

static LIMITS: Record = Record::new(&[
    Key::new("cpus", CPUS.shape()),
    Key::new("memory", TEXT_BYTES.shape()),
    Key::new("pids", PIDS.shape()),
]);

static RESERVATIONS: Record = Record::new(&[
    Key::new("cpus", CPUS.shape()),
    Key::new("memory", TEXT_BYTES.shape()),
    Key::new("devices", Shape::List(&REQUESTS)),
    Key::new("generic_resources", Shape::List(&GENERIC)),
]);

static REQUESTS: List = List::of(Shape::Record(&devices::REQUEST));
static GENERIC: List = List::of(Shape::Record(&GENERIC_RESOURCE));
static GENERIC_RESOURCE: Record =
    Record::new(&[
        Key::new("discrete_resource_spec", Shape::Record(&DISCRETE)).print(Print::IfPresent)
    ]);
static DISCRETE: Record = Record::new(&[
    Key::new("kind", TEXT.shape()).print(Print::Always),
    Key::new("value", Leaf { cast: crate::compose::schema::Cast::None, ..NUMBER_AS_INT }.shape())
        .print(Print::Always),
]);

pub(super) const BLKIO: Key =
    Key::new("blkio_config", Shape::Record(&BLKIO_CONFIG)).print(Print::IfPresent).container(blkio);

const WEIGHT: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Unsigned16);

static BLKIO_CONFIG: Record = Record::new(&[
    Key::new("weight", WEIGHT.shape()),
    Key::new("weight_device", Shape::List(&WEIGHTS)),
    Key::new("device_read_bps", Shape::List(&RATES)),
    Key::new("device_read_iops", Shape::List(&RATES)),
    Key::new("device_write_bps", Shape::List(&RATES)),
    Key::new("device_write_iops", Shape::List(&RATES)),
])
.without_extensions();

static WEIGHTS: List = List::of(Shape::Record(&DEVICE_WEIGHT));
static DEVICE_WEIGHT: Record = Record::new(&[
    Key::new("path", TEXT.shape()).print(Print::Always).json_name("Path"),
    Key::new("weight", WEIGHT.shape()).print(Print::Always).json_name("Weight"),
])
.without_extensions();

static RATES: List = List::of(Shape::Record(&DEVICE_RATE));
static DEVICE_RATE: Record = Record::new(&[
    Key::new("path", TEXT.shape()).print(Print::Always).json_name("Path"),
    Key::new("rate", INT_BYTES.shape()).print(Print::Always).json_name("Rate"),
])
.without_extensions();

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub limits: Option<Limits>,
    pub reservations: Option<Reservations>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub cpus: Option<f64>,
    pub memory: Bytes,
    pub pids: Option<i64>,
}

/// Reserved CPUs and generic resources mean something to orchestrators only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reservations {
    pub memory: Bytes,
    pub devices: Vec<devices::Request>,
}

/// `value` times `scale` as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "the engine counts in whole units")]
pub(super) fn scaled(value: f64, scale: f64) -> i64 {
    (value * scale) as i64
}

pub(super) fn apply(resources: &Resources, spec: &mut ContainerSpec) {
    if let Some(limits) = &resources.limits {
        if let Some(memory) = limits.memory.get() {
            spec.host().memory = Some(memory);
        }
        if let Some(cpus) = limits.cpus.filter(|cpus| *cpus != 0.0) {
            spec.host().nano_cpus = Some(scaled(cpus, 1e9));
        }
        if let Some(pids) = limits.pids.filter(|pids| *pids > 0) {
            spec.host().pids_limit = Some(pids);
        }
    }
    if let Some(reservations) = &resources.reservations {
        if let Some(memory) = reservations.memory.get() {
            spec.host().memory_reservation = Some(memory);
        }
        let requests = reservations.devices.iter().map(devices::Request::as_given);
        spec.host().device_requests.get_or_insert_default().extend(requests);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BlkioConfig {
    pub weight: Option<u16>,
    pub weight_device: Vec<DeviceWeight>,
    pub device_read_bps: Vec<DeviceRate>,
    pub device_read_iops: Vec<DeviceRate>,
    pub device_write_bps: Vec<DeviceRate>,
    pub device_write_iops: Vec<DeviceRate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeviceWeight {
    pub path: String,
    pub weight: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeviceRate {
    pub path: String,
    pub rate: Bytes,
}

fn blkio(service: &Service, _: &Scope<'_>, spec: &mut ContainerSpec) -> Result<(), String> {
    let Some(config) = &service.blkio_config else {
        return Ok(());
    };
    let rates = |rates: &[DeviceRate]| {
        let rates: Vec<_> = rates
            .iter()
            .map(|it| ThrottleDevice { path: Some(it.path.clone()), rate: it.rate.get() })
            .collect();
        (!rates.is_empty()).then_some(rates)
    };
    let weights: Vec<_> = config
        .weight_device
        .iter()
        .map(|it| ResourcesBlkioWeightDevice {
            path: Some(it.path.clone()),
            weight: Some(usize::from(it.weight)),
        })
        .collect();
    let host = spec.host();
    host.blkio_weight = config.weight;
    host.blkio_weight_device = (!weights.is_empty()).then_some(weights);
    host.blkio_device_read_bps = rates(&config.device_read_bps);
    host.blkio_device_read_iops = rates(&config.device_read_iops);
    host.blkio_device_write_bps = rates(&config.device_write_bps);
    host.blkio_device_write_iops = rates(&config.device_write_iops);
    Ok(())
}

//! `deploy.resources` and `blkio_config`: how much of the machine a service may use.

use crate::compose::keys::devices;
use crate::compose::schema::{
    CPUS, INT_BYTES, Key, Kinds, Leaf, List, NUMBER_AS_INT, Print, Record, Shape, TEXT, TEXT_BYTES,
    To,
};

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
    Key::new("blkio_config", Shape::Record(&BLKIO_CONFIG)).print(Print::IfPresent);

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

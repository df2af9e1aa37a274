//! The keys of a service.

use crate::compose::keys::develop::one_item;
use crate::compose::keys::{
    build, depends_on, deploy, develop, devices, environment, healthcheck, hooks, logging, models,
    mounts, networks, ports, provider, resources, secrets, ulimits,
};
use crate::compose::schema::{
    BOOL, BYTES, CPUS, Cast, DISTINCT_TEXTS, DURATION, Dict, INT, INT_BYTES, Key, Kinds, LATE_BOOL,
    Leaf, List, Merge, NUMBER_AS_INT, NUMBER_AS_TEXT, Pairs, PathKind, Print, Record, Rule,
    STRICT_BOOL, Shape, Short, TEXT, To, before_equals,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::Node;

/// A service. The rows stand in the order of the peer's output, which the config hash depends on.
pub static SERVICE: Record = Record::new(&[
    Key::new("profiles", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .unhashed(),
    Key::new("annotations", Shape::Pairs(Pairs::Labels)),
    Key::new("attach", LATE_BOOL.shape()).print(Print::IfPresent),
    build::KEY,
    develop::KEY,
    resources::BLKIO,
    Key::new("cap_add", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("cap_drop", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("cgroup_parent", TEXT.shape()),
    Key::new("cgroup", TEXT.rule(Rule::OneOf(&["host", "private"])).shape()),
    Key::new("cpu_count", CPU_COUNT.shape()),
    Key::new("cpu_percent", CPU_PERCENT.shape()),
    Key::new("cpu_period", NUMBER_AS_INT.shape()),
    Key::new("cpu_quota", NUMBER_AS_INT.shape()),
    Key::new("cpu_rt_period", NUMBER_AS_INT.shape()),
    Key::new("cpu_rt_runtime", NUMBER_AS_INT.shape()),
    Key::new("cpus", CPUS.cast(Cast::Float).shape()),
    Key::new("cpuset", TEXT.shape()),
    Key::new("cpu_shares", NUMBER_AS_INT.shape()),
    Key::new("command", Shape::Argv).nullable().merge(Merge::Replace).print(Print::NullInJson),
    secrets::USED_CONFIGS,
    Key::new("container_name", TEXT.rule(CONTAINER_NAME).shape()),
    Key::new("credential_spec", Shape::Record(&CREDENTIAL_SPEC)).print(Print::IfPresent),
    depends_on::KEY,
    deploy::KEY,
    Key::new("device_cgroup_rules", Shape::List(&DISTINCT_TEXTS)),
    devices::DEVICES,
    Key::new("dns", Shape::Short(&ADDRESSES)).merge(Merge::UniqueBy(before_equals)),
    Key::new("dns_opt", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    Key::new("dns_search", Shape::List(&ONE_OR_MORE)).merge(Merge::UniqueBy(before_equals)),
    Key::new("domainname", TEXT.shape()),
    Key::new("entrypoint", Shape::Argv).nullable().merge(Merge::Replace).print(Print::NullInJson),
    provider::KEY,
    environment::ENVIRONMENT,
    environment::ENV_FILE,
    ports::EXPOSE,
    Key::new("extends", Shape::Short(&EXTENDS)).print(Print::IfPresent),
    Key::new("external_links", Shape::List(&DISTINCT_TEXTS)),
    Key::new("extra_hosts", Shape::Hosts),
    Key::new("group_add", Shape::List(&GROUPS)),
    devices::GPUS,
    Key::new("hostname", TEXT.shape()),
    healthcheck::KEY,
    Key::new("image", TEXT.shape()),
    Key::new("init", BOOL.shape()).print(Print::IfPresent),
    Key::new("ipc", TEXT.shape()),
    Key::new("isolation", TEXT.shape()),
    Key::new("labels", Shape::Pairs(Pairs::Labels)),
    environment::LABEL_FILE,
    Key::new("links", Shape::List(&DISTINCT_TEXTS)).merge(Merge::UniqueBy(before_equals)),
    logging::KEY,
    Key::new("mem_limit", BYTES.shape()),
    Key::new("mem_reservation", INT_BYTES.shape()),
    Key::new("memswap_limit", BYTES.shape()),
    Key::new("mem_swappiness", INT_BYTES.shape()),
    Key::new("mac_address", TEXT.shape()),
    models::USED,
    Key::new("network_mode", TEXT.shape()),
    networks::KEY,
    Key::new("oom_kill_disable", BOOL.shape()),
    Key::new("oom_score_adj", OOM_SCORE.shape()),
    Key::new("pid", TEXT.shape()).nullable(),
    Key::new("pids_limit", NUMBER_AS_INT.shape()),
    Key::new("platform", TEXT.shape()),
    ports::PORTS,
    Key::new("privileged", BOOL.shape()),
    Key::new("pull_policy", TEXT.rule(PULL_POLICY).shape()).unhashed(),
    Key::new("pull_refresh_after", TEXT.shape()).print(Print::Never),
    Key::new("read_only", BOOL.shape()),
    Key::new("restart", TEXT.shape()),
    Key::new("runtime", TEXT.shape()),
    Key::new("scale", INT.shape()).print(Print::IfPresent).unhashed(),
    secrets::USED_SECRETS,
    Key::new("security_opt", Shape::List(&DISTINCT_TEXTS)),
    Key::new("shm_size", BYTES.shape()),
    Key::new("stdin_open", BOOL.shape()),
    Key::new("stop_grace_period", DURATION.shape()).print(Print::IfPresent),
    Key::new("stop_signal", TEXT.shape()),
    Key::new("storage_opt", Shape::Dict(&STORAGE)),
    Key::new("sysctls", Shape::Pairs(Pairs::Labels)),
    mounts::TMPFS_KEY,
    Key::new("tty", BOOL.shape()),
    ulimits::KEY,
    Key::new("use_api_socket", STRICT_BOOL.shape()),
    Key::new("user", TEXT.shape()),
    Key::new("userns_mode", TEXT.shape()),
    Key::new("uts", TEXT.shape()),
    mounts::VOLUMES,
    Key::new("volumes_from", Shape::List(&DISTINCT_TEXTS)),
    Key::new("working_dir", TEXT.shape()),
    Key::new("pre_start", Shape::List(&hooks::PRE_START_HOOKS)).recent(),
    Key::new("post_start", Shape::List(&hooks::HOOKS)),
    Key::new("pre_stop", Shape::List(&hooks::HOOKS)),
]);

const CPU_COUNT: Leaf = INT.rule(Rule::Range(0, i64::MAX));
const CPU_PERCENT: Leaf =
    Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Single).cast(Cast::Float).rule(Rule::Range(0, 100));
const OOM_SCORE: Leaf = INT.rule(Rule::Range(-1000, 1000));

const CONTAINER_NAME: Rule = Rule::Text(
    has_container_name,
    "a container name: letters, digits, `_`, `.` and `-`, at least two",
);

/// Contains two allowed characters in a row: the specification's pattern is not anchored.
fn has_container_name(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric()
            && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
    })
}

const PULL_POLICY: Rule = Rule::Text(
    is_pull_policy,
    "a pull policy: always, never, build, missing, if_not_present, refresh, daily, weekly or every_<duration>",
);

/// Contains a policy: the specification's pattern is not anchored.
fn is_pull_policy(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    WORDS.iter().any(|word| text.contains(word))
        || text.match_indices("every_").any(|(at, word)| {
            let rest = &text[at + word.len()..];
            let unit = rest.trim_start_matches(|char: char| char.is_ascii_digit());
            unit.len() < rest.len() && unit.starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

static CREDENTIAL_SPEC: Record = Record::new(&[
    Key::new("config", TEXT.shape()),
    Key::new("file", TEXT.shape()),
    Key::new("registry", TEXT.shape()),
]);

static ADDRESSES: Short = Short { accepts: Kinds::TEXT, expand: one_item, long: Shape::List(&DNS) };
static DNS: List = List { without_blanks: true, ..DISTINCT_TEXTS };

static ONE_OR_MORE: List = DISTINCT_TEXTS.single();
static GROUPS: List = List::of(Shape::Leaf(NUMBER_AS_TEXT)).distinct();
static STORAGE: Dict = Dict::of(Shape::Leaf(NUMBER_AS_TEXT));

static EXTENDS: Short =
    Short { accepts: Kinds::TEXT, expand: expand_extends, long: Shape::Record(&EXTENDED) };
static EXTENDED: Record = Record::new(&[
    Key::new("file", TEXT.path(PathKind::File).shape()),
    Key::new("service", TEXT.shape()).required(),
])
.without_extensions();

#[expect(clippy::unnecessary_wraps, reason = "the type of all short forms")]
fn expand_extends(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::map(short.span, [("service", short.clone())]))
}

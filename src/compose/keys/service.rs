//! The keys of a service.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{HostConfigCgroupnsModeEnum, HostConfigIsolationEnum};
use serde::Deserialize;

use crate::compose::keys::develop::one_item;
use crate::compose::keys::{
    build, depends_on, deploy, develop, devices, environment, healthcheck, hooks, logging, models,
    mounts, networks, ports, provider, resources, secrets, ulimits,
};
use crate::compose::paths;
use crate::compose::project::Scope;
use crate::compose::schema::{
    BOOL, BYTES, CPUS, Cast, DISTINCT_TEXTS, DURATION, Dict, Effect, INT, INT_BYTES, Key, Kinds,
    LATE_BOOL, Leaf, List, Merge, NUMBER_AS_INT, NUMBER_AS_TEXT, Pairs, PathKind, Print, Record,
    Rule, STRICT_BOOL, Shape, Short, TEXT, To, before_equals,
};
use crate::compose::units::{Bytes, Nanoseconds};
use crate::diagnostic::Diagnostic;
use crate::spec::{ContainerSpec, Shared};
use crate::yaml::Node;

/// A service. The rows stand in the order of the peer's output, which the config hash depends on.
pub static SERVICE: Record = Record::new(&[
    Key::new("profiles", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .unhashed()
        .effect(Effect::Loading),
    Key::new("annotations", Shape::Pairs(Pairs::Labels)).container(|s, _, c| {
        c.host().annotations = filled(&s.annotations);
        Ok(())
    }),
    Key::new("attach", LATE_BOOL.shape()).print(Print::IfPresent).effect(Effect::Client),
    build::KEY,
    develop::KEY,
    resources::BLKIO,
    Key::new("cap_add", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .container(|s, _, c| {
            c.host().cap_add = capabilities(&s.cap_add);
            Ok(())
        }),
    Key::new("cap_drop", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .container(|s, _, c| {
            c.host().cap_drop = capabilities(&s.cap_drop);
            Ok(())
        }),
    Key::new("cgroup_parent", TEXT.shape()).container(|s, _, c| {
        c.host().cgroup_parent.clone_from(&s.cgroup_parent);
        Ok(())
    }),
    Key::new("cgroup", TEXT.rule(Rule::OneOf(&["host", "private"])).shape()).container(
        |s, _, c| {
            c.host().cgroupns_mode = match s.cgroup.as_deref() {
                Some("host") => Some(HostConfigCgroupnsModeEnum::HOST),
                Some("private") => Some(HostConfigCgroupnsModeEnum::PRIVATE),
                _ => None,
            };
            Ok(())
        },
    ),
    Key::new("cpu_count", CPU_COUNT.shape()).container(|s, _, c| {
        c.host().cpu_count = s.cpu_count;
        Ok(())
    }),
    Key::new("cpu_percent", CPU_PERCENT.shape()).container(|s, _, c| {
        c.host().cpu_percent = s.cpu_percent.map(|percent| resources::scaled(percent, 100.0));
        Ok(())
    }),
    Key::new("cpu_period", NUMBER_AS_INT.shape()).container(|s, _, c| {
        c.host().cpu_period = s.cpu_period;
        Ok(())
    }),
    Key::new("cpu_quota", NUMBER_AS_INT.shape()).container(|s, _, c| {
        c.host().cpu_quota = s.cpu_quota;
        Ok(())
    }),
    Key::new("cpu_rt_period", NUMBER_AS_INT.shape()).container(|s, _, c| {
        c.host().cpu_realtime_period = s.cpu_rt_period;
        Ok(())
    }),
    Key::new("cpu_rt_runtime", NUMBER_AS_INT.shape()).container(|s, _, c| {
        c.host().cpu_realtime_runtime = s.cpu_rt_runtime;
        Ok(())
    }),
    Key::new("cpus", CPUS.cast(Cast::Float).shape()).container(|s, _, c| {
        c.host().nano_cpus = s.cpus.map(|cpus| resources::scaled(cpus, 1e9));
        Ok(())
    }),
    Key::new("cpuset", TEXT.shape()).container(|s, _, c| {
        c.host().cpuset_cpus.clone_from(&s.cpuset);
        Ok(())
    }),
    Key::new("cpu_shares", NUMBER_AS_INT.shape()).container(|s, _, c| {
        c.host().cpu_shares = s.cpu_shares;
        Ok(())
    }),
    Key::new("command", Shape::Argv)
        .nullable()
        .merge(Merge::Replace)
        .print(Print::NullInJson)
        .container(|s, _, c| {
            c.body.cmd.clone_from(&s.command);
            Ok(())
        }),
    secrets::USED_CONFIGS,
    Key::new("container_name", TEXT.rule(CONTAINER_NAME).shape()).effect(Effect::Planner),
    Key::new("credential_spec", Shape::Record(&CREDENTIAL_SPEC))
        .print(Print::IfPresent)
        .effect(Effect::Ignored("it is for Windows containers under an orchestrator")),
    depends_on::KEY,
    deploy::KEY,
    Key::new("device_cgroup_rules", Shape::List(&DISTINCT_TEXTS)).container(|s, _, c| {
        c.host().device_cgroup_rules = some(&s.device_cgroup_rules);
        Ok(())
    }),
    devices::DEVICES,
    Key::new("dns", Shape::Short(&ADDRESSES)).merge(Merge::UniqueBy(before_equals)).container(
        |s, _, c| {
            c.host().dns = some(&s.dns);
            Ok(())
        },
    ),
    Key::new("dns_opt", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .container(|s, _, c| {
            c.host().dns_options = some(&s.dns_opt);
            Ok(())
        }),
    Key::new("dns_search", Shape::List(&ONE_OR_MORE))
        .merge(Merge::UniqueBy(before_equals))
        .container(|s, _, c| {
            c.host().dns_search = some(&s.dns_search);
            Ok(())
        }),
    Key::new("domainname", TEXT.shape()).container(|s, _, c| {
        c.body.domainname.clone_from(&s.domainname);
        Ok(())
    }),
    Key::new("entrypoint", Shape::Argv)
        .nullable()
        .merge(Merge::Replace)
        .print(Print::NullInJson)
        .container(|s, _, c| {
            c.body.entrypoint.clone_from(&s.entrypoint);
            Ok(())
        }),
    provider::KEY,
    environment::ENVIRONMENT,
    environment::ENV_FILE,
    ports::EXPOSE,
    Key::new("extends", Shape::Short(&EXTENDS)).print(Print::IfPresent).effect(Effect::Loading),
    Key::new("external_links", Shape::List(&DISTINCT_TEXTS)).container(networks::external_links),
    Key::new("extra_hosts", Shape::Hosts).container(|s, _, c| {
        let hosts: Vec<String> =
            s.extra_hosts.iter().map(|line| line.replacen('=', ":", 1)).collect();
        c.host().extra_hosts = some(&hosts);
        Ok(())
    }),
    Key::new("group_add", Shape::List(&GROUPS)).container(|s, _, c| {
        c.host().group_add = some(&s.group_add);
        Ok(())
    }),
    devices::GPUS,
    Key::new("hostname", TEXT.shape()).container(|s, _, c| {
        c.body.hostname.clone_from(&s.hostname);
        Ok(())
    }),
    healthcheck::KEY,
    Key::new("image", TEXT.shape()).effect(Effect::Planner),
    Key::new("init", BOOL.shape()).print(Print::IfPresent).container(|s, _, c| {
        c.host().init = s.init;
        Ok(())
    }),
    Key::new("ipc", TEXT.shape()).container(|s, _, c| {
        c.host().ipc_mode = networks::shared(s.ipc.as_deref(), Shared::Ipc, c);
        Ok(())
    }),
    Key::new("isolation", TEXT.shape()).container(|s, _, c| {
        c.host().isolation = match s.isolation.as_deref() {
            None => None,
            Some("default") => Some(HostConfigIsolationEnum::DEFAULT),
            Some("process") => Some(HostConfigIsolationEnum::PROCESS),
            Some("hyperv") => Some(HostConfigIsolationEnum::HYPERV),
            Some(other) => return Err(format!("`isolation` cannot be `{other}`")),
        };
        Ok(())
    }),
    // With the labels that say whose container it is.
    Key::new("labels", Shape::Pairs(Pairs::Labels)).effect(Effect::Planner),
    environment::LABEL_FILE,
    Key::new("links", Shape::List(&DISTINCT_TEXTS))
        .merge(Merge::UniqueBy(before_equals))
        .container(networks::links),
    logging::KEY,
    Key::new("mem_limit", BYTES.shape()).container(|s, _, c| {
        c.host().memory = s.mem_limit.get().or(c.host().memory);
        Ok(())
    }),
    Key::new("mem_reservation", INT_BYTES.shape()).container(|s, _, c| {
        c.host().memory_reservation = s.mem_reservation.get().or(c.host().memory_reservation);
        Ok(())
    }),
    Key::new("memswap_limit", BYTES.shape()).container(|s, _, c| {
        c.host().memory_swap = s.memswap_limit.get();
        Ok(())
    }),
    Key::new("mem_swappiness", INT_BYTES.shape()).container(|s, _, c| {
        c.host().memory_swappiness = s.mem_swappiness.get();
        Ok(())
    }),
    // Given to the primary network with the networks.
    Key::new("mac_address", TEXT.shape()).effect(Effect::Planner),
    models::USED,
    Key::new("network_mode", TEXT.shape()).container(networks::mode),
    networks::KEY,
    Key::new("oom_kill_disable", BOOL.shape()).container(|s, _, c| {
        c.host().oom_kill_disable = Some(s.oom_kill_disable);
        Ok(())
    }),
    Key::new("oom_score_adj", OOM_SCORE.shape()).container(|s, _, c| {
        c.host().oom_score_adj = s.oom_score_adj;
        Ok(())
    }),
    Key::new("pid", TEXT.shape()).nullable().container(|s, _, c| {
        c.host().pid_mode = networks::shared(s.pid.as_deref(), Shared::Pid, c);
        Ok(())
    }),
    Key::new("pids_limit", NUMBER_AS_INT.shape()).container(|s, _, c| {
        let own = s.pids_limit.filter(|limit| *limit != 0);
        c.host().pids_limit = own.or(c.host().pids_limit);
        Ok(())
    }),
    Key::new("platform", TEXT.shape()).container(|s, _, c| {
        c.platform.clone_from(&s.platform);
        Ok(())
    }),
    ports::PORTS,
    Key::new("privileged", BOOL.shape()).container(|s, _, c| {
        c.host().privileged = Some(s.privileged);
        Ok(())
    }),
    Key::new("pull_policy", TEXT.rule(PULL_POLICY).shape()).unhashed().effect(Effect::Planner),
    Key::new("pull_refresh_after", TEXT.shape())
        .print(Print::Never)
        .effect(Effect::Ignored("the engine does not know it; write the time into `pull_policy`")),
    Key::new("read_only", BOOL.shape()).container(|s, _, c| {
        c.host().readonly_rootfs = Some(s.read_only);
        Ok(())
    }),
    Key::new("restart", TEXT.shape()).container(|s, _, c| {
        let deployed = s.deploy.as_ref().is_some_and(|deploy| deploy.restart_policy.is_some());
        if let Some(policy) = s.restart.as_ref().filter(|_| !deployed) {
            let (name, retries) = policy.split_once(':').unwrap_or((policy, ""));
            let retries = retries.parse().ok();
            c.host().restart_policy = Some(deploy::restart_policy(name, retries)?);
        }
        Ok(())
    }),
    Key::new("runtime", TEXT.shape()).container(|s, _, c| {
        c.host().runtime.clone_from(&s.runtime);
        Ok(())
    }),
    Key::new("scale", INT.shape()).print(Print::IfPresent).unhashed().effect(Effect::Planner),
    secrets::USED_SECRETS,
    Key::new("security_opt", Shape::List(&DISTINCT_TEXTS)).container(security_options),
    Key::new("shm_size", BYTES.shape()).container(|s, _, c| {
        c.host().shm_size = s.shm_size.get();
        Ok(())
    }),
    Key::new("stdin_open", BOOL.shape()).container(|s, _, c| {
        c.body.open_stdin = Some(s.stdin_open);
        Ok(())
    }),
    Key::new("stop_grace_period", DURATION.shape()).print(Print::IfPresent).container(|s, _, c| {
        c.grace = s.stop_grace_period.and_then(Nanoseconds::duration);
        c.body.stop_timeout = c.grace.and_then(|grace| i64::try_from(grace.as_secs()).ok());
        Ok(())
    }),
    Key::new("stop_signal", TEXT.shape()).container(|s, _, c| {
        c.body.stop_signal.clone_from(&s.stop_signal);
        Ok(())
    }),
    Key::new("storage_opt", Shape::Dict(&STORAGE)).container(|s, _, c| {
        c.host().storage_opt = filled(&s.storage_opt);
        Ok(())
    }),
    Key::new("sysctls", Shape::Pairs(Pairs::Labels)).container(|s, _, c| {
        c.host().sysctls = filled(&s.sysctls);
        Ok(())
    }),
    mounts::TMPFS_KEY,
    Key::new("tty", BOOL.shape()).container(|s, _, c| {
        c.body.tty = Some(s.tty);
        Ok(())
    }),
    ulimits::KEY,
    // A mount, a variable and a config of its own.
    Key::new("use_api_socket", STRICT_BOOL.shape()).effect(Effect::Planner),
    Key::new("user", TEXT.shape()).container(|s, _, c| {
        c.body.user.clone_from(&s.user);
        Ok(())
    }),
    Key::new("userns_mode", TEXT.shape()).container(|s, _, c| {
        c.host().userns_mode.clone_from(&s.userns_mode);
        Ok(())
    }),
    Key::new("uts", TEXT.shape()).container(|s, _, c| {
        c.host().uts_mode.clone_from(&s.uts);
        Ok(())
    }),
    mounts::VOLUMES,
    Key::new("volumes_from", Shape::List(&DISTINCT_TEXTS)).container(mounts::volumes_from),
    Key::new("working_dir", TEXT.shape()).container(|s, _, c| {
        c.body.working_dir.clone_from(&s.working_dir);
        Ok(())
    }),
    hooks::PRE_START,
    hooks::POST_START,
    hooks::PRE_STOP,
]);

/// A service as the engine and the planner need it. Keys that have done their work in loading have
/// no field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    pub annotations: BTreeMap<String, String>,
    pub attach: Option<bool>,
    pub blkio_config: Option<resources::BlkioConfig>,
    pub build: Option<build::Build>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
    pub command: Option<Vec<String>>,
    pub configs: Vec<secrets::Reference>,
    pub container_name: Option<String>,
    pub cpu_count: Option<i64>,
    pub cpu_percent: Option<f64>,
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpu_rt_period: Option<i64>,
    pub cpu_rt_runtime: Option<i64>,
    pub cpu_shares: Option<i64>,
    pub cpus: Option<f64>,
    pub cpuset: Option<String>,
    pub depends_on: BTreeMap<String, depends_on::Dependency>,
    pub deploy: Option<deploy::Deploy>,
    pub device_cgroup_rules: Vec<String>,
    pub devices: Vec<devices::Mapping>,
    pub dns: Vec<String>,
    pub dns_opt: Vec<String>,
    pub dns_search: Vec<String>,
    pub domainname: Option<String>,
    pub entrypoint: Option<Vec<String>>,
    pub environment: BTreeMap<String, Option<String>>,
    pub expose: Vec<String>,
    pub external_links: Vec<String>,
    /// `host=address`.
    pub extra_hosts: Vec<String>,
    pub gpus: Vec<devices::Request>,
    pub group_add: Vec<String>,
    pub healthcheck: Option<healthcheck::Healthcheck>,
    pub hostname: Option<String>,
    pub image: Option<String>,
    pub init: Option<bool>,
    pub ipc: Option<String>,
    pub isolation: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub links: Vec<String>,
    pub logging: Option<logging::Logging>,
    pub mac_address: Option<String>,
    pub mem_limit: Bytes,
    pub mem_reservation: Bytes,
    pub mem_swappiness: Bytes,
    pub models: BTreeMap<String, Option<models::Variables>>,
    pub memswap_limit: Bytes,
    pub network_mode: Option<String>,
    pub networks: BTreeMap<String, networks::Attachment>,
    pub oom_kill_disable: bool,
    pub oom_score_adj: Option<i64>,
    pub pid: Option<String>,
    pub pids_limit: Option<i64>,
    pub platform: Option<String>,
    pub ports: Vec<ports::Port>,
    pub post_start: Vec<hooks::Hook>,
    pub pre_start: Vec<hooks::PreStart>,
    pub pre_stop: Vec<hooks::Hook>,
    pub privileged: bool,
    pub provider: Option<provider::Provider>,
    pub pull_policy: Option<String>,
    pub read_only: bool,
    pub restart: Option<String>,
    pub runtime: Option<String>,
    pub scale: Option<u32>,
    pub secrets: Vec<secrets::Reference>,
    pub security_opt: Vec<String>,
    pub shm_size: Bytes,
    pub stdin_open: bool,
    pub stop_grace_period: Option<Nanoseconds>,
    pub stop_signal: Option<String>,
    pub storage_opt: BTreeMap<String, String>,
    pub sysctls: BTreeMap<String, String>,
    pub tmpfs: Vec<String>,
    pub tty: bool,
    pub ulimits: BTreeMap<String, ulimits::Ulimit>,
    pub use_api_socket: bool,
    pub user: Option<String>,
    pub userns_mode: Option<String>,
    pub uts: Option<String>,
    pub volumes: Vec<mounts::Mount>,
    pub volumes_from: Vec<String>,
    pub working_dir: Option<String>,
}

impl Service {
    /// The number of containers the files ask for.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        let deployed = self.deploy.as_ref().and_then(|deploy| deploy.replicas);
        self.scale.or(deployed).unwrap_or(1)
    }

    /// The folders that are memory in its containers.
    pub fn memory_folders(&self) -> impl Iterator<Item = &str> {
        let short = self.tmpfs.iter().map(|text| text.split(':').next().unwrap_or(text));
        let long = self.volumes.iter().filter(|mount| mount.kind == "tmpfs");
        short.chain(long.map(|mount| mount.target.as_str()))
    }
}

/// `None` for nothing.
fn some(items: &[String]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.to_vec())
}

/// Capabilities in the engine's spelling: upper case, with `CAP_` before all but `ALL`.
fn capabilities(names: &[String]) -> Option<Vec<String>> {
    let spelled = names.iter().map(|name| {
        let name = name.trim().to_uppercase();
        if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
    });
    Some(spelled.collect()).filter(|names: &Vec<String>| !names.is_empty())
}

/// A map as the engine's types want it; `None` for an empty one.
pub(super) fn filled(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// `security_opt`, with the profiles it names read, and `systempaths=unconfined` taken apart.
fn security_options(
    service: &Service,
    scope: &Scope<'_>,
    spec: &mut ContainerSpec,
) -> Result<(), String> {
    let mut options = Vec::new();
    for option in &service.security_opt {
        if option == "systempaths=unconfined" {
            spec.host().masked_paths = Some(Vec::new());
            spec.host().readonly_paths = Some(Vec::new());
            continue;
        }
        let (name, value) = match option.split_once('=').or_else(|| option.split_once(':')) {
            Some(pair) => pair,
            None if option == "no-new-privileges" => ("no-new-privileges", ""),
            None => return Err(format!("`security_opt` cannot be `{option}`")),
        };
        if name == "seccomp" && !matches!(value, "unconfined" | "builtin") {
            let profile = (scope.read)(&paths::join(&scope.project.folder, value))?;
            let profile: serde_json::Value = serde_json::from_str(&profile)
                .map_err(|error| format!("the seccomp profile `{value}` is no JSON: {error}"))?;
            options.push(format!("seccomp={profile}"));
        } else {
            options.push(option.clone());
        }
    }
    spec.host().security_opt = some(&options);
    Ok(())
}

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

fn expand_extends(short: &Node) -> Result<Node, Diagnostic> {
    Ok(Node::map(short.span, [("service", short.clone())]))
}

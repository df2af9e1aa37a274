//! What differs between a container that is there and the one that should be, in the words of the
//! files.
//!
//! The config hash alone decides whether a container is replaced; engines do not keep the file that it
//! was made from. What they tell of the container is compared with what they would be asked for now,
//! so containers of any tool can be compared. What the image brings along is no difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::compose::units::go_duration;
use crate::spec::ContainerSpec;

/// A key whose value is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Below the service: `["environment", "MODE"]`.
    pub key: Vec<String>,
    /// `None` if there was none.
    pub old: Option<String>,
    /// `None` if there is none any more.
    pub new: Option<String>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// Words of a command line.
    Words,
    /// A number of nanoseconds.
    Duration,
    /// A number of seconds.
    Seconds,
    /// A number of bytes.
    Bytes,
    /// A billionth of a processor.
    Cpus,
    /// `{Name, MaximumRetryCount}`.
    Restart,
}

/// A field of the engine and the key it comes from.
struct Row {
    /// In the request; what engines tell has the same place below `Config`, or none before `HostConfig`.
    field: &'static str,
    key: &'static str,
    form: Form,
    /// What engines put there if nothing is asked for.
    default: &'static [&'static str],
}

const fn row(field: &'static str, key: &'static str, form: Form) -> Row {
    Row { field, key, form, default: &[] }
}

const fn with_default(
    field: &'static str,
    key: &'static str,
    form: Form,
    default: &'static [&'static str],
) -> Row {
    Row { field, key, form, default }
}

/// Any value is a default.
const ANY: &str = "*";

const ROWS: &[Row] = &[
    row("/Image", "image", Form::Plain),
    row("/Cmd", "command", Form::Words),
    row("/Entrypoint", "entrypoint", Form::Words),
    row("/User", "user", Form::Plain),
    row("/WorkingDir", "working_dir", Form::Plain),
    with_default("/Hostname", "hostname", Form::Plain, &[ANY]),
    row("/Domainname", "domainname", Form::Plain),
    row("/Tty", "tty", Form::Plain),
    row("/OpenStdin", "stdin_open", Form::Plain),
    row("/StopSignal", "stop_signal", Form::Plain),
    with_default("/StopTimeout", "stop_grace_period", Form::Seconds, &["10s"]),
    row("/Healthcheck/Test", "healthcheck.test", Form::Words),
    row("/Healthcheck/Interval", "healthcheck.interval", Form::Duration),
    row("/Healthcheck/Timeout", "healthcheck.timeout", Form::Duration),
    row("/Healthcheck/StartPeriod", "healthcheck.start_period", Form::Duration),
    row("/Healthcheck/StartInterval", "healthcheck.start_interval", Form::Duration),
    row("/Healthcheck/Retries", "healthcheck.retries", Form::Plain),
    row("/HostConfig/Privileged", "privileged", Form::Plain),
    row("/HostConfig/ReadonlyRootfs", "read_only", Form::Plain),
    row("/HostConfig/Init", "init", Form::Plain),
    row("/HostConfig/RestartPolicy", "restart", Form::Restart),
    with_default("/HostConfig/IpcMode", "ipc", Form::Plain, &["private", "shareable"]),
    row("/HostConfig/PidMode", "pid", Form::Plain),
    row("/HostConfig/UTSMode", "uts", Form::Plain),
    row("/HostConfig/UsernsMode", "userns_mode", Form::Plain),
    with_default("/HostConfig/CgroupnsMode", "cgroup", Form::Plain, &[ANY]),
    row("/HostConfig/CgroupParent", "cgroup_parent", Form::Plain),
    row("/HostConfig/CapAdd", "cap_add", Form::Plain),
    row("/HostConfig/CapDrop", "cap_drop", Form::Plain),
    row("/HostConfig/SecurityOpt", "security_opt", Form::Plain),
    row("/HostConfig/Devices", "devices", Form::Plain),
    row("/HostConfig/DeviceCgroupRules", "device_cgroup_rules", Form::Plain),
    row("/HostConfig/DeviceRequests", "gpus", Form::Plain),
    row("/HostConfig/Dns", "dns", Form::Plain),
    row("/HostConfig/DnsOptions", "dns_opt", Form::Plain),
    row("/HostConfig/DnsSearch", "dns_search", Form::Plain),
    row("/HostConfig/ExtraHosts", "extra_hosts", Form::Plain),
    row("/HostConfig/GroupAdd", "group_add", Form::Plain),
    row("/HostConfig/Memory", "mem_limit", Form::Bytes),
    row("/HostConfig/MemoryReservation", "mem_reservation", Form::Bytes),
    with_default("/HostConfig/MemorySwap", "memswap_limit", Form::Bytes, &[ANY]),
    with_default("/HostConfig/MemorySwappiness", "mem_swappiness", Form::Plain, &[ANY]),
    row("/HostConfig/NanoCpus", "cpus", Form::Cpus),
    row("/HostConfig/CpuShares", "cpu_shares", Form::Plain),
    row("/HostConfig/CpuPeriod", "cpu_period", Form::Plain),
    row("/HostConfig/CpuQuota", "cpu_quota", Form::Plain),
    row("/HostConfig/CpuRealtimePeriod", "cpu_rt_period", Form::Plain),
    row("/HostConfig/CpuRealtimeRuntime", "cpu_rt_runtime", Form::Plain),
    row("/HostConfig/CpusetCpus", "cpuset", Form::Plain),
    row("/HostConfig/OomKillDisable", "oom_kill_disable", Form::Plain),
    row("/HostConfig/OomScoreAdj", "oom_score_adj", Form::Plain),
    with_default("/HostConfig/PidsLimit", "pids_limit", Form::Plain, &[ANY]),
    with_default("/HostConfig/ShmSize", "shm_size", Form::Bytes, &["64m"]),
    row("/HostConfig/Sysctls", "sysctls", Form::Plain),
    row("/HostConfig/Ulimits", "ulimits", Form::Plain),
    row("/HostConfig/StorageOpt", "storage_opt", Form::Plain),
    row("/HostConfig/VolumesFrom", "volumes_from", Form::Plain),
    row("/HostConfig/Annotations", "annotations", Form::Plain),
    with_default("/HostConfig/Runtime", "runtime", Form::Plain, &[ANY]),
    with_default("/HostConfig/Isolation", "isolation", Form::Plain, &[ANY]),
    with_default("/HostConfig/LogConfig/Type", "logging.driver", Form::Plain, &[ANY]),
    row("/HostConfig/LogConfig/Config", "logging.options", Form::Plain),
];

/// Modes of a network that are no networks.
const MODES: [&str; 3] = ["host", "none", "container:"];

/// What differs between `spec` and what the engine tells of a container (`old`), made from an image of
/// which it tells `image`.
#[must_use]
pub fn changes(spec: &ContainerSpec, old: &Value, image: &Value) -> Vec<Change> {
    let Ok(new) = serde_json::to_value(&spec.body) else {
        return Vec::new();
    };
    let none = Value::Null;
    let config = old.get("Config").unwrap_or(&none);
    let image = image.get("Config").unwrap_or(&none);
    let mut changes = Vec::new();
    for row in ROWS {
        let was = if row.field.starts_with("/HostConfig") { old } else { config };
        let was = value(was.pointer(row.field));
        let is = value(new.pointer(row.field));
        let inherited =
            was == value(image.pointer(row.field)) || (row.key == "command" && is_reset(&new));
        let is_same = was == is || (row.key == "image" && is_same_image(was, is));
        if is_same || (is.is_none() && (inherited || is_default(row, was))) {
            continue;
        }
        push(&mut changes, row.key.split('.'), text(was, row.form), text(is, row.form));
    }
    let pairs = |list: Option<&Value>| -> BTreeMap<String, String> {
        let words = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        words.map(|word| split(word, '=')).collect()
    };
    compare(
        &mut changes,
        "environment",
        &pairs(config.get("Env")),
        &pairs(new.get("Env")),
        &pairs(image.get("Env")),
    );
    let labels = |of: &Value| -> BTreeMap<String, String> {
        let map = of.get("Labels").and_then(Value::as_object).into_iter().flatten();
        map.filter(|(name, _)| !name.starts_with("com.docker.compose."))
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    compare(&mut changes, "labels", &labels(config), &labels(&new), &labels(image));
    compare(&mut changes, "ports", &ports(old), &ports(&new), &BTreeMap::new());
    compare(&mut changes, "volumes", &mounts(old), &mounts(&new), &BTreeMap::new());
    networks(&mut changes, spec, old);
    changes
}

/// No tag is the tag `latest`.
fn is_same_image(was: Option<&Value>, is: Option<&Value>) -> bool {
    let name = |image: Option<&Value>| {
        let name = image.and_then(Value::as_str).unwrap_or_default();
        name.strip_suffix(":latest").unwrap_or(name).to_owned()
    };
    name(was) == name(is)
}

/// An entrypoint takes the place of the image's command too.
fn is_reset(new: &Value) -> bool {
    value(new.get("Entrypoint")).is_some()
}

/// A value, unless it is one of the many ways to say nothing.
fn value(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    })
}

fn is_default(row: &Row, value: Option<&Value>) -> bool {
    let Some(text) = text(value, row.form) else {
        return true;
    };
    row.default.iter().any(|default| *default == ANY || *default == text)
}

fn push<'a>(
    changes: &mut Vec<Change>,
    key: impl IntoIterator<Item = &'a str>,
    old: Option<String>,
    new: Option<String>,
) {
    // What reads the same is the same, however engines write it.
    if old != new {
        let key = key.into_iter().map(str::to_owned).collect();
        changes.push(Change { key, old, new });
    }
}

/// A value as people would write it.
fn text(value: Option<&Value>, form: Form) -> Option<String> {
    let value = value?;
    let number = value.as_i64();
    Some(match (form, number) {
        (Form::Duration, Some(number)) => go_duration(number),
        (Form::Seconds, Some(number)) => go_duration(number.saturating_mul(1_000_000_000)),
        (Form::Bytes, Some(number)) => bytes(number),
        #[expect(clippy::cast_precision_loss, reason = "nobody has that many processors")]
        (Form::Cpus, Some(number)) => (number as f64 / 1e9).to_string(),
        (Form::Words, _) => {
            let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            words.map(quoted).collect::<Vec<_>>().join(" ")
        }
        (Form::Restart, _) => {
            let name = value.get("Name").and_then(Value::as_str)?;
            if matches!(name, "" | "no") {
                return None;
            }
            match value.get("MaximumRetryCount").and_then(Value::as_i64) {
                Some(count) if count > 0 => format!("{name}:{count}"),
                _ => name.to_owned(),
            }
        }
        _ => match value {
            Value::String(text) => text.clone(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let words: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
                words.into_iter().collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        },
    })
}

/// A size with the largest unit that leaves no rest.
fn bytes(number: i64) -> String {
    for (unit, scale) in [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)] {
        if number > 0 && number % scale == 0 {
            return format!("{}{unit}", number / scale);
        }
    }
    number.to_string()
}

fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=,@%+".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn split(text: &str, at: char) -> (String, String) {
    let (name, value) = text.split_once(at).unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

/// Compares entries by name; those that are gone but come from the image are no change.
fn compare(
    changes: &mut Vec<Change>,
    key: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    inherited: &BTreeMap<String, String>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if is.is_none() && inherited.get(name) == was {
            continue;
        }
        push(changes, [key, name], was.cloned(), is.cloned());
    }
}

/// What is published, by the port of the container.
fn ports(of: &Value) -> BTreeMap<String, String> {
    let map = of.pointer("/HostConfig/PortBindings").and_then(Value::as_object);
    let published = |binding: &Value| {
        let word = |name: &str| binding.get(name).and_then(Value::as_str).unwrap_or("");
        match (word("HostIp"), word("HostPort")) {
            ("", "") => "any port".to_owned(),
            ("", port) => port.to_owned(),
            (address, port) => format!("{address}:{port}"),
        }
    };
    let all = map.into_iter().flatten().map(|(port, bindings)| {
        let bindings = bindings.as_array().into_iter().flatten().map(published);
        (port.trim_end_matches("/tcp").to_owned(), bindings.collect::<Vec<_>>().join(", "))
    });
    all.collect()
}

/// What is mounted, by its place in the container.
fn mounts(of: &Value) -> BTreeMap<String, String> {
    let host = |name: &str| of.pointer(&format!("/HostConfig/{name}"));
    let mut all = BTreeMap::new();
    for bind in host("Binds").and_then(Value::as_array).into_iter().flatten() {
        let mut parts = bind.as_str().unwrap_or("").splitn(3, ':');
        let (source, target) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let read_only = parts.next().unwrap_or("").split(',').any(|word| word == "ro");
        all.insert(target.to_owned(), mounted(source, read_only));
    }
    for mount in host("Mounts").and_then(Value::as_array).into_iter().flatten() {
        let word = |name: &str| mount.get(name).and_then(Value::as_str).unwrap_or("");
        let read_only = mount.get("ReadOnly").and_then(Value::as_bool) == Some(true);
        let source = match (word("Type"), word("Source")) {
            // An anonymous volume has a name too, once it is there.
            ("volume", source) if is_id(source) => "",
            ("tmpfs", _) => "tmpfs",
            (_, source) => source,
        };
        all.insert(word("Target").to_owned(), mounted(source, read_only));
    }
    for (target, options) in host("Tmpfs").and_then(Value::as_object).into_iter().flatten() {
        let options = options.as_str().filter(|options| !options.is_empty());
        let source = options.map_or("tmpfs".to_owned(), |options| format!("tmpfs with {options}"));
        all.insert(target.clone(), source);
    }
    all
}

fn mounted(source: &str, read_only: bool) -> String {
    let source = if source.is_empty() { "anonymous" } else { source };
    if read_only { format!("{source}, read-only") } else { source.to_owned() }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Networks that are joined or left, and names and addresses on them.
fn networks(changes: &mut Vec<Change>, spec: &ContainerSpec, old: &Value) {
    let mode = |of: Option<&str>| {
        of.filter(|mode| MODES.iter().any(|it| mode.starts_with(it))).map(str::to_owned)
    };
    let host = spec.body.host_config.as_ref();
    let is = mode(host.and_then(|host| host.network_mode.as_deref()));
    let was = mode(old.pointer("/HostConfig/NetworkMode").and_then(Value::as_str));
    let has_mode = is.is_some() || was.is_some();
    push(changes, ["network_mode"], was, is);
    if has_mode || spec.joins.iter().any(|join| join.what == crate::spec::Shared::Network) {
        return;
    }
    let map = old.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let there: BTreeMap<&str, &Value> =
        map.into_iter().flatten().map(|(name, network)| (name.as_str(), network)).collect();
    for endpoint in &spec.endpoints {
        let name = endpoint.network.as_str();
        let Some(found) = there.get(name) else {
            push(changes, ["networks", name], None, Some("joined".to_owned()));
            continue;
        };
        let asked = endpoint.settings.ipam_config.as_ref();
        for (field, key, is) in [
            ("IPv4Address", "ipv4_address", asked.and_then(|it| it.ipv4_address.clone())),
            ("IPv6Address", "ipv6_address", asked.and_then(|it| it.ipv6_address.clone())),
        ] {
            let was = found.pointer(&format!("/IPAMConfig/{field}")).and_then(Value::as_str);
            let was = was.filter(|text| !text.is_empty()).map(str::to_owned);
            push(changes, ["networks", name, key], was, is.filter(|text| !text.is_empty()));
        }
        let id = old.get("Id").and_then(Value::as_str).unwrap_or("");
        let words = found.get("Aliases").and_then(Value::as_array).into_iter().flatten();
        let was: BTreeSet<&str> =
            words.filter_map(Value::as_str).filter(|alias| id.get(..12) != Some(*alias)).collect();
        let is: BTreeSet<&str> =
            endpoint.settings.aliases.iter().flatten().map(String::as_str).collect();
        let own = |alias: &&&str| **alias != spec.name;
        let gone: Vec<&str> = was.difference(&is).filter(own).copied().collect();
        let come: Vec<&str> = is.difference(&was).filter(own).copied().collect();
        let listed = |names: Vec<&str>| (!names.is_empty()).then(|| names.join(", "));
        push(changes, ["networks", name, "aliases"], listed(gone), listed(come));
    }
    let wanted = |name: &str| spec.endpoints.iter().any(|endpoint| endpoint.network == name);
    for name in there.keys().filter(|name| !wanted(name)) {
        push(changes, ["networks", name], Some("joined".to_owned()), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ContainerCreateBody, Endpoint, EndpointSettings, HostConfig};
    use serde_json::json;

    fn check(body: &Value, old: &Value, image: &Value, want: &str) {
        let body: ContainerCreateBody = serde_json::from_value(body.clone()).unwrap();
        let endpoints = vec![Endpoint {
            network: "p_default".to_owned(),
            settings: EndpointSettings::default(),
        }];
        let spec =
            ContainerSpec { name: "p-a-1".to_owned(), body, endpoints, ..ContainerSpec::default() };
        let mut old = old.clone();
        old["NetworkSettings"]["Networks"]["p_default"] = json!({"Aliases": ["p-a-1"]});
        let found: Vec<String> = changes(&spec, &old, image)
            .into_iter()
            .map(|it| {
                let value = |of: Option<String>| of.unwrap_or_else(|| "-".to_owned());
                format!("{}: {} > {}", it.key.join("."), value(it.old), value(it.new))
            })
            .collect();
        assert_eq!(found.join("\n"), want);
    }

    #[test]
    fn what_the_image_brings_is_no_change() {
        let image = json!({"Config": {
            "Cmd": ["serve"], "Env": ["PATH=/bin"], "Labels": {"maker": "x"}, "WorkingDir": "/w",
        }});
        let old = json!({"Config": {
            "Image": "i", "Cmd": ["serve"], "Env": ["PATH=/bin", "A=1"], "WorkingDir": "/w",
            "Labels": {"maker": "x", "com.docker.compose.project": "p"}, "Hostname": "0123456789ab",
        }});
        check(&json!({"Image": "i", "Env": ["A=1"]}), &old, &image, "");
        let new = json!({"Image": "j", "Env": ["B=2"], "Cmd": ["serve", "all of it"]});
        let want = "\
image: i > j
command: serve > serve 'all of it'
environment.A: 1 > -
environment.B: - > 2";
        check(&new, &old, &image, want);
    }

    #[test]
    fn values_read_as_people_write_them() {
        let host = HostConfig::default();
        let old = json!({"Config": {"Healthcheck": {"Interval": 1_000_000_000_i64}}, "HostConfig": {
            "Memory": 536_870_912, "ShmSize": 67_108_864, "NanoCpus": 500_000_000,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "CapAdd": ["B", "A"],
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
            "Binds": ["/src:/app:ro"], "Runtime": "runc", "LogConfig": {"Type": "json-file", "Config": {}},
        }});
        let mut new = json!({"HostConfig": host, "Healthcheck": {"Interval": 90_000_000_000_i64}});
        new["HostConfig"]["Memory"] = json!(1_073_741_824);
        new["HostConfig"]["RestartPolicy"] = json!({"Name": "on-failure", "MaximumRetryCount": 3});
        new["HostConfig"]["CapAdd"] = json!(["A", "B"]);
        new["HostConfig"]["PortBindings"] =
            json!({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8081"}]});
        new["HostConfig"]["Mounts"] =
            json!([{"Type": "volume", "Source": "p_data", "Target": "/app"}]);
        let want = "\
healthcheck.interval: 1s > 1m30s
restart: - > on-failure:3
mem_limit: 512m > 1g
cpus: 0.5 > -
ports.80: 8080 > 127.0.0.1:8081
volumes./app: /src, read-only > p_data";
        check(&new, &old, &Value::Null, want);
    }

    #[test]
    fn networks_that_are_joined_and_left() {
        let old = json!({"NetworkSettings": {"Networks": {"p_old": {}}}});
        check(&json!({}), &old, &Value::Null, "networks.p_old: joined > -");
        let old = json!({"HostConfig": {"NetworkMode": "host"}});
        check(&json!({}), &old, &Value::Null, "network_mode: host > -");
    }
}

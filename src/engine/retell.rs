//! What an engine tells of a container, in the words of the others.

use serde_json::Value;

use crate::engine::images::short;

/// Variables that the engine adds by itself.
const ADDED: [&str; 4] = ["container=", "HOSTNAME=", "HOME=", "TERM="];

/// What its own annotations begin with.
const OWN_NOTES: [&str; 4] =
    ["io.podman.", "io.container.", "org.opencontainers.image.stopSignal", "org.systemd.property."];

/// Signals by their numbers, as far as people stop containers by them.
const SIGNALS: [(&str, &str); 10] = [
    ("1", "SIGHUP"),
    ("2", "SIGINT"),
    ("3", "SIGQUIT"),
    ("6", "SIGABRT"),
    ("9", "SIGKILL"),
    ("10", "SIGUSR1"),
    ("12", "SIGUSR2"),
    ("15", "SIGTERM"),
    ("28", "SIGWINCH"),
    ("37", "SIGRTMIN+3"),
];

/// Size of /dev/shm where none is asked for: 65,536,000 here, 64 MiB elsewhere.
const SHARED_MEMORY: (u64, u64) = (65_536_000, 67_108_864);

/// Leaves out of a description what nobody asked for, and writes the rest as others do.
pub(super) fn retell(container: &mut Value) {
    let config = &mut container["Config"];
    if let Some(variables) = config["Env"].as_array_mut() {
        let is_added = |it: &Value| {
            ADDED.iter().any(|name| it.as_str().is_some_and(|it| it.starts_with(name)))
        };
        variables.retain(|it| !is_added(it));
    }
    if config["WorkingDir"] == "/" {
        config["WorkingDir"] = Value::Null;
    }
    // What it gets where nobody asks for a time.
    if config["StopTimeout"] == 10 {
        config["StopTimeout"] = Value::Null;
    }
    let signal = config["StopSignal"].as_str().unwrap_or_default();
    config["StopSignal"] = match SIGNALS.iter().find(|(number, _)| *number == signal) {
        Some((_, "SIGTERM")) => Value::Null,
        Some((_, name)) => Value::from(*name),
        None => Value::from(signal),
    };
    if let Some(image) = config["Image"].as_str() {
        config["Image"] = familiar(image).into();
    }
    let host = &mut container["HostConfig"];
    if host["RestartPolicy"]["Name"] == "" {
        host["RestartPolicy"]["Name"] = "no".into();
    }
    for mode in ["PidMode", "UTSMode", "UsernsMode"] {
        if host[mode] == "private" {
            host[mode] = Value::Null;
        }
    }
    if host["ShmSize"] == SHARED_MEMORY.0 {
        host["ShmSize"] = SHARED_MEMORY.1.into();
    }
    if let Some(limits) = host["Ulimits"].as_array_mut() {
        // Its own are as high as it may go.
        let is_own = |it: &Value| {
            matches!(it["Name"].as_str(), Some("RLIMIT_NOFILE" | "RLIMIT_NPROC"))
                && it["Soft"] == it["Hard"]
        };
        limits.retain(|it| !is_own(it));
        for limit in limits {
            let name = limit["Name"].as_str().unwrap_or_default().to_lowercase();
            limit["Name"] = name.trim_start_matches("rlimit_").into();
        }
    }
    if let Some(notes) = host["Annotations"].as_object_mut() {
        notes.retain(|name, _| !OWN_NOTES.iter().any(|own| name.starts_with(own)));
    }
}

/// An image's name as people write it.
fn familiar(image: &str) -> &str {
    let short = short(image.strip_prefix("localhost/").unwrap_or(image));
    short.strip_suffix(":latest").unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_asked_for_is_left_out() {
        let mut container = json!({
            "Config": {
                "Image": "localhost/busybox:latest",
                "Env": ["A=1", "container=podman", "HOME=/root", "HOSTNAME=x"],
                "WorkingDir": "/",
                "StopSignal": "15",
                "StopTimeout": 10,
            },
            "HostConfig": {
                "PidMode": "private",
                "ShmSize": 65_536_000,
                "Ulimits": [
                    {"Name": "RLIMIT_NOFILE", "Soft": 20000, "Hard": 20000},
                    {"Name": "RLIMIT_CORE", "Soft": 1, "Hard": 2},
                ],
                "Annotations": {"io.podman.annotations.init": "TRUE", "mine": "1"},
            },
        });
        retell(&mut container);
        let expected = json!({
            "Config": {
                "Image": "busybox",
                "Env": ["A=1"],
                "WorkingDir": null,
                "StopSignal": null,
                "StopTimeout": null,
            },
            "HostConfig": {
                "PidMode": null,
                "ShmSize": 67_108_864,
                "Ulimits": [{"Name": "core", "Soft": 1, "Hard": 2}],
                "Annotations": {"mine": "1"},
            },
        });
        assert_eq!(container, expected);
    }

    #[test]
    fn names_of_images() {
        for (full, short) in [
            ("library/redis:7", "redis:7"),
            ("registry.example/me/app:latest", "registry.example/me/app"),
            ("localhost/app:1", "app:1"),
            ("registry.example/app:1", "registry.example/app:1"),
        ] {
            assert_eq!(familiar(full), short);
        }
    }
}

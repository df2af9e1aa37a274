//! The labels by which Docker Compose and rcompose know what is theirs.

use std::fmt;

/// What the labels of Docker Compose begin with.
const PREFIX: &str = "com.docker.compose.";

pub const PROJECT: &str = "com.docker.compose.project";
pub const SERVICE: &str = "com.docker.compose.service";
pub const CONTAINER_NUMBER: &str = "com.docker.compose.container-number";
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// What the names of one-offs differ in, 64 hexadecimal digits.
pub const SLUG: &str = "com.docker.compose.slug";
/// Its presence is what makes a container visible to Docker Compose.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// The ID of the image a container was made from.
pub const IMAGE: &str = "com.docker.compose.image";
/// Who built an image, if that was not `BuildKit`.
pub const IMAGE_BUILDER: &str = "com.docker.compose.image.builder";
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
pub const VERSION: &str = "com.docker.compose.version";
/// The container that a recreated one took the place of.
pub const REPLACE: &str = "com.docker.compose.replace";
/// The hook that a container runs; such containers have no config hash.
pub const HOOK: &str = "com.docker.compose.hook";
/// The key of a network in its project.
pub const NETWORK: &str = "com.docker.compose.network";
/// The key of a volume in its project.
pub const VOLUME: &str = "com.docker.compose.volume";

/// Who holds what a job has made: containers, networks and volumes of `ci` and `test`.
pub const LEASE: &str = "rcompose.lease";
/// The same of images. It has a name of its own, as containers inherit the labels of their image.
pub const IMAGE_LEASE: &str = "rcompose.image-lease";

/// The release of Docker Compose whose labels and hashes these are: what other tools compare.
pub const COMPOSE_VERSION: &str = "2.40.3";

/// Whether a label is one of these rather than the user's.
#[must_use]
pub fn is_own(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A dependency as the label tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub service: String,
    pub condition: String,
    pub restart: bool,
}

/// Writes the value of [`DEPENDS_ON`].
pub fn write_depends_on(dependencies: impl IntoIterator<Item = Dependency>) -> String {
    let items: Vec<String> = dependencies
        .into_iter()
        .map(|it| format!("{}:{}:{}", it.service, it.condition, it.restart))
        .collect();
    items.join(",")
}

/// Reads the value of [`DEPENDS_ON`]. What older tools left out is filled in as the peer does.
#[must_use]
pub fn read_depends_on(value: &str) -> Vec<Dependency> {
    value
        .split(',')
        .filter(|item| !item.is_empty())
        .map(|item| {
            let mut parts = item.split(':');
            Dependency {
                service: parts.next().unwrap_or("").to_owned(),
                condition: parts.next().unwrap_or("running_or_healthy").to_owned(),
                restart: parts.next().is_none_or(|restart| restart == "true"),
            }
        })
        .collect()
}

/// Who holds something that goes with its holder: a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Where numbers of processes mean the same: one boot of one machine, and one namespace of it. Empty
    /// if the system does not tell.
    pub place: String,
    pub process: u32,
    /// When the process started, in ticks of its machine since that booted.
    pub start: u64,
    /// Since when it is held, in seconds since 1970.
    pub since: i64,
    /// Whether it stays for a while when the holder is gone.
    pub kept: bool,
}

/// What stands for a place that is not known.
const NOWHERE: &str = "-";

impl fmt::Display for Lease {
    /// Writes the value of [`LEASE`].
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { NOWHERE } else { &self.place };
        write!(out, "{place} {} {} {}", self.process, self.start, self.since)?;
        if self.kept { write!(out, " kept") } else { Ok(()) }
    }
}

impl Lease {
    /// Reads the value of [`LEASE`]; `None` if somebody else has written it.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let words: Vec<&str> = value.split(' ').collect();
        let (place, process, start, since, kept) = match words[..] {
            [place, process, start, since] => (place, process, start, since, false),
            [place, process, start, since, "kept"] => (place, process, start, since, true),
            _ => return None,
        };
        Some(Self {
            place: if place == NOWHERE { String::new() } else { place.to_owned() },
            process: process.parse().ok()?,
            start: start.parse().ok()?,
            since: since.parse().ok()?,
            kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_survive_the_label() {
        let lease = Lease {
            place: "1f2e-3d/4026531836".to_owned(),
            process: 7,
            start: 123_456,
            since: 1_700_000_000,
            kept: false,
        };
        assert_eq!(lease.to_string(), "1f2e-3d/4026531836 7 123456 1700000000");
        let kept = Lease { place: String::new(), kept: true, ..lease.clone() };
        assert_eq!(kept.to_string(), "- 7 123456 1700000000 kept");
        for lease in [lease, kept] {
            assert_eq!(Lease::parse(&lease.to_string()), Some(lease));
        }
        for other in ["", "- 7 1", "- 7 1 2 forever", "- x 1 2", "- -7 1 2", "- 7 1 2 kept more"] {
            assert_eq!(Lease::parse(other), None, "{other}");
        }
    }

    #[test]
    fn dependencies_survive_the_label() {
        let db =
            Dependency { service: "db".into(), condition: "service_healthy".into(), restart: true };
        let text = write_depends_on([db.clone()]);
        assert_eq!(text, "db:service_healthy:true");
        assert_eq!(read_depends_on(&text), [db]);
        assert_eq!(read_depends_on(""), []);
        let old = &read_depends_on("db")[0];
        assert_eq!((&*old.condition, old.restart), ("running_or_healthy", true));
    }
}

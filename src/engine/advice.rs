//! What to do about an engine that cannot be reached.
#![expect(clippy::disallowed_methods, reason = "who may use a socket is said by the file system")]

use std::error::Error as StdError;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::engine::endpoint::Endpoint;
use crate::engine::error::Error;
use crate::engine::tls;

/// What there is to do anyway.
const ANYWAY: &str = "start Docker or Podman, or name another engine with DOCKER_HOST or --host";

/// The innermost cause of a connection that failed, in words and with what to do about it.
pub(super) fn explain(endpoint: &Endpoint, error: &(dyn StdError + 'static)) -> Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let io_error = find::<io::Error>(error);
    let encryption = io_error.and_then(|it| it.get_ref()?.downcast_ref::<rustls::Error>());
    let kind = io_error.map_or(io::ErrorKind::Other, io::Error::kind);
    let cause = match (endpoint, kind) {
        (Endpoint::Unix(_), io::ErrorKind::NotFound) => "there is no such socket".to_owned(),
        (_, io::ErrorKind::ConnectionRefused) => "nobody listens there".to_owned(),
        (_, io::ErrorKind::PermissionDenied) => "permission denied".to_owned(),
        _ => cause.to_string(),
    };
    let help = match (endpoint, encryption) {
        (_, Some(error)) => tls::help(error).to_owned(),
        (Endpoint::Unix(path), None) => of_socket(path, kind),
        (Endpoint::Tcp { .. }, None) => "check host and port, and that the engine listens there: \
            it does so only if it is told to, as by `dockerd -H tcp://HOST:PORT`"
            .to_owned(),
        (Endpoint::Ssh(_), None) if kind == io::ErrorKind::NotFound => {
            "install OpenSSH's client".to_owned()
        }
        (Endpoint::Ssh(login), None) => {
            let user = login.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
            let port = login.port.map_or(String::new(), |port| format!("-p {port} "));
            format!(
                "try `ssh {port}{user}{} docker version`: it must answer without asking for a \
                 password, so give ssh a key, and accept the host's",
                login.host
            )
        }
    };
    Error::Unreachable {
        endpoint: endpoint.to_string(),
        cause,
        by: None,
        denied: kind == io::ErrorKind::PermissionDenied,
        help,
    }
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        found = error.downcast_ref::<T>().or(found);
        next = error.source();
    }
    found
}

fn of_socket(path: &Path, kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::PermissionDenied => match group_of(path) {
            Some(group) if group != "root" => format!(
                "join the group `{group}`, which may use it: `sudo usermod -aG {group} $USER`, \
                 then log in again"
            ),
            _ => {
                "its owner alone may use it: run as that user, or use a rootless engine".to_owned()
            }
        },
        _ => ANYWAY.to_owned(),
    }
}

/// The group that a file belongs to, if its members may use it.
fn group_of(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path).ok()?;
    if file.mode() & 0o060 != 0o060 {
        return None;
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let number = file.gid().to_string();
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.or(Some(number))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn who_may_use_a_socket() {
        let path = std::env::temp_dir().join(format!("rcompose-socket-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let help = |mode: u32| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            (group_of(&path), of_socket(&path, io::ErrorKind::PermissionDenied))
        };
        let (group, text) = help(0o600);
        assert_eq!(group, None);
        assert!(text.starts_with("its owner alone may use it"), "{text}");
        let (group, text) = help(0o660);
        let group = group.unwrap();
        assert!(
            group == "root" || text.starts_with(&format!("join the group `{group}`")),
            "{text}"
        );
        std::fs::remove_file(&path).unwrap();
    }
}

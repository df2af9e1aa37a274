//! `engine-socket`: containers that command the engine.

use crate::lint::subject::Service;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "engine-socket",
    level: Level::Warning,
    summary: "a mount of the engine's socket",
    reason: "whoever writes to the socket can start a container with the whole host in it, so the container \
             is root on the machine. Mounting it read-only changes nothing: requests still go through.",
    fix: "put a proxy between that lets only the requests through that are needed",
    bad: Sample::Compose(
        "services:\n  proxy:\n    image: traefik:3.2\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']\n",
    ),
    good: Sample::Compose(
        "services:\n  proxy:\n    image: traefik:3.2\n    volumes: ['./traefik.yaml:/etc/traefik/traefik.yaml:ro']\n",
    ),
    check: Check::Service(check),
};

fn check(service: &Service<'_>, findings: &mut Findings) {
    let socket = |path: &str| {
        ["/docker.sock", "/podman.sock", "/containerd.sock"].iter().any(|end| path.ends_with(end))
    };
    for mount in service.items("volumes") {
        if mount.str_of("source").is_some_and(socket) {
            findings.add(mount.span, format!("`{}` can command the engine", service.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::service;

    #[test]
    fn sockets() {
        let socket = "/run/docker.sock:/var/run/docker.sock";
        assert_eq!(service(&RULE, &format!("image: a:1\nvolumes: ['{socket}']")).len(), 1);
        assert_eq!(service(&RULE, "image: a:1\nvolumes: [/run/x.sock:/run/docker.sock]"), [""; 0]);
    }
}

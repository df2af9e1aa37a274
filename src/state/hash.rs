//! Config hashes, equal to Docker Compose's bit for bit, so that either tool can take over the
//! other's project without recreating anything.

use sha2::{Digest as _, Sha256};

use crate::compose::print;
use crate::yaml::Node;

/// The hash of a canonical service.
///
/// `platform` is `DOCKER_DEFAULT_PLATFORM`: it counts for services that are built and name no
/// platform themselves.
#[must_use]
pub fn service(service: &Node, platform: Option<&str>) -> String {
    if let Some(platform) = platform
        && service.get("build").is_some()
        && service.get("platform").is_none()
    {
        let mut filled = service.clone();
        filled.set("platform", service.span, Node::text(service.span, platform));
        return of_text(&print::hashed_service(&filled));
    }
    of_text(&print::hashed_service(service))
}

/// SHA-256 as lower-case hexadecimal.
fn of_text(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! Which failures of registries pass by themselves.
//!
//! Engines hand on no status of a registry, but a text, each in words of its own.

use crate::engine::error::Error;

/// What a registry says that has too much to do, or that is in trouble, and says so itself.
const BUSY: &[&str] = &[
    "408 Request Timeout",
    "429 Too Many Requests",
    "toomanyrequests",
    "too many requests",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Time",
];

/// What stays as it is, however often it is asked for.
const FINAL: &[&str] = &[
    "unauthorized",
    "denied",
    "forbidden",
    "no basic auth credentials",
    "authentication required",
    "incorrect username or password",
    "manifest unknown",
    "name unknown",
    "not found",
    "no matching manifest",
    "no such host",
    "connection refused",
    "no space left",
    "x509",
    "HTTP response to HTTPS client",
];

/// What happens on the way.
const BROKEN: &[&str] = &[
    "unexpected EOF",
    ": EOF",
    "connection reset by peer",
    "broken pipe",
    "i/o timeout",
    "TLS handshake timeout",
    "Client.Timeout exceeded",
    "context deadline exceeded",
    "Temporary failure in name resolution",
    "server misbehaving",
    "server sent GOAWAY",
    "verification failed for digest",
    "did not match",
    "unexpected commit",
    "short read",
];

/// What stands before the number of a status.
const BEFORE_STATUS: [&str; 3] = ["HTTP status: ", "StatusCode: ", "status code "];

impl Error {
    /// The words of a failure that may pass by itself.
    #[must_use]
    pub fn transient(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } | Self::NotFound(message) | Self::Conflict(message) => {
                transient(message)
            }
            _ => None,
        }
    }
}

fn transient(message: &str) -> Option<&str> {
    // Letters beyond ASCII keep their length, and so do places.
    let lower = message.to_ascii_lowercase();
    let find = |words: &[&str]| words.iter().find_map(|it| lower.find(&it.to_ascii_lowercase()));
    let status = BEFORE_STATUS.iter().find_map(|it| message.split_once(it)).map(|(_, rest)| rest);
    let is_busy = |status: &&str| ["5", "408", "429"].iter().any(|it| status.starts_with(it));
    if let Some(status) = status.filter(is_busy) {
        return Some(first_clause(status));
    }
    let at = match find(BUSY) {
        Some(at) => at,
        None if find(FINAL).is_some() => return None,
        None => find(BROKEN)?,
    };
    Some(first_clause(message[at..].trim_start_matches(": ")))
}

/// What is said before the next sign.
fn first_clause(text: &str) -> &str {
    text.split([':', ';', ',', '(']).next().unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself() {
        let table = [
            // Docker, with the store of its own.
            ("received unexpected HTTP status: 502 Bad Gateway", Some("502 Bad Gateway")),
            ("received unexpected HTTP status: 599 Odd Thing", Some("599 Odd Thing")),
            ("received unexpected HTTP status: 418 I'm a teapot", None),
            ("toomanyrequests: You have reached your pull rate limit.", Some("toomanyrequests")),
            (
                "Get \"http://h/v2/\": net/http: TLS handshake timeout",
                Some("TLS handshake timeout"),
            ),
            ("Get \"http://h/v2/\": EOF", Some("EOF")),
            // Podman.
            (
                "initializing source docker://h/a:1: reading manifest 1 in h/a: \
                 received unexpected HTTP status: 503 Service Unavailable",
                Some("503 Service Unavailable"),
            ),
            ("reading manifest 1 in h/a: StatusCode: 408, bad\n", Some("408")),
            ("reading manifest 1 in h/a: StatusCode: 400, bad\n", None),
            ("reading manifest 1 in h/a: toomanyrequests: slow down", Some("toomanyrequests")),
            (
                "storing blob to file \"/var/tmp/1\": happened during read: unexpected EOF",
                Some("unexpected EOF"),
            ),
            ("reading manifest 1 in h/a: denied: no", None),
            (
                "read tcp 1.2.3.4:5->6.7.8.9:10: read: connection reset by peer",
                Some("connection reset by peer"),
            ),
            (
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
                Some("Client.Timeout exceeded while awaiting headers)"),
            ),
            (
                "filesystem layer verification failed for digest sha256:1",
                Some("verification failed for digest sha256"),
            ),
            ("manifest for h/a:1 not found: manifest unknown: as it was told", None),
            ("unauthorized: authentication required", None),
            ("Get \"http://h/v2/\": no basic auth credentials", None),
            (
                "pull access denied for a, repository does not exist or may require 'docker login'",
                None,
            ),
            ("dial tcp: lookup h on 1.1.1.1:53: no such host", None),
            ("dial tcp 127.0.0.1:1: connect: connection refused", None),
            ("error parsing HTTP 400 response body: invalid character 'n'", None),
            ("no matching manifest for linux/arm64 in the manifest list entries", None),
            ("write /var/lib/x: no space left on device", None),
        ];
        for (message, want) in table {
            assert_eq!(transient(message), want, "{message}");
        }
        // The engine itself is no registry.
        assert_eq!(Error::Answer("unexpected EOF".to_owned()).transient(), None);
        assert_eq!(Error::Timeout.transient(), None);
    }
}

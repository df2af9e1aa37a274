//! What the program does, seen from outside: arguments and files in; output, exit code and files out.
//!
//! Nothing here needs an engine. Every run has an environment of its own.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::cast_possible_truncation,
    reason = "tests make files and random bytes, fail loudly, and hold whole outputs"
)]

mod bad_engine;
mod config;
mod corpus;
mod diagnostics;
mod dns;
mod endpoints;
mod fake;
mod full_disk;
mod help;
mod hostile;
mod jobs;
mod lint;
mod lock;
mod plugin;
#[path = "../shared/registry.rs"]
mod registry;
mod remote;
mod sandbox;
mod selection;
mod shells;
#[path = "../shared/tls.rs"]
mod tls;
mod without_engine;

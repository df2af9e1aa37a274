//! What the program does to a real engine: scenarios that run the binary and look at the engine's
//! state over its own HTTP interface.
//!
//! `RCOMPOSE_TEST_ENGINE` holds the address of the engine, such as `unix:///var/run/docker.sock`.
//! Without it every scenario is left out, and one line says so. The engine needs `busybox:latest`,
//! and must publish its ports where the tests run; examples need the other images of `scripts/engine.sh`,
//! and are left out without them, which a line says. `RCOMPOSE_TEST_PEER` may hold the command line of
//! Docker Compose, such as `docker compose`, to compare with.
//!
//! A scenario has a project of its own, of which nothing is left when it ends. It never waits for a
//! fixed time, but for a condition with a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "scenarios make files, read their settings, fail loudly, and are told as a whole"
)]

mod alike;
mod artifacts;
mod attached;
mod builds;
mod ci;
mod classic;
mod connected;
mod control;
mod convergence;
mod copying;
mod dependencies;
mod digests;
mod engine;
mod engines;
mod examples;
mod exec;
mod explanations;
mod fake_registry;
mod faults;
mod formats;
mod full_disk;
mod hooks;
mod identity;
mod images;
mod inline_files;
mod interruption;
mod listings;
mod locking;
mod logs;
mod machine_readable;
mod names;
mod networks;
mod observing;
mod one_off;
mod orphans;
mod peer;
mod plugin;
mod previews;
mod programs;
mod project;
mod proxies;
mod proxy;
mod publishing;
mod pulling;
mod pushing;
mod refusals;
#[path = "../shared/registry.rs"]
mod registry;
mod remote;
mod replicas;
mod resources;
mod restart;
mod rules;
mod run;
mod run_flags;
mod same;
mod scaling;
#[path = "../shared/schema.rs"]
mod schema;
mod settings;
mod stops;
mod storage;
mod stuck;
mod terminals;
#[path = "../shared/tls.rs"]
mod tls;
mod watching;

//! rcompose runs Compose projects on Docker and Podman.
pub mod commands;
pub mod compose;
pub mod diagnostic;
pub mod engine;
pub mod env;
pub mod event;
pub mod execute;
pub mod labels;
pub mod names;
pub mod plan;
pub mod report;
pub mod source;
pub mod spec;
pub mod state;
pub mod yaml;

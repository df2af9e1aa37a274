//! rcompose runs Compose projects on Docker and Podman.
//!
//! # How it works
//!
//! ```text
//! files -> Document -> Model -> Desired
//!                               engine -> Observed
//! (Desired, Observed) -> Plan -> Executor -> Event -> Reporter
//! ```
//!
//! - A *document* is one parsed file, a tree that knows where everything stands ([`yaml`], [`source`]).
//! - The *model* is the merged, checked, canonical project ([`compose`]).
//! - What is *desired* is every network, volume and container that should exist, as the engine will be
//!   asked for it; what is *observed* is what the engine has ([`state`]).
//! - A *plan* is a graph of actions with their causes ([`plan`]). It decides everything.
//! - The executor runs it and decides nothing ([`execute`], [`engine`]).
//! - What happens is told in events, and reporters show them ([`event`], [`report`]).
//!
//! # Invariants
//!
//! - Nothing touches the engine before the whole model is checked.
//! - The environment is read once, in `main`. Files of projects are read in [`compose::files`] alone, what
//!   is copied goes through [`archive`] and what is built from through [`context`], the engine is spoken
//!   to in [`engine`] alone, registries in [`registry`], copies of what is elsewhere are kept in
//!   [`remote`], and only [`report`] writes to the terminal.
//! - [`compose`], [`state`] and [`plan`] have no clock, no randomness and nothing asynchronous: the
//!   same input gives the same plan.
//! - One key of the language is one row of a table, with its shape, its way of merging, its effect and
//!   whether it counts in the config hash ([`compose::keys`]). Passes walk tree and table together and
//!   name no key.
//! - One command is one file of [`commands`]; one oddity of an engine is one row of its table of quirks.
//! - What is answered to questions for names is decided in [`dns`], without a socket; nothing is ever looked
//!   up for others.
//! - Names, labels and hashes are those of Docker Compose, so that either tool can take over the
//!   other's project ([`names`], [`labels`], [`state::hash`]).
//! - A problem in a file carries its place ([`diagnostic`]); all independent problems are shown at once.
//! - The future of a plan being executed can be dropped at any moment: the next plan starts from what
//!   is there then.
//!
//! Who may use whom is checked by `tests/tidy.rs`.
//!
//! # Modules in reading order

pub mod source;

pub mod diagnostic;

pub mod env;

pub mod yaml;

pub mod compose;

pub mod dockerfile;

pub mod names;

pub mod reference;

pub mod labels;

pub mod spec;

pub mod lock;

pub mod state;

pub mod event;

pub mod plan;

pub mod lint;

pub mod archive;

pub mod context;

pub mod stream;

pub mod registry;

pub mod remote;

pub mod engine;

pub mod dns;

pub mod execute;

pub mod watch;

pub mod report;

pub mod commands;

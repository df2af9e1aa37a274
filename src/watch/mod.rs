//! Watching: a file is saved on this machine, and is in the containers a few milliseconds later.
//!
//! - What is to be done for which files is a list of rules ([`rules`]), each with what it leaves out
//!   ([`sieve`]).
//! - The system tells of folders in which something happens ([`fs`]). What it tells are hints: a path is
//!   looked at, and it is its content that decides whether anything has changed ([`tree`]).
//! - Hints are gathered until it is quiet for a moment ([`batch`]).
//! - What has changed is put into all containers of a service ([`sync`]), at their root where it can be had
//!   here ([`reach`], [`root`], [`placing`]), or as one archive by their engine ([`pack`]); what is gone is
//!   removed from them ([`removal`]).
//!
//! What of a service is under way, and what waits for it, is kept by the session that watches. Nothing
//! here writes to the terminal.

pub mod batch;
pub mod fs;
pub mod pack;
pub mod placing;
pub mod reach;
pub mod removal;
pub mod root;
pub mod rules;
pub mod sieve;
pub mod sync;
pub mod tree;

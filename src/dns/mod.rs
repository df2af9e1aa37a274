//! Names of services for this machine: which names there are, what is answered to whom, and what a
//! system or a shell is told to make use of them.
//!
//! All of it is pure: sockets, files and engines are the business of the commands. The form of messages
//! comes from hickory; what is in them is decided here. Nothing is ever looked up elsewhere for others.

pub mod answer;
pub mod members;
pub mod proof;
pub mod question;
pub mod split;
pub mod suffix;
pub mod variables;
mod wire;
pub mod zone;

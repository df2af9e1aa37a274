//! What should be, what is, and how the two are compared. Plain data, no I/O.

mod builds;
pub mod desired;
pub mod hash;
mod lease;
pub mod observed;
pub mod pins;
pub mod platform;
mod template;

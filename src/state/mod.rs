//! What should be, what is, and how the two are compared. Plain data, no I/O.

pub mod desired;
pub mod hash;
pub mod observed;
mod template;

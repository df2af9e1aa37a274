//! What should be and what is.

pub mod hash;

//! YAML text to a tree that remembers where everything stands, and back to text.
//!
//! This module knows nothing of Compose. Only [`parse`] uses the parser crate.

pub mod de;
pub mod emit;
pub mod node;
pub mod number;
pub mod parse;
pub mod scalar;

pub use node::{Entry, Mark, Node, Value};

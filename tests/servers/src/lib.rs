//! The servers that tests and sieges start, as processes: programs of this workspace, and real proxies.
//!
//! The end to end tests and `cargo xtask siege-docs` both start them. Nothing here has a dependency, so
//! that `xtask` stays small.

pub mod program;
pub mod proxies;
pub mod sieged;

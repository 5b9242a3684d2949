//! What ARCHITECTURE.md promises of crates and modules, held to the sources.

mod crates;
mod docs;
mod modules;
mod paths;

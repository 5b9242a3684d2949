//! A file of audit events, of which each line seals the one before it.

mod chain;
mod fields;
mod options;
mod seal;
mod sink;
mod tail;
mod verify;

pub use self::{
    options::{FileOptions, Fsync},
    sink::FileSink,
    verify::{Broken, Verified, Verifier, Why, verify, verify_with_anchor},
};

//! x
mod builder;
mod event;
mod fields;
mod human;
mod json;
mod log;
mod queue;
mod sampling;
#[cfg(test)]
mod tests;
mod worker;

pub use self::{
    builder::{AccessLogBuilder, DEFAULT_CAPACITY},
    log::{AccessLog, Unwritten},
};

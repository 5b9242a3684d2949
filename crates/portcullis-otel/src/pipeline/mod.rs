//! From a record that is finished to a message that is sent: a queue with two bounds, one task for
//! each signal, and the counts of what was lost on the way.

mod batcher;
mod drops;
mod log;
mod queue;
mod room;
mod runner;
mod stop;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    batcher::Encode,
    drops::{Drops, Lost, Reason},
    log::Log,
    queue::Queue,
    runner::Runner,
    stop::Stop,
};

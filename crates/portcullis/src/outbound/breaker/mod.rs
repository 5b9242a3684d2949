mod circuit;
mod config;
mod counts;
mod handle;
mod key;
mod layer;
mod permit;
mod rules;
mod settings;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub use self::{
    config::BreakerConfig,
    counts::CallCounts,
    handle::{Breaker, BreakerState},
    layer::{BreakerFuture, BreakerLayer, BreakerService},
};

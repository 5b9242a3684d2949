mod backoff;
mod config;
mod judge;
mod layer;
mod policy;
#[cfg(test)]
mod tests;

pub use self::{
    config::RetryConfig,
    judge::{AnyError, ByClone, Judge, OfCall, Replay, Retryable, if_empty},
    layer::RetryLayer,
    policy::{Idempotent, RetryPolicy, Wait},
};

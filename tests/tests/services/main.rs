//! The edge with real services beside it: Redis, proxies in front, a collector, and another implementation of signatures.

mod proxies;
mod redis;
mod signatures;
mod telemetry;

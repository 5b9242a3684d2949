//! The edge with real services beside it: Redis, proxies in front, Prometheus, and another implementation of signatures.

mod prometheus;
mod proxies;
mod redis;
mod signatures;
mod telemetry;

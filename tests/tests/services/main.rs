//! The edge with real services beside it: Redis, proxies in front, Prometheus and its rules, a collector, and another
//! implementation of signatures.

mod operations;
mod prometheus;
mod proxies;
mod redis;
mod signatures;
mod telemetry;

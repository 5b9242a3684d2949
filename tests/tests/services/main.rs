//! The edge with real services beside it: Redis, proxies in front, and another implementation of signatures.

mod proxies;
mod redis;
mod signatures;

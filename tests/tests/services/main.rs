//! The edge with real services beside it: Redis, and proxies in front.

mod proxies;
mod redis;

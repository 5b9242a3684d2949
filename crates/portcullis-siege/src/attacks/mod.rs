//! The attacks, a file for each group of the catalogue. Each is one function.

pub(crate) mod api_keys;
pub(crate) mod client_ip;
pub(crate) mod connections;
pub(crate) mod failures;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod http2;
pub(crate) mod overload;
pub(crate) mod rate_limits;
pub(crate) mod signatures;
pub(crate) mod telemetry;
pub(crate) mod tokens;

mod answers;
mod counted;
mod expect;
mod limiter;
mod log;

pub(crate) use answers::{Kind, slow_path};
pub(crate) use counted::Counted;
pub(crate) use limiter::parameter;

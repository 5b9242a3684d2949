use tokio::time::Instant;

/// The time at which the first layer that reads a clock saw the request.
///
/// Layers below take it for the current time, so that a request costs one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct Received(pub Instant);

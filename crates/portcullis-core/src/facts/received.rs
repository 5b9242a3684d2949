use tokio::time::Instant;

/// The moment at which the first layer that reads a clock saw the request.
///
/// Layers below take it for now, so that a request costs one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct Received(pub Instant);

/// Whoever answers a probe leaves this in the extensions of its response: observers know then that a
/// 503 is an answer, and no error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct Probe;

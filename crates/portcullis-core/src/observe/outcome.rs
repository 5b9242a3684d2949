/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Outcome {
    /// With the last byte.
    Complete,
    /// The client went away: the future or the body was dropped.
    Aborted,
    /// The service or the body gave an error.
    Failed,
    /// The body panicked, or something that nothing caught.
    Panicked,
}

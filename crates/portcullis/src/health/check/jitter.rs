use std::time::Duration;

/// By which part of itself a pause is shorter or longer, at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Jitter(f64);

// ===== impl Jitter =====

impl Jitter {
    pub(super) const NONE: Self = Self(0.0);

    /// A fleet that starts at once is spread over two seconds after the first interval, and further
    /// after each.
    pub(super) const DEFAULT: Self = Self(0.1);

    /// Reads a part, of at most a half.
    pub(super) fn parse(part: f64) -> Option<Self> {
        (0.0..=0.5).contains(&part).then_some(Self(part))
    }

    /// Returns a pause. `at`, from 0 to 1, is where in its bounds.
    pub(super) fn apply(self, pause: Duration, at: f64) -> Duration {
        pause.mul_f64(1.0 + self.0 * (2.0 * at - 1.0))
    }
}

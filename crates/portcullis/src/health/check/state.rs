/// What is known of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No result yet.
    Pending,
    /// It is well.
    Ok,
    /// It failed.
    Failing,
    /// It could be better: the check returned a [`Degraded`](super::super::Degraded).
    Degraded,
    /// It took too long.
    TimedOut,
}

// ===== impl State =====

impl State {
    /// The name in probes: `pending`, `ok`, `degraded`, `failing` or `timed out`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::TimedOut => "timed out",
        }
    }

    /// Returns `true` if it works, however well.
    pub(in crate::health) const fn works(self) -> bool {
        matches!(self, Self::Ok | Self::Degraded)
    }

    /// Returns `true` if the last results were failures.
    pub(in crate::health) const fn fails(self) -> bool {
        matches!(self, Self::Failing | Self::TimedOut)
    }

    /// How bad it is: less is better.
    pub(super) const fn severity(self) -> usize {
        match self {
            Self::Pending | Self::Ok => 0,
            Self::Degraded => 1,
            Self::Failing | Self::TimedOut => 2,
        }
    }
}

/// Whose traces go on, and whose start anew.
///
/// A trace that starts anew has an ID and a sampling decision of its own, and nothing of
/// `tracestate`; if it is sampled, its first span is linked to the caller's. W3C Trace Context
/// calls it "restart trace" (section 3.4), and recommends it at the gate of a secure network. Whom an
/// edge trusts is what `trust_proxies` says; a service inside that network names its callers there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParentPolicy {
    /// Everybody's goes on. An untrusted peer's `sampled` flag counts for nothing, but its ID does:
    /// who knows the ratio can choose IDs that are sampled, or one ID for all requests.
    Continue,
    /// Everybody's starts anew.
    Restart,
    /// Those of trusted peers go on.
    #[default]
    RestartUnlessTrusted,
}

// ===== impl ParentPolicy =====

impl ParentPolicy {
    pub(crate) const fn continues(self, is_trusted: bool) -> bool {
        match self {
            Self::Continue => true,
            Self::Restart => false,
            Self::RestartUnlessTrusted => is_trusted,
        }
    }
}

use std::fmt;

use portcullis_core::{Count, Counts};

use super::plug::InFlightGuard;
use crate::client_ip::ClientIpLayer;

/// What an edge's layers count by themselves. Got from
/// [`EdgeLayer::counters`](super::EdgeLayer::counters).
#[derive(Clone)]
pub struct Counters<L, P> {
    pub(super) client_ip: ClientIpLayer,
    pub(super) limit: Option<L>,
    pub(super) in_flight: InFlightGuard,
    pub(super) principal_limit: Option<P>,
}

impl<L, P> Counts for Counters<L, P>
where
    L: Counts,
    P: Counts,
{
    fn counts(&self) -> Vec<Count> {
        let mut counts = self.client_ip.counts();
        counts.extend(self.limit.iter().flat_map(Counts::counts));
        counts.extend(self.in_flight.iter().flat_map(Counts::counts));
        counts.extend(self.principal_limit.iter().flat_map(Counts::counts));
        counts
    }
}

impl<L, P> fmt::Debug for Counters<L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

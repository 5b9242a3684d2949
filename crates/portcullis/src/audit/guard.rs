use std::{sync::Arc, time::Duration};

use http::request;
use portcullis_core::{Count, Counts, Guard, Rejection, RejectionKind, Reply, Verdict};

use super::Audit;

/// What happens when as many events wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum OnFull {
    /// A request waits until there is a place for its event, under the edge's deadline. Needs the
    /// [guard](Audit::guard): what has ended can't wait any more.
    Block,
    /// The event is dropped, and counted.
    Drop,
    /// A request is refused with 503, also while the sink fails: what can't be recorded does not happen.
    /// Needs the [guard](Audit::guard) in each edge that is observed: `edge.guard(Slot::BodyLimit,
    /// audit.guard())`. **Without it no request is refused**, and events are dropped when the queue is full.
    ///
    /// A request keeps its place until it ends, so those in flight count too: let the
    /// [capacity](super::AuditBuilder::capacity) be more than there are requests at once.
    FailClosed,
}

/// Lets a request pass when there is a place for its event. Made by [`Audit::guard`].
#[derive(Clone, Debug)]
pub struct AuditGuard {
    audit: Audit,
    refusal: Rejection,
}

// ===== impl AuditGuard =====

impl AuditGuard {
    pub(super) fn new(audit: Audit) -> Self {
        let refusal = Rejection::new(RejectionKind::Unavailable).with_layer("audit");
        Self {
            audit,
            refusal: refusal.with_retry_after(RETRY_AFTER),
        }
    }

    fn on_full(&self) -> OnFull {
        self.audit.queue().on_full
    }
}

impl Guard for AuditGuard {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let queue = self.audit.queue();
        if let Some(place) = queue.reserve() {
            reply.hold(place);
            return Verdict::Admit;
        }
        let refusal = self.refusal.clone();
        if self.on_full() != OnFull::Block {
            return refusal.into();
        }
        Verdict::defer(
            Arc::clone(queue).reserved(),
            |place, _, reply| match place {
                Some(place) => {
                    reply.hold(place);
                    Verdict::Admit
                }
                None => refusal.into(),
            },
        )
    }

    fn is_on(&self) -> bool {
        self.on_full() != OnFull::Drop
    }

    fn describe(&self) -> String {
        let capacity = self.audit.queue().capacity;
        let what = match self.on_full() {
            OnFull::Block => "waits",
            OnFull::Drop => "passes",
            OnFull::FailClosed => "is refused",
        };
        format!("what can't be audited {what}: {capacity} events wait at most")
    }

    fn counts(&self) -> Vec<Count> {
        self.audit.counts()
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(1);

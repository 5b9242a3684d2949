//! Maintenance mode: while it is on, requests are refused with a time to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::request;
use portcullis::{Guard, Rejection, RejectionKind, Reply, Verdict};

/// Refuses everything while it is on. Clones share the switch.
#[derive(Clone, Debug, Default)]
pub struct Maintenance(Arc<AtomicBool>);

impl Maintenance {
    /// Turns it on or off, while requests are served.
    pub fn set(&self, on: bool) {
        self.0.store(on, Relaxed);
    }
}

impl Guard for Maintenance {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        if !self.0.load(Relaxed) {
            return Verdict::Admit;
        }
        let rejection = Rejection::new(RejectionKind::Unavailable);
        let rejection = rejection.with_detail("down for maintenance");
        rejection.with_retry_after(Duration::from_secs(60)).into()
    }

    fn describe(&self) -> String {
        format!("maintenance mode, on: {}", self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use portcullis::{Edge, Health, Slot};
    use portcullis_test::{ok, request, send};
    use tower::Layer;

    use super::Maintenance;

    #[tokio::test]
    async fn refuses_while_it_is_on_and_leaves_probes_alone() {
        let (maintenance, health) = (Maintenance::default(), Health::new());
        let edge = Edge::new()
            .health(&health)
            .guard(Slot::LoadShed, maintenance.clone());
        let app = edge.build().unwrap().layer(ok());

        assert_eq!(send(app.clone(), request("/")).await.status(), 200);
        maintenance.set(true);
        let refused = send(app.clone(), request("/")).await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "60");
        assert_eq!(send(app, request("/health")).await.status(), 200);
    }
}

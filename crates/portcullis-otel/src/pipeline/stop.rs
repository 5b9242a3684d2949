use std::future::pending;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// When everything ends, once that is known.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Sender<Option<Instant>>);

// ===== impl Stop =====

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Sets the end, or an earlier one.
    pub(crate) fn at(&self, deadline: Instant) {
        self.0.send_if_modified(|end| {
            let is_earlier = end.is_none_or(|end| deadline < end);
            if is_earlier {
                *end = Some(deadline);
            }
            is_earlier
        });
    }

    /// Waits until the end has come.
    pub(crate) async fn has_come(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let end = *changes.borrow_and_update();
            let come = async {
                match end {
                    Some(end) => sleep_until(end).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = come => return,
                // The sender is held.
                _ = changes.changed() => {}
            }
        }
    }
}

//! What is refused, and what is counted.

use std::time::Duration;

use portcullis_core::{Count, Rejection, RejectionKind};

use super::{gauge::Gauge, shared::Shared, tally::Reason};

// ===== impl Shared =====

impl Shared {
    /// Counts a refusal. The refused are told to come back in one, two or three seconds, in turn, so
    /// that they do not come back together.
    #[cold]
    pub(super) fn refuse(&self, partition: usize, reason: Reason) -> Rejection {
        let now = self.now();
        let shed = self.tally.add(partition, reason);
        if let Some(others) = self.tally.turn(now) {
            let (limit, in_flight) = (self.limit(), self.in_flight.read());
            tracing::warn!(
                target: "portcullis", reason = reason.name(), limit, in_flight, requests = others + 1,
                "load is shed"
            );
        }
        Rejection::new(RejectionKind::Overloaded)
            .with_layer("load_shed")
            .with_retry_after(Duration::from_secs(1 + shed % LONGEST_AFTER))
    }

    /// Takes a place where the limit was due to change. After a quiet time nobody else has looked.
    #[cold]
    pub(super) fn take_late(&self, partition: usize) -> bool {
        self.adaptive.turn(self.now()) && self.take(partition)
    }

    /// Returns why there is no place.
    pub(super) fn reason(&self) -> Reason {
        if self.signals.cap() < self.adaptive.limit() {
            self.signals.reason()
        } else {
            Reason::Limit
        }
    }

    pub(super) fn counts(&self) -> Vec<Count> {
        let mut counts = vec![Count::gauge(
            "portcullis_load_shed_limit",
            "How many requests may be in flight",
            self.limit().into(),
        )];
        counts.push(Count::total(
            "portcullis_load_shed_admitted",
            "Requests that were admitted",
            self.tally.admitted(),
        ));
        if self.partitions.is_empty() {
            counts.push(in_flight(&self.in_flight));
        }
        for partition in self.partitions.iter() {
            counts.push(in_flight(&partition.in_flight).label("partition", partition.name));
        }
        let names: Vec<_> = self.partitions.iter().map(|one| one.name).collect();
        for partition in 0..names.len().max(1) {
            for reason in Reason::ALL {
                let shed = refused(self.tally.shed(partition, reason), reason);
                counts.push(match names.get(partition) {
                    Some(name) => shed.label("partition", *name),
                    None => shed,
                });
            }
        }
        counts
    }
}

fn in_flight(gauge: &Gauge) -> Count {
    Count::gauge(
        "portcullis_load_shed_in_flight",
        "Requests in flight",
        gauge.read().into(),
    )
}

fn refused(count: u64, reason: Reason) -> Count {
    let name = "portcullis_load_shed_refused";
    Count::total(name, "Requests that were shed", count).label("reason", reason.name())
}

/// In seconds.
const LONGEST_AFTER: u64 = 3;

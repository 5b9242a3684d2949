//! When the queue is full, when the sink fails, and at the end.

use std::sync::mpsc::{Receiver, Sender, channel};

use portcullis_core::{Count, Counts, Facts, Guard, Principal, Reply, Verdict};
use portcullis_test::{Body, contract, logged, request, send, text};
use tokio::sync::Notify;
use tower::Layer;

use super::*;
use crate::{
    Edge, Slot,
    audit::{Audit, AuditGuard, Decision, Event, OnFull, Unwritten},
    edge::GuardLayer,
};

contract!(GuardLayer::<AuditGuard>::from(
    Audit::new(Kept::default(), OnFull::FailClosed)
        .unwrap()
        .guard()
));

/// Writes when it is told to, as it is told.
struct Gate {
    kept: Kept,
    begun: Sender<usize>,
    told: Receiver<io::Result<()>>,
}

/// Whoever holds the gate.
struct Keeper {
    kept: Kept,
    begun: Receiver<usize>,
    told: Sender<io::Result<()>>,
}

impl EventSink for Gate {
    fn write(&mut self, events: &[AuditEvent]) -> io::Result<()> {
        let _ = self.begun.send(events.len());
        self.told.recv().unwrap_or(Ok(()))?;
        self.kept.write(events)
    }
}

fn gate() -> (Gate, Keeper) {
    let (begun, has_begun) = channel();
    let (tell, told) = channel();
    let kept = Kept::default();
    let gate = Gate {
        kept: kept.clone(),
        begun,
        told,
    };
    let keeper = Keeper {
        kept,
        begun: has_begun,
        told: tell,
    };
    (gate, keeper)
}

impl Keeper {
    /// Waits until the sink writes; it goes on when it is told.
    fn begun(&self) -> usize {
        self.begun.recv_timeout(SOON).unwrap()
    }

    fn tell(&self, result: io::Result<()>) {
        self.told.send(result).unwrap();
    }
}

fn audit(capacity: usize, on_full: OnFull) -> (Audit, Keeper) {
    let (gate, keeper) = gate();
    let builder = Audit::builder(gate, on_full).capacity(capacity);
    (builder.build().unwrap(), keeper)
}

/// Lets alice in.
struct Alice;

impl Guard for Alice {
    fn admit(&self, head: &mut http::request::Parts, _: &mut Reply) -> Verdict {
        let alice = Principal::new("alice");
        Facts::of_mut(&mut head.extensions).set(alice);
        Verdict::Admit
    }
}

fn edge(audit: &Audit) -> crate::EdgeLayer {
    let edge = Edge::new()
        .observe(audit.clone())
        .guard(Slot::BodyLimit, audit.guard())
        .guard(Slot::Authentication, Alice);
    edge.build().unwrap()
}

async fn hello<B>(
    _: http::Request<B>,
) -> Result<http::Response<portcullis_test::OwnBody>, std::convert::Infallible> {
    Ok(http::Response::new("hello".into()))
}

async fn status(edge: &crate::EdgeLayer) -> u16 {
    let response = send(edge.layer(tower::service_fn(hello)), request("/")).await;
    let status = response.status().as_u16();
    text::<Body>(response.map(|_| Body::default())).await;
    status
}

fn count(counts: &[Count], name: &str) -> u64 {
    let found = counts.iter().find(|count| count.name == name);
    found.map(|count| count.value).unwrap()
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_and_leaves_a_gap() {
    let (audit, keeper) = audit(2, OnFull::Drop);
    let edge = edge(&audit);
    let (lines, ()) = logged(async {
        for _ in 0..5 {
            assert_eq!(status(&edge).await, 200);
        }
    })
    .await;
    let counts = audit.counts();
    assert_eq!(count(&counts, "portcullis_audit_dropped"), 3);
    assert_eq!(count(&counts, "portcullis_audit_waiting"), 2);
    assert_eq!(lines.matches("an audit event was dropped").count(), 1);

    for _ in 0..9 {
        keeper.tell(Ok(()));
    }
    audit.flush(SOON).await.unwrap();
    assert_eq!(status(&edge).await, 200);
    audit.flush(SOON).await.unwrap();
    let numbers: Vec<_> = keeper.kept.events().iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 6]);
}

#[tokio::test]
async fn what_can_not_be_recorded_is_refused() {
    let (audit, keeper) = audit(2, OnFull::FailClosed);
    let edge = edge(&audit);
    for expected in [200, 200, 503, 503] {
        assert_eq!(status(&edge).await, expected);
    }
    assert_eq!(count(&audit.counts(), "portcullis_audit_dropped"), 0);

    for _ in 0..9 {
        keeper.tell(Ok(()));
    }
    audit.flush(SOON).await.unwrap();
    assert_eq!(status(&edge).await, 200);
}

#[tokio::test]
async fn what_was_admitted_is_recorded_whatever_the_server_records_meanwhile() {
    let (audit, keeper) = audit(2, OnFull::FailClosed);
    let (entered, may_leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let door = (Arc::clone(&entered), Arc::clone(&may_leave));
    let slow = tower::service_fn(move |request| {
        let (entered, may_leave) = door.clone();
        async move {
            entered.notify_one();
            may_leave.notified().await;
            hello(request).await
        }
    });
    let service = edge(&audit).layer(slow);
    let admitted = tokio::spawn(async move {
        let response = send(service, request("/")).await;
        let status = response.status();
        text(response).await;
        status
    });
    entered.notified().await;
    for _ in 0..9000 {
        audit.record(Event::revoked("key"));
    }
    may_leave.notify_one();
    assert_eq!(admitted.await.unwrap(), 200);

    for _ in 0..9 {
        keeper.tell(Ok(()));
    }
    audit.flush(SOON).await.unwrap();
    let events = keeper.kept.events();
    let is_allowed = |event: &&AuditEvent| event.decision == Decision::Allowed;
    assert_eq!(events.iter().filter(is_allowed).count(), 1);
}

#[tokio::test]
async fn nothing_passes_while_the_sink_fails_and_nothing_is_lost() {
    let (audit, keeper) = audit(100, OnFull::FailClosed);
    let edge = edge(&audit);
    assert_eq!(status(&edge).await, 200);
    keeper.begun();
    keeper.tell(Err(io::Error::other("the disk is full")));
    // It tries again when it is told to flush; then it fails, and has noticed.
    let flushed = audit.clone();
    let flushed = tokio::spawn(async move { flushed.flush(SOON).await });
    tokio::task::yield_now().await;
    keeper.begun();
    assert_eq!(status(&edge).await, 503);

    keeper.tell(Ok(()));
    flushed.await.unwrap().unwrap();
    assert_eq!(keeper.kept.events().len(), 1);
    assert_eq!(status(&edge).await, 200);
    keeper.tell(Ok(()));
}

#[tokio::test]
async fn a_sink_is_opened_anew_after_the_batch_however_many_events_wait() {
    /// Keeps how many batches there were when it was opened anew.
    struct Reopens(Gate, usize, Sender<usize>);

    impl EventSink for Reopens {
        fn write(&mut self, events: &[AuditEvent]) -> io::Result<()> {
            self.1 += 1;
            self.0.write(events)
        }

        fn reopen(&mut self) -> io::Result<()> {
            self.2.send(self.1).map_err(io::Error::other)
        }
    }

    let (gate, keeper) = gate();
    let (reopened, has_reopened) = channel();
    let audit = Audit::new(Reopens(gate, 0, reopened), OnFull::Drop).unwrap();
    audit.record(Event::reloaded("a"));
    keeper.begun();
    audit.reopen();
    audit.record(Event::reloaded("b"));
    keeper.tell(Ok(()));

    assert_eq!(has_reopened.recv_timeout(SOON), Ok(1));
    keeper.tell(Ok(()));
    audit.close(SOON).await.unwrap();
}

#[tokio::test]
async fn a_request_waits_for_a_place() {
    let (audit, keeper) = audit(1, OnFull::Block);
    let edge = edge(&audit);
    assert_eq!(status(&edge).await, 200);
    let waiting = tokio::spawn(async move { status(&edge).await });
    for _ in 0..9 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());

    keeper.tell(Ok(()));
    assert_eq!(waiting.await.unwrap(), 200);
    keeper.tell(Ok(()));
    audit.flush(SOON).await.unwrap();
    assert_eq!(keeper.kept.events().len(), 2);
}

#[tokio::test]
async fn who_waits_gives_up_with_the_deadline_and_keeps_no_place() {
    let (audit, keeper) = audit(1, OnFull::Block);
    let hurried = Edge::new()
        .observe(audit.clone())
        .guard(Slot::BodyLimit, audit.guard())
        .guard(Slot::Authentication, Alice)
        .timeout(Duration::from_millis(1));
    let hurried = hurried.build().unwrap();
    assert_eq!(status(&hurried).await, 200);
    assert_eq!(status(&hurried).await, 503);

    keeper.tell(Ok(()));
    audit.flush(SOON).await.unwrap();
    assert_eq!(status(&edge(&audit)).await, 200);
    keeper.tell(Ok(()));
}

#[tokio::test]
async fn that_nothing_guards_is_logged_once() {
    let (audit, _keeper) = audit(1, OnFull::FailClosed);
    let unguarded = Edge::new().observe(audit.clone());
    let unguarded = unguarded.guard(Slot::Authentication, Alice);
    let unguarded = unguarded.build().unwrap();
    let (lines, ()) = logged(async {
        for _ in 0..1000 {
            assert_eq!(status(&unguarded).await, 200);
        }
    })
    .await;

    assert!(count(&audit.counts(), "portcullis_audit_dropped") > 100);
    let warning = "there is no guard of the audit log";
    assert_eq!(lines.matches(warning).count(), 1, "{lines}");
}

#[tokio::test]
async fn a_place_is_given_back_with_the_request() {
    let (audit, _keeper) = audit(1, OnFull::FailClosed);
    let edge = Edge::new().guard(Slot::BodyLimit, audit.guard());
    let edge = edge.build().unwrap();
    for _ in 0..3 {
        assert_eq!(status(&edge).await, 200);
    }
}

#[test]
fn where_events_are_dropped_the_guard_is_not_there() {
    let (audit, _keeper) = audit(1, OnFull::Drop);

    assert!(!audit.guard().is_on());
}

#[tokio::test]
async fn the_last_event_is_written_before_the_end() {
    let (audit, keeper) = audit(9, OnFull::Drop);
    audit.record(Event::reloaded("a"));
    audit.record(Event::reloaded("b"));
    for _ in 0..9 {
        keeper.tell(Ok(()));
    }

    assert_eq!(audit.close(SOON).await, Ok(()));
    assert_eq!(keeper.kept.events().len(), 2);
    audit.record(Event::reloaded("c"));
    assert_eq!(count(&audit.counts(), "portcullis_audit_dropped"), 1);
    assert_eq!(audit.close(SOON).await, Ok(()));
}

#[tokio::test]
async fn a_sink_that_hangs_holds_nobody_up_for_longer() {
    let (audit, keeper) = audit(9, OnFull::Drop);
    audit.record(Event::reloaded("a"));
    keeper.begun();
    audit.record(Event::reloaded("b"));

    let left = audit.close(Duration::from_millis(1)).await;
    assert_eq!(left, Err(Unwritten { events: 2 }));
    assert_eq!(
        left.unwrap_err().to_string(),
        "2 audit events are not written"
    );
}

#[tokio::test]
async fn a_sink_that_panics_refuses_and_does_not_hang() {
    struct Panics;

    impl EventSink for Panics {
        fn write(&mut self, _: &[AuditEvent]) -> io::Result<()> {
            panic!("a panic of the sink")
        }
    }

    let audit = Audit::new(Panics, OnFull::FailClosed).unwrap();
    let edge = edge(&audit);
    assert_eq!(status(&edge).await, 200);
    let lost = Err(Unwritten { events: 1 });
    assert_eq!(audit.flush(SOON).await, lost);

    assert_eq!(status(&edge).await, 503);
    assert_eq!(count(&audit.counts(), "portcullis_audit_dropped"), 1);
    assert_eq!(audit.flush(SOON).await, lost);
    assert_eq!(audit.close(SOON).await, lost);
}

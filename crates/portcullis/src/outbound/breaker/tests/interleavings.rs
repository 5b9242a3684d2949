//! The same state machine with loom's locks: every interleaving of a few threads is tried.

#[expect(clippy::duplicate_mod, reason = "with other locks")]
#[expect(dead_code, reason = "these tests need not all of it")]
#[path = "../circuit.rs"]
mod circuit;
#[expect(clippy::duplicate_mod, reason = "with other locks")]
#[expect(dead_code, unreachable_pub, reason = "these tests need not all of it")]
#[path = "../counts.rs"]
mod counts;

use loom::{sync::Arc, thread};

use self::{
    circuit::{Change, Circuit, Now, Outcome},
    counts::CallCounts,
};
use super::super::{settings, window};

mod sync {
    pub(super) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };

    pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }
}

const SETTINGS: settings::Settings = settings::Settings {
    failures: 2,
    failure_rate: 2_000,
    window: 1_000,
    min_calls: 1,
    open_for: 100,
    retry_after_cap: 100,
    probes: 1,
    successes: 1,
};

/// A circuit that opened at 0, for 100.
fn open(settings: &settings::Settings) -> Circuit {
    let circuit = Circuit::new(settings);
    let (ticket, _) = circuit.admit(settings, || 0);
    circuit.settle(settings, ticket.unwrap(), Outcome::RetryAfter(100), 0);
    circuit
}

/// What some threads return, the first of which is this one.
fn race<T: 'static>(circuit: Circuit, threads: [fn(&Circuit) -> T; 2]) -> (Arc<Circuit>, [T; 2]) {
    let circuit = Arc::new(circuit);
    let theirs = Arc::clone(&circuit);
    let [mine, other] = threads;
    let other = thread::spawn(move || other(&theirs));
    let mine = mine(&circuit);
    (circuit, [mine, other.join().unwrap()])
}

#[test]
fn calls_that_fail_at_once_open_it_once() {
    loom::model(|| {
        let fails: fn(&Circuit) -> Option<Change> = |circuit| {
            let (ticket, _) = circuit.admit(&SETTINGS, || 0);
            let ticket = ticket.ok()?;
            circuit.settle(&SETTINGS, ticket, Outcome::Failure, 0)
        };
        let (circuit, changes) = race(Circuit::new(&SETTINGS), [fails; 2]);

        assert_eq!(changes.iter().flatten().count(), 1);
        let CallCounts { failed, opened, .. } = circuit.tally();
        assert_eq!((failed, opened), (2, 1));
        assert_eq!(circuit.admit(&SETTINGS, || 99).0, Err(1));
    });
}

#[test]
fn of_calls_that_come_at_once_one_is_the_probe() {
    loom::model(|| {
        let comes: fn(&Circuit) -> (bool, bool) = |circuit| {
            let (ticket, change) = circuit.admit(&SETTINGS, || 100);
            (ticket.is_ok(), change.is_some())
        };
        let (circuit, came) = race(open(&SETTINGS), [comes; 2]);

        assert_eq!(came.iter().filter(|(admitted, _)| *admitted).count(), 1);
        assert_eq!(came.iter().filter(|(_, changed)| *changed).count(), 1);
        assert_eq!(circuit.tally().refused, 1);
    });
}

#[test]
fn a_probe_that_is_dropped_frees_its_place_whoever_comes_meanwhile() {
    loom::model(|| {
        let drops: fn(&Circuit) -> bool = |circuit| {
            let (ticket, _) = circuit.admit(&SETTINGS, || 100);
            let ticket = ticket.ok();
            let is_probe = ticket.is_some();
            if let Some(ticket) = ticket {
                circuit.settle(&SETTINGS, ticket, Outcome::Cancelled, 100);
            }
            is_probe
        };
        let (circuit, probes) = race(open(&SETTINGS), [drops; 2]);

        let CallCounts {
            cancelled, refused, ..
        } = circuit.tally();
        assert_eq!(
            cancelled,
            probes.into_iter().filter(|probe| *probe).count() as u64
        );
        assert_eq!(cancelled + refused, 2);
        assert_eq!(circuit.at(100), Now::HalfOpen);
        assert!(
            circuit.admit(&SETTINGS, || 100).0.is_ok(),
            "it is not wedged"
        );
    });
}

#[test]
fn of_a_probe_that_succeeds_and_one_that_fails_the_first_decides() {
    const TWO: settings::Settings = settings::Settings {
        probes: 2,
        ..SETTINGS
    };
    loom::model(|| {
        let circuit = open(&TWO);
        let probes = [(); 2].map(|()| circuit.admit(&TWO, || 100).0.unwrap());
        let circuit = Arc::new(circuit);
        let other = Arc::clone(&circuit);
        let fails = thread::spawn(move || other.settle(&TWO, probes[1], Outcome::Failure, 100));
        let succeeds = circuit.settle(&TWO, probes[0], Outcome::Success, 100);
        let fails = fails.join().unwrap();

        // A reader of the gate and the lock see the same state.
        let is_closed = circuit.at(100) == Now::Closed;
        assert_eq!(succeeds, is_closed.then_some(Change::Closed));
        assert_eq!(fails.is_none(), is_closed);
        assert_eq!(circuit.admit(&TWO, || 100).0.is_ok(), is_closed);
    });
}

//! The order of the guards is that of the slots, whoever wrote them and whatever documents say it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use http::{request, response};
use portcullis::{
    Edge, Guard, Health, Quota, RejectionKind, Reply, Slot, Verdict,
    api_key::{ApiKey, Keys},
    load_shed::LoadShed,
};
use portcullis_test::{Probe, request, send};
use tower::Layer;

/// A guard that notes when it is asked, and when it completes a response.
struct Noting {
    name: String,
    asked: Arc<Mutex<Vec<String>>>,
    completed: Arc<Mutex<Vec<String>>>,
}

impl Guard for Noting {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.asked.lock().unwrap().push(self.name.clone());
        Verdict::Admit
    }

    fn complete(&self, _: &Reply, _: &mut response::Parts) {
        self.completed.lock().unwrap().push(self.name.clone());
    }
}

/// A guard that admits nothing.
struct Closed;

impl Guard for Closed {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        RejectionKind::Unavailable.into()
    }
}

/// All slots, in an order that is not theirs: 4 has no divisor in common with 15.
fn scrambled() -> impl Iterator<Item = Slot> {
    (0..Slot::ALL.len()).map(|n| Slot::ALL[(3 + n * 4) % Slot::ALL.len()])
}

#[tokio::test]
async fn guards_of_ones_own_are_asked_by_slot_and_then_as_they_were_added() {
    let (asked, completed) = <(Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>)>::default();
    let noting = |slot: Slot, nth: u8| Noting {
        name: format!("{slot} {nth}"),
        asked: Arc::clone(&asked),
        completed: Arc::clone(&completed),
    };
    let edge = scrambled().fold(Edge::new(), |edge, slot| edge.guard(slot, noting(slot, 1)));
    let edge = scrambled().fold(edge, |edge, slot| edge.guard(slot, noting(slot, 2)));
    let response = send(edge.build().unwrap().layer(Probe::default()), request("/")).await;

    let mut expected: Vec<_> = Slot::ALL
        .iter()
        .flat_map(|slot| [1, 2].map(|nth| format!("{slot} {nth}")))
        .collect();
    assert_eq!(response.status(), 200);
    assert_eq!(*asked.lock().unwrap(), expected);
    expected.reverse();
    assert_eq!(*completed.lock().unwrap(), expected);
}

type Setter = fn(Edge) -> Edge;

/// Each setter of a guard, by the slot in which it puts it, on and off.
fn setters() -> [(Slot, Setter); 10] {
    [
        (Slot::LoadShed, |edge| edge.load_shed(9)),
        (Slot::LoadShed, |edge| edge.load_shed(None::<LoadShed>)),
        (Slot::RateLimit, |edge| {
            edge.rate_limit(Quota::per_second(9))
        }),
        (Slot::RateLimit, |edge| edge.rate_limit(None::<Quota>)),
        (Slot::InFlight, |edge| edge.in_flight(9)),
        (Slot::InFlight, |edge| edge.in_flight(None::<u32>)),
        (Slot::Authentication, |edge| edge.api_keys(Keys::default())),
        (Slot::Authentication, |edge| edge.api_keys(None::<Keys>)),
        (Slot::Authorization, |edge| {
            edge.principal_limit(None::<Quota>)
        }),
        (Slot::Health, |edge| edge.health(&Health::new())),
    ]
}

#[tokio::test]
async fn a_setter_leaves_a_guard_of_ones_own_where_it_is() {
    for (slot, set) in setters() {
        let before = set(Edge::new()).guard(slot, Closed);
        let after = set(Edge::new().guard(slot, Closed));
        for edge in [before, after] {
            let explained = edge.build().unwrap().explain();
            let line = explained.lines().find(|line| line.name() == slot.name());
            let value = line.and_then(|line| line.value()).unwrap_or_default();
            assert!(value.contains("a guard of your own"), "{slot}: {value:?}");
        }
    }
}

#[tokio::test]
async fn a_setter_replaces_what_a_setter_set() {
    let key = ApiKey::generate("pk").unwrap();
    let edge = Edge::new()
        .rate_limit(Quota::per_hour(1))
        .rate_limit(Quota::per_hour(2))
        .api_keys(Keys::from(&key))
        .api_keys(None::<Keys>)
        .build()
        .unwrap();
    let service = edge.layer(Probe::default());
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send(service.clone(), request("/")).await.status().as_u16());
    }

    assert_eq!(statuses, [200, 200, 429]);
}

/// Of each row of a table: its first cell, and its last.
type Rows = Vec<(String, String)>;

/// The rows of the first table whose first column is called `slot`.
fn table(text: &str) -> Rows {
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let mut lines = lines.skip_while(|line| !line.starts_with("| slot |"));
    let rows = lines
        .by_ref()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(plain).collect();
        (cells[0].clone(), cells[cells.len() - 1].clone())
    })
    .collect()
}

/// The text of a cell, without its links and marks.
fn plain(cell: &str) -> String {
    let mut text = cell.replace('`', "");
    while let Some((before, after)) = text.split_once("](") {
        let after = after.split_once(')').map_or("", |(_, after)| after);
        text = [before, after].concat();
    }
    text.replace(['[', ']', '*'], "").trim().to_owned()
}

/// What an edge prints of its slots.
fn explained() -> Rows {
    let edge = Edge::new().build().unwrap();
    let text = format!("{:#}", edge.explain());
    let lines: Vec<_> = text.lines().collect();
    let rows = lines.chunks(2).map(|line| {
        let (name, _) = line[0].split_at_checked(16).unwrap_or((line[0], ""));
        (name.trim().to_owned(), line[1].trim().to_owned())
    });
    // Observers, panic recovery and the deadline are around all slots.
    rows.skip(3).collect()
}

#[test]
fn every_table_has_the_slots_in_their_order() {
    let readme = table(include_str!("../../../README.md"));
    let crate_docs = table(include_str!("../../../crates/portcullis/src/lib.rs"));
    let edge_docs = table(include_str!("../../../crates/portcullis/src/edge/mod.rs"));
    let architecture = table(include_str!("../../../ARCHITECTURE.md"));
    let names = |rows: &Rows| rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>();

    let slots = Slot::ALL.map(|slot| slot.name().to_owned());
    assert_eq!(names(&readme), slots, "README");
    assert_eq!(names(&crate_docs), slots, "lib.rs");
    let reasons = Slot::ALL.map(|slot| (slot.name().to_owned(), slot.why().to_owned()));
    assert_eq!(edge_docs, reasons, "edge/mod.rs");
    assert_eq!(architecture, reasons, "ARCHITECTURE");
    assert_eq!(explained(), reasons, "explain()");
}

#[test]
fn a_table_is_read_without_its_marks() {
    let text = "\
//! | other |
//!
//! | slot | why |
//! |---|---|
//! | [`one`](crate::one) | it [comes](x) `first` |
//! | [two] | |
//! | three | because | of it |

//! | four | not of the table |";
    let row = |first: &str, last: &str| (first.to_owned(), last.to_owned());

    let expected = [
        row("one", "it comes first"),
        row("two", ""),
        row("three", "of it"),
    ];
    assert_eq!(table(text), expected);
}

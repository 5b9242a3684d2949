use http::{Request, request};
use portcullis_core::Count;
use portcullis_test::{Body, send, service};
use proptest::prelude::*;
use tower::Layer;

use super::{shed, streaming};
use crate::{
    Guard,
    load_shed::{
        LoadShed,
        gauge::Gauge,
        partitions::{Class, Partitions},
    },
};

fn asks(path: &'static str) -> impl Fn(&request::Parts) -> bool + Send + Sync + 'static {
    move |head| head.uri.path() == path
}

/// Ten at once: five for those who pay, two for batches, three for the rest.
fn shared() -> LoadShed {
    let guard = LoadShed::fixed(10).partition("paying", 0.5, asks("/paying"));
    guard
        .unwrap()
        .partition("batch", 0.2, asks("/batch"))
        .unwrap()
}

/// Sends so many requests at once. Returns how many are served, with their responses.
async fn flood(
    guard: &LoadShed,
    path: &str,
    count: usize,
) -> Vec<http::Response<impl Sized + use<>>> {
    let service = shed(guard).layer(streaming::<Body>());
    let mut served = Vec::new();
    for _ in 0..count {
        let response = send(service.clone(), portcullis_test::request(path)).await;
        if response.status() == 200 {
            served.push(response);
        }
    }
    served
}

#[tokio::test]
async fn what_nobody_uses_is_lent() {
    let guard = shared();

    assert_eq!(flood(&guard, "/batch", 100).await.len(), 10);
}

#[tokio::test]
async fn a_flood_takes_no_share_of_another() {
    let guard = shared();
    let batch = flood(&guard, "/batch", 100).await;

    let paying = flood(&guard, "/paying", 100).await;
    let rest = flood(&guard, "/", 100).await;

    assert_eq!((batch.len(), paying.len(), rest.len()), (10, 5, 3));
}

#[tokio::test]
async fn what_was_lent_comes_back_as_requests_end() {
    let guard = shared();
    let batch = flood(&guard, "/batch", 100).await;
    let paying = flood(&guard, "/paying", 100).await;
    assert_eq!(guard.in_flight(), 15, "the limit and what was lent");

    drop(batch);
    let again = flood(&guard, "/batch", 100).await;

    assert_eq!(
        (paying.len(), again.len()),
        (5, 5),
        "three are the rest's, and lent"
    );
    assert_eq!(guard.in_flight(), 10);
    drop((paying, again));
    assert_eq!(guard.in_flight(), 0);
}

#[tokio::test]
async fn partitions_are_described_and_counted() {
    let guard = shared();
    let _served = flood(&guard, "/batch", 12).await;

    let counts = Guard::counts(&guard);
    let shed = |count: &&Count| count.value == 2 && count.name.ends_with("refused");
    let labels = &counts.iter().find(shed).unwrap().labels;
    assert_eq!(labels[0], ("reason", "limit".to_owned()));
    assert_eq!(labels[1], ("partition", "batch".to_owned()));
    assert_eq!(
        guard.describe(),
        "10 at the same time; paying 5; batch 2; other 3"
    );
}

#[test]
fn shares_that_are_none_are_told() {
    let guard = || LoadShed::fixed(9);
    for share in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(guard().partition("a", share, |_| true).is_err(), "{share}");
    }
    let half = guard().partition("a", 0.5, |_| true).unwrap();
    assert!(half.clone().partition("b", 0.6, |_| true).is_err());
    assert!(half.clone().partition("a", 0.1, |_| true).is_err());
    assert!(half.clone().partition("other", 0.1, |_| true).is_err());
    assert!(half.partition("b", 0.5, |_| true).is_ok());
}

#[tokio::test]
async fn the_first_partition_that_has_it_counts() {
    let guard = LoadShed::fixed(2).partition("all", 0.5, |_| true).unwrap();
    let guard = guard.partition("none", 0.5, |_| true).unwrap();
    let service = shed(&guard).layer(service(|_: &Request<Body>| "x".to_owned()));
    let kept = send(service.clone(), portcullis_test::request("/")).await;

    let value = |name| {
        let counts = Guard::counts(&guard);
        let labelled = |count: &&Count| count.labels == [("partition", String::from(name))];
        counts.iter().find(labelled).map(|count| count.value)
    };
    assert_eq!((value("all"), value("none")), (Some(1), Some(0)));
    drop(kept);
}

proptest! {
    #[test]
    fn within_its_share_a_partition_is_always_admitted(
        shares in prop::collection::vec(0.01_f64..0.3, 1..4),
        steps in prop::collection::vec((any::<bool>(), 0_usize..4, 1_u32..50), 0..400),
    ) {
        let names = ["a", "b", "c"];
        let class = |(name, share): (&&'static str, &f64)| Class {
            name,
            share: *share,
            contains: std::sync::Arc::new(|_| false),
        };
        let classes: Vec<_> = names.iter().zip(&shares).map(class).collect();
        let (partitions, all) = (Partitions::new(&classes), Gauge::default());
        let mut taken = vec![0_u32; classes.len() + 1];
        for (takes, at, limit) in steps {
            let at = at % taken.len();
            let partition = partitions.get(at).unwrap();
            let (guaranteed, before) = (partition.guaranteed(limit), all.read());
            if takes {
                let is_in = partition.take(&all, limit).is_some();
                prop_assert_eq!(is_in, taken[at] < guaranteed || before < limit);
                taken[at] += u32::from(is_in);
            } else if taken[at] > 0 {
                partition.in_flight.give_back();
                all.give_back();
                taken[at] -= 1;
            }
            prop_assert_eq!(all.read(), taken.iter().sum::<u32>());
            prop_assert_eq!(partition.in_flight.read(), taken[at]);
        }
    }

    #[test]
    fn shares_are_no_more_than_the_limit_and_a_place_each(
        shares in prop::collection::vec(0.01_f64..0.3, 1..4),
        limit: u32,
    ) {
        let class = |share: &f64| Class {
            name: "a",
            share: *share,
            contains: std::sync::Arc::new(|_| false),
        };
        let classes: Vec<_> = shares.iter().map(class).collect();
        let partitions = Partitions::new(&classes);
        let sum: u64 = partitions.iter().map(|one| u64::from(one.guaranteed(limit))).sum();
        prop_assert!(sum <= u64::from(limit) + classes.len() as u64);
    }
}

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::{Exchange, Outcome, Rejection, RejectionKind, Route};

type Counted = ExchangeTable<AtomicUsize>;

fn table(series: usize) -> Counted {
    let limits = Limits {
        series,
        ..Limits::default()
    };
    ExchangeTable::new(limits, |_| AtomicUsize::new(0))
}

fn begun(method: &str, route: Option<&str>) -> Exchange {
    let request = Request::builder().method(method).uri("/a").body(());
    let (head, ()) = request.unwrap().into_parts();
    let mut exchange = Exchange::new(&head, Instant::now());
    exchange.set_route(route.map(Route::new));
    exchange
}

fn ended(method: &str, route: Option<&str>, status: u16) -> Exchange {
    let mut exchange = begun(method, route);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    exchange.on_head(&response.into_parts().0);
    exchange.on_end(Outcome::Complete);
    exchange
}

fn count(table: &Counted, exchange: &Exchange) {
    table.with(exchange, |count| count.fetch_add(1, Relaxed));
}

/// Each series as one line.
fn lines(table: &Counted) -> Vec<String> {
    let line = |(labels, count): (ExchangeLabels<'_>, Arc<AtomicUsize>)| {
        let route = labels.route.unwrap_or("-");
        let status = labels
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let error = labels.error.as_deref().unwrap_or("-");
        let (method, scheme) = (labels.method, labels.scheme);
        format!(
            "{method} {route} {status} {scheme} {error} {}",
            count.load(Relaxed)
        )
    };
    table.all().into_iter().map(line).collect()
}

#[test]
fn exchanges_are_told_apart_by_every_label() {
    let table = table(100);
    for _ in 0..2 {
        count(&table, &ended("GET", Some("/users/{id}"), 200));
        count(&table, &ended("GET", None, 404));
        count(&table, &ended("POST", Some("/users/{id}"), 503));
        count(&table, &begun("GET", None));
    }

    let expected = [
        "GET - - http client_disconnect 2",
        "GET - 404 http - 2",
        "GET /users/{id} 200 http - 2",
        "POST /users/{id} 503 http 503 2",
    ];
    assert_eq!(lines(&table), expected);
}

#[test]
fn a_status_that_no_class_has_is_an_error_without_one() {
    let table = table(100);
    for status in 600..=999 {
        count(&table, &ended("GET", None, status));
    }

    assert_eq!(lines(&table), ["GET - - http _OTHER 400"]);
}

#[test]
fn methods_can_be_others() {
    let limits = Limits {
        methods: Methods::new(["PURGE"]),
        ..Limits::default()
    };
    let table = ExchangeTable::new(limits, |_| AtomicUsize::new(0));
    for method in ["PURGE", "purge", "GET"] {
        count(&table, &ended(method, None, 200));
    }

    let expected = ["PURGE - 200 http - 1", "_OTHER - 200 http - 2"];
    assert_eq!(lines(&table), expected);
}

#[test]
fn what_is_too_much_keeps_its_status_and_its_error() {
    let table = table(2);
    for (method, route, status) in [
        ("GET", "/a", 200),
        ("GET", "/b", 200),
        ("GET", "/c", 200),
        ("POST", "/c", 200),
        ("POST", "/a", 503),
        ("GET", "/a", 200),
    ] {
        count(&table, &ended(method, Some(route), status));
    }

    let expected = [
        "GET /a 200 http - 2",
        "GET /b 200 http - 1",
        "_OTHER _OTHER 200 http - 2",
        "_OTHER _OTHER 503 http 503 1",
    ];
    assert_eq!(lines(&table), expected);
}

#[test]
fn routes_are_bounded() {
    let table = table(10_000);
    for n in 0..1500 {
        count(&table, &ended("GET", Some(&format!("/bounded/{n}")), 200));
    }

    assert_eq!(lines(&table).len(), 1001);
    let other = "GET _OTHER 200 http - 500".to_owned();
    assert!(lines(&table).contains(&other));
}

/// However they are chosen: what overflows is at most each status and each error of two schemes.
#[test]
fn series_are_bounded_whatever_comes() {
    let table = table(50);
    for n in 0..100_000_u32 {
        let (route, status) = (format!("/many/{}", n % 977), 100 + (n % 900) as u16);
        let method = ["GET", "POST", "BREW"][n as usize % 3];
        count(&table, &ended(method, Some(&route), status));
    }

    let lines = lines(&table);
    assert!(lines.len() <= 50 + 2 * (500 + 6), "{}", lines.len());
    let counts = lines.iter().filter_map(|line| line.rsplit_once(' '));
    let all: usize = counts
        .filter_map(|(_, count)| count.parse::<usize>().ok())
        .sum();
    assert_eq!(all, 100_000);
}

#[test]
fn threads_that_meet_a_series_first_share_it() {
    let table = Arc::new(table(10_000));
    let threads = (0..4).map(|_| {
        let table = Arc::clone(&table);
        thread::spawn(move || {
            for n in 0..400 {
                let route = format!("/shared/{}", n % 20);
                count(&table, &ended("GET", Some(&route), 200 + n % 5));
            }
        })
    });
    threads
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|thread| thread.join().unwrap());

    let counted: Vec<_> = table
        .all()
        .iter()
        .map(|(_, count)| count.load(Relaxed))
        .collect();
    // 20 and 5 have a common divisor: 20 pairs, and not 100.
    assert_eq!(counted, vec![80; 20]);
}

#[test]
fn what_is_under_way_is_told_apart_by_method_and_scheme() {
    let table = ActiveTable::new(Methods::default(), |_, _| AtomicUsize::new(0));
    for method in ["GET", "POST", "GET", "BREW", "EVIL"] {
        table.with(&begun(method, None), |count| count.fetch_add(1, Relaxed));
    }

    let all = table
        .all()
        .map(|(method, scheme, count)| (method, scheme, count.load(Relaxed)));
    let expected = [
        ("GET", "http", 2),
        ("POST", "http", 1),
        ("_OTHER", "http", 2),
    ];
    assert_eq!(all.collect::<Vec<_>>(), expected);
}

fn refused(policy: Option<&str>) -> Rejection {
    let rejection = Rejection::new(RejectionKind::RateLimited).with_layer("rate_limit");
    match policy {
        Some(policy) => rejection.with_violated_policy(policy.to_owned()),
        None => rejection,
    }
}

#[test]
fn refusals_are_told_apart_by_layer_reason_and_policy() {
    let table = RefusalTable::new(|_| AtomicUsize::new(0));
    let timed_out = Rejection::new(RejectionKind::TimedOut);
    let other = Rejection::new(RejectionKind::Forbidden);
    let two = refused(Some("a")).with_violated_policy("b");
    for rejection in [refused(Some("a")), two, refused(None), timed_out, other] {
        table.with(&rejection, |count| count.fetch_add(1, Relaxed));
    }

    let all = table.all();
    let all: Vec<_> = all
        .iter()
        .map(|(labels, count)| {
            (
                labels.layer,
                labels.reason,
                &*labels.policy,
                count.load(Relaxed),
            )
        })
        .collect();
    let expected = [
        ("", "forbidden", "", 1),
        ("rate_limit", "rate-limited", "", 1),
        ("rate_limit", "rate-limited", "a", 2),
        ("timeout", "timed-out", "", 1),
    ];
    assert_eq!(all, expected);
}

#[test]
fn policies_are_bounded() {
    let table = RefusalTable::new(|_| AtomicUsize::new(0));
    for n in 0..1500 {
        let rejection = refused(Some(&n.to_string()));
        table.with(&rejection, |count| count.fetch_add(1, Relaxed));
    }

    let all = table.all();
    assert_eq!(all.len(), 1001);
    let others = all.iter().find(|(labels, _)| &*labels.policy == OTHER);
    assert_eq!(others.unwrap().1.load(Relaxed), 500);
}

#[test]
fn wrong_buckets_are_listed() {
    let wrong = Buckets::try_new(&[0.1, 0.1, f64::NAN, -1.0, f64::INFINITY]).unwrap_err();

    assert_eq!(
        wrong.to_string(),
        "NaN is no number from 0 on; -1 is no number from 0 on; inf is no number from 0 on; \
         0.1 after 0.1"
    );
    assert_eq!(Buckets::try_new(&[]).unwrap_err().to_string(), "no bucket");
    let many: Vec<_> = (0..101).map(f64::from).collect();
    let wrong = Buckets::try_new(&many).unwrap_err();
    assert_eq!(wrong.to_string(), "101 buckets, at most 100");
    for known in [Buckets::durations(), Buckets::sizes()] {
        assert_eq!(Buckets::try_new(known.bounds()), Ok(known));
    }
}

proptest! {
    /// Two exchanges share a series if, and only if, all labels are the same.
    #[test]
    fn labels_are_unique(statuses in proptest::collection::vec(100_u16..=999, 1..40)) {
        let table = table(10_000);
        for status in &statuses {
            count(&table, &ended("GET", None, *status));
        }
        let known: HashSet<_> = statuses.iter().map(|status| (*status).min(600)).collect();
        let lines = lines(&table);
        let unique: HashSet<_> = lines.iter().filter_map(|line| line.rsplit_once(' ')).collect();

        prop_assert_eq!(lines.len(), known.len());
        prop_assert_eq!(unique.len(), known.len());
    }
}

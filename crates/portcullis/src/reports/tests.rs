use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::Full;
use portcullis_core::{BoxError, Guard};
use portcullis_test::{Chunks, contract, logged, ok, send};
use tokio::time::{advance, sleep};
use tower::Layer;

use super::{DEFAULT_PATH, Reports, ReportsLayer};
use crate::body_limit::RequestBody;

contract!(ReportsLayer::from(Reports::new()), ReportsLayer::off());

const LIST: &str = "application/reports+json";
const OLD: &str = "application/csp-report; charset=utf-8";

const VIOLATION: &str = r#"{"type":"csp-violation","age":9,"url":"https://secret.example/",
    "user_agent":"x","body":{"effectiveDirective":"img-src","disposition":"report","sample":""}}"#;

async fn post<B>(reports: &Reports, content_type: &str, body: B) -> StatusCode
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let request = Request::post(DEFAULT_PATH).header("content-type", content_type);
    let layer = ReportsLayer::from(reports.clone());
    let service = layer.layer(ok::<RequestBody<B>>());
    let response = send(service, request.body(body).unwrap()).await;
    sleep(Duration::from_millis(1)).await;
    response.status()
}

/// What was counted, but for what is 0.
fn counted(reports: &Reports) -> Vec<String> {
    let counts = reports.counts().into_iter().filter(|count| count.value > 0);
    let labels = |labels: Vec<(&'static str, String)>| {
        let values = labels.into_iter().map(|(_, value)| value);
        values.collect::<Vec<_>>().join(" ")
    };
    let line = |name: &str| name.trim_start_matches("portcullis_").to_owned();
    counts
        .map(|count| {
            format!(
                "{} {}: {}",
                line(count.name),
                labels(count.labels),
                count.value
            )
        })
        .collect()
}

fn full(text: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(text.into())
}

#[tokio::test(start_paused = true)]
async fn counts_each_report_by_its_directive() {
    let reports = Reports::new();
    let unknown = r#"{"type":"csp-violation","body":{"effectiveDirective":"x","disposition":"y"}}"#;
    let others =
        r#"{"type":"deprecation","body":{"id":"a"}},{"type":"zz"},{"type":"coep","body":null}"#;
    let list = format!("[{VIOLATION},{VIOLATION},{unknown},{others}]");
    let old = r#"{"csp-report":{"violated-directive":"script-src-elem 'self'","blocked-uri":"x"}}"#;

    assert_eq!(post(&reports, LIST, full(list)).await, 204);
    assert_eq!(post(&reports, OLD, full(old)).await, 204);
    assert_eq!(
        counted(&reports),
        [
            "browser_reports csp-violation: 4",
            "browser_reports coep: 1",
            "browser_reports deprecation: 1",
            "browser_reports other: 1",
            "csp_violations script-src-elem other: 1",
            "csp_violations img-src report: 2",
            "csp_violations other other: 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_report_is_counted_and_answered_alike() {
    for body in [
        "", "{", "{}", "[{}]", "[1]", "null", "[[[[", "\u{0}", "\"\"",
    ] {
        let reports = Reports::new();

        assert_eq!(post(&reports, LIST, full(body)).await, 204, "{body}");
        let expected = ["browser_reports_lost unreadable: 1"];
        assert_eq!(counted(&reports), expected, "{body}");
    }
    let reports = Reports::new();
    assert_eq!(post(&reports, "application/json", full("[]")).await, 415);
    let broken = Chunks::new([Ok("["), Err("broke off")]);
    assert_eq!(post(&reports, LIST, broken).await, 204);
    assert_eq!(counted(&reports), ["browser_reports_lost unreadable: 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_another_shape_does_not_lose_the_others() {
    let others = r#"1,{},{"type":7},{"type":"coep","body":"text"},{"type":"coep","body":[1]},
        {"type":"csp-violation","body":{"effectiveDirective":7}}"#;
    let reports = Reports::new();
    post(&reports, LIST, full(format!("[{others},{VIOLATION}]"))).await;

    assert_eq!(
        counted(&reports),
        [
            "browser_reports_lost unreadable: 1",
            "browser_reports csp-violation: 2",
            "browser_reports coep: 2",
            "csp_violations img-src report: 1",
            "csp_violations other other: 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn reads_64_kib_and_no_more() {
    let reports = Reports::new();
    let padded = |length: usize| {
        let list = format!("[{VIOLATION}]");
        full([list.as_bytes(), &vec![b' '; length - list.len()]].concat())
    };

    post(&reports, LIST, padded(64 * 1024)).await;
    assert_eq!(counted(&reports).len(), 2);
    post(&reports, LIST, padded(64 * 1024 + 1)).await;
    assert!(counted(&reports).contains(&"browser_reports_lost unreadable: 1".to_owned()));
}

/// A body of many KiB that counts those that are read of it, and the bodies that are there.
struct Pieces {
    left: usize,
    read: Arc<AtomicUsize>,
    there: Arc<AtomicUsize>,
}

impl Pieces {
    fn new(left: usize, read: &Arc<AtomicUsize>, there: &Arc<AtomicUsize>) -> Self {
        there.fetch_add(1, SeqCst);
        Self {
            left,
            read: Arc::clone(read),
            there: Arc::clone(there),
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Pending;
        }
        self.left -= 1;
        self.read.fetch_add(1, SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.there.fetch_sub(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_not_read_on() {
    let (read, there) = Default::default();
    let reports = Reports::new();
    for _ in 0..70 {
        post(&reports, LIST, Pieces::new(1000, &read, &there)).await;
        assert!(there.load(SeqCst) == 0, "it is done with the body");
    }

    assert_eq!(read.load(SeqCst), 70 * 65);
    assert_eq!(counted(&reports), ["browser_reports_lost unreadable: 70"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_slowly_is_lost() {
    let (read, there) = Default::default();
    let reports = Reports::new();
    post(&reports, LIST, Pieces::new(1, &read, &there)).await;
    assert!(counted(&reports).is_empty());

    sleep(Duration::from_secs(6)).await;
    assert_eq!(there.load(SeqCst), 0);
    assert_eq!(counted(&reports), ["browser_reports_lost unreadable: 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_lost() {
    let reports = Reports::new();
    let request = Request::post(DEFAULT_PATH).header("content-type", LIST);
    let request = request.header("expect", "100-continue").body(full("[]"));
    let layer = ReportsLayer::from(reports.clone());
    let response = send(layer.layer(ok::<RequestBody<_>>()), request.unwrap()).await;

    drop(response);
    assert_eq!(counted(&reports), ["browser_reports_lost unreadable: 1"]);
}

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn reads_so_many_at_once_and_gives_their_places_back() {
    let reports = Reports::new();
    let layer = ReportsLayer::from(reports.clone());
    let slow = || {
        let request = Request::post(DEFAULT_PATH).header("content-type", LIST);
        request.body(Never).unwrap()
    };
    for _ in 0..70 {
        let service = layer.layer(ok::<RequestBody<_>>());
        assert_eq!(send(service, slow()).await.status(), 204);
    }
    assert_eq!(counted(&reports), ["browser_reports_lost busy: 6"]);

    sleep(Duration::from_secs(6)).await;
    post(&reports, LIST, full(format!("[{VIOLATION}]"))).await;
    assert_eq!(
        counted(&reports),
        [
            "browser_reports_lost unreadable: 64",
            "browser_reports_lost busy: 6",
            "browser_reports csp-violation: 1",
            "csp_violations img-src report: 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn logs_once_a_minute_and_nothing_of_the_report() {
    let reports = Reports::new();
    let (log, ()) = logged(async {
        for _ in 0..3 {
            post(&reports, LIST, full(format!("[{VIOLATION},{VIOLATION}]"))).await;
            advance(Duration::from_secs(40)).await;
        }
    })
    .await;

    assert_eq!(
        log.matches("browsers report violations").count(),
        2,
        "{log}"
    );
    assert!(
        log.contains("img-src") && log.contains("reports=4"),
        "{log}"
    );
    assert!(!log.contains("secret.example"), "{log}");
}

#[tokio::test]
async fn other_requests_are_passed_on() {
    let layer = ReportsLayer::from(Reports::new());
    let get = Request::get(DEFAULT_PATH).body(full("")).unwrap();
    let elsewhere = Request::post("/reports").body(full("")).unwrap();
    for request in [get, elsewhere] {
        let response = send(layer.layer(ok::<RequestBody<_>>()), request).await;

        assert_eq!(response.status(), 200);
    }
}

#[test]
fn a_wrong_path_is_an_error() {
    let wrong = |path| Reports::new().at(path).unwrap_err().to_string();

    assert_eq!(wrong("reports"), "reports: \"reports\" is not a path");
    assert_eq!(wrong("/a;b"), "reports: \"/a;b\" can't stand in a policy");
    for path in [
        "//collector.example/reports",
        "/100%zz",
        "/a%",
        "/a%2",
        "/a,b",
        "/a b",
    ] {
        assert!(Reports::new().at(path).is_err(), "{path}");
    }
    for path in ["/csp", "/o'brien", "/%c3%A4", "/a//b", "/"] {
        assert_eq!(Reports::new().at(path).unwrap().path(), path);
    }
}

//! Sentences of the docs, each held by a test.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    io,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use portcullis::{
    Edge, Exchange, Health, Observer,
    access_log::AccessLog,
    body_limit::RequestBody,
    error_report::ErrorReports,
    health::Check,
    hygiene::Hygiene,
    observe::{Escaped, redacted_path, redacted_query, redacted_text, redacted_url},
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Exchange>>>);

impl Observer for Seen {
    fn end(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

type Req = Request<RequestBody<Full<Bytes>>>;

async fn ok(_: Req) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

async fn line(request: http::request::Builder, body: &'static str, strict: bool) -> String {
    let written = Written::default();
    let log = AccessLog::to_writer(written.clone()).build().unwrap();
    let mut edge = Edge::new().access_log(log.clone());
    if !strict {
        edge = edge.hygiene(None::<Hygiene>);
    }
    let edge = edge.build().unwrap();
    let request = request
        .header("host", "localhost")
        .body(Full::from(body))
        .unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    log.flush(Duration::from_secs(5)).await.unwrap();
    written.text()
}

// ===== Secrets =====

/// redact/mod.rs: "a user's password in a URL": replaced is every value that has one in it.
#[test]
fn a_password_in_the_second_url_of_a_value_is_redacted() {
    let mut leaks = Vec::new();
    for query in [
        "next=http://a.example/?to=https://user:hunter2@b.example",
        "urls=http://a.example,https://user:hunter2@b.example",
        "u=https%3A%2F%2Fproxy.example%2Fhttps%3A%2F%2Fuser%3Ahunter2%40b.example%2F",
    ] {
        let shown = redacted_query(query).into_owned();
        if shown.contains("hunter2") {
            leaks.push(shown);
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// redact/mod.rs: "a secret in a value that is a URL, a query or JSON itself".
#[test]
fn a_password_in_json_within_json_is_redacted() {
    let query = r#"f={"body":"{\"password\":\"hunter2\"}"}"#;
    let shown = redacted_query(query);
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// redact/mod.rs, `redacted_url`: "and without the user in it".
#[test]
fn a_url_without_a_scheme_has_no_user_either() {
    let shown = redacted_url("//user:hunter2@a.example/x");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// The same, for a URL in the path of another; access_log: secrets in paths are redacted "by their form
/// everywhere".
#[test]
fn a_password_in_a_url_in_a_path_is_redacted() {
    let path = redacted_path("/fetch/https://user:hunter2@b.example/x");
    let url = redacted_url("https://a.example/fetch/https://user:hunter2@b.example/x");
    assert!(
        !path.contains("hunter2") && !url.contains("hunter2"),
        "{path} {url}"
    );
}

/// redact/mod.rs: "a JSON Web Token or another object in base64".
#[test]
fn an_object_in_base64_may_have_a_space() {
    // `{ "alg":"HS256","k":"hunter2"}`
    let query = "t=eyAiYWxnIjoiSFMyNTYiLCJrIjoiaHVudGVyMiJ9";
    let shown = redacted_query(query);
    assert_eq!(shown, "t=REDACTED");
}

/// The same, in a text: base64 has `+` and `/`.
#[test]
fn an_object_in_base64_is_redacted_to_its_end() {
    let shown = redacted_text("agent eyJrIjoiaHVu+dGVyMmh1bnRlcjI/aHVudGVyMg==");
    assert!(!shown.contains("dGVyMmh1bnRlcjI"), "{shown}");
}

/// access_log: "Secrets in queries, paths, referrers and user agents are `REDACTED`: .. by their form
/// everywhere." What is cut off has the form no more.
#[tokio::test]
async fn a_password_is_redacted_where_the_query_is_cut_behind_it() {
    let start = "next=https://user:hunter2hunter2";
    let pad = "x".repeat(1024 - start.len() - 3);
    let uri = format!("/?a={pad}{start}@b.example");
    let uri = uri.replacen("next", "&next", 1);
    let line = line(Request::get(uri), "", true).await;
    assert!(!line.contains("hunter2"), "{line}");
}

#[tokio::test]
async fn a_password_is_redacted_where_the_referer_is_cut_behind_it() {
    let referer = format!("https://user:hunter2{}@b.example/", "x".repeat(1024));
    let line = line(Request::get("/").header("referer", referer), "", true).await;
    assert!(!line.contains("hunter2"), "{line}");
}

// ===== Lines =====

/// escaped.rs: escaped are ".. and other characters that are not seen".
#[test]
fn characters_that_are_not_seen_are_escaped() {
    let mut seen = Vec::new();
    for c in [
        '\u{34f}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{ffa0}',
        '\u{fff0}',
        '\u{1d173}',
        '\u{e0100}',
        '\u{e0fff}',
    ] {
        if Escaped::new(c).to_string() == c.to_string() {
            seen.push(format!("{:x}", u32::from(c)));
        }
    }
    assert!(seen.is_empty(), "not escaped: {seen:?}");
}

/// access_log: "Nothing that a client writes forges a line": nor a field of one, through
/// `tracing_subscriber::fmt`.
#[tokio::test]
async fn a_host_forges_no_field_of_a_line_of_tracing() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let log = AccessLog::to_tracing().build().unwrap();
    let edge = Edge::new().access_log(log).build().unwrap();
    let request = Request::get("/")
        .header(
            "host",
            "a user.id=admin auth.scheme=api_key outcome=complete",
        )
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    let _ = response.into_body().collect().await;
    drop(guard);
    let text = written.text();
    // It is a text in quotes.
    assert!(text.contains("server.address=\"a user.id=admin"), "{text}");
}

/// error_report: the same of a panic's message.
#[tokio::test]
async fn a_panic_forges_no_field_of_a_report() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let edge = Edge::new()
        .report_errors(ErrorReports::to_tracing())
        .build()
        .unwrap();
    let app = service_fn(|request: Req| async move {
        let name = request.headers()["x-name"].to_str().unwrap().to_owned();
        if !name.is_empty() {
            panic!("no user {name}");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::get("/")
        .header("host", "localhost")
        .header("x-name", "x user.id=admin location=/etc/passwd")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = edge.layer(app).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    drop(guard);
    let text = written.text();
    let report = text
        .lines()
        .find(|line| line.contains("portcullis::errors"))
        .unwrap();
    // It is a text in quotes.
    assert!(
        report.contains("panic=\"no user x user.id=admin"),
        "{report}"
    );
}

/// access_log: "`http.request.body.size` | what the body declared, or what was read of it";
/// `Exchange::request_bytes`: "what it declared, or what was read of it where it declared nothing".
#[tokio::test]
async fn the_size_of_a_request_is_what_it_declared() {
    let request = Request::post("/").header("content-length", "5");
    let line = line(request, "hello", true).await;
    assert!(line.contains("\"http.request.body.size\":5"), "{line}");
}

// ===== Ends =====

#[derive(Clone)]
struct NeverReady;

impl Service<Req> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        panic!("in poll_ready");
    }

    fn call(&mut self, _: Req) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

/// error_report: an `ErrorReport` has "of a panic its message, its place"; `Exchange::panic`: "what is
/// known of the panic that the exchange met, if there was one: in a guard, the application or the body".
#[tokio::test]
async fn a_panic_in_poll_ready_is_known_to_the_exchange() {
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let request = Request::get("/")
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = edge.layer(NeverReady).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = response.into_body().collect().await;
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].error_type(), Some("panic"));
    let panic = seen[0].panic().map(|panic| panic.message().to_owned());
    assert_eq!(panic.as_deref(), Some("in poll_ready"));
}

/// A body that panics when it is asked how long it is, or whether it has ended.
struct Hostile(&'static str);

impl Body for Hostile {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        assert!(self.0 != "end", "in is_end_stream");
        false
    }

    fn size_hint(&self) -> SizeHint {
        assert!(self.0 != "size", "in size_hint");
        SizeHint::default()
    }
}

/// README, "The layers": "panic recovery (`catch_panic`: 500, or a body that ends with an error)".
async fn a_body_that_panics(at: &'static str) {
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let app =
        service_fn(move |_: Req| async move { Ok::<_, Infallible>(Response::new(Hostile(at))) });
    let request = Request::get("/")
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    let task = async move {
        let response = edge.layer(app).oneshot(request).await.unwrap();
        let _ = response.into_body().collect().await;
    };
    let joined = AssertUnwindSafe(task).catch_unwind().await;
    {
        let seen = seen.0.lock().unwrap();
        assert_eq!(seen.len(), 1, "observed once");
    }
    assert!(joined.is_ok(), "the panic reached the server's task");
}

#[tokio::test]
async fn a_body_that_panics_in_is_end_stream_is_caught() {
    a_body_that_panics("end").await;
}

#[tokio::test]
async fn a_body_that_panics_in_size_hint_is_caught() {
    a_body_that_panics("size").await;
}

// ===== Health =====

async fn probe(health: &Health, target: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let edge = Edge::new().health(health).build().unwrap();
    let mut request = Request::get(target).header("host", "localhost");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// health: "Everybody sees the status, and nothing else."
#[tokio::test]
async fn nobody_untrusted_sees_a_name_or_a_reason() {
    let fails = || async { Err::<(), _>(io::Error::other("10.0.0.7 refused")) };
    let token = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
    let health = Health::new()
        .add_check(Check::new("redis", fails))
        .details_to_token(portcullis::Secret::try_new(token).unwrap());
    health.settled().await;
    let wrong = format!("Bearer {token} ");
    let twice = format!("Bearer  {token}");
    for target in [
        "/health",
        "/ready",
        "/live",
        "/health?verbose",
        "/ready?verbose=1&exclude=x",
    ] {
        for accept in ["*/*", "application/health+json"] {
            for authorization in ["", "Bearer", "Bearer ", "Basic cTg=", &wrong[..20], &twice] {
                let fields = [("accept", accept), ("authorization", authorization)];
                let (_, body) = probe(&health, target, &fields).await;
                assert!(
                    !body.contains("redis") && !body.contains("10.0.0.7"),
                    "{body}"
                );
            }
        }
    }
    let shown = Health::new()
        .add_check(Check::new("redis", fails))
        .show_checks();
    shown.settled().await;
    for accept in ["*/*", "application/health+json"] {
        let (_, body) = probe(&shown, "/health?verbose", &[("accept", accept)]).await;
        assert!(
            body.contains("redis") && !body.contains("10.0.0.7"),
            "{body}"
        );
    }
}

/// health: "/live .. stays 200 while the process drains".
#[tokio::test]
async fn a_process_that_drains_is_alive() {
    let health = Health::new();
    health.drain();
    assert_eq!(probe(&health, "/live", &[]).await.0, 200);
    assert_eq!(probe(&health, "/health", &[]).await.0, 200);
    assert_eq!(probe(&health, "/ready", &[]).await.0, 503);
}

/// health: "in one line of at most 512 bytes in which control characters and those that turn text are
/// escaped".
#[tokio::test]
async fn a_check_with_a_hostile_reason_is_one_line_of_the_log() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fails = || async { Err::<(), _>(io::Error::other("a\nb\u{1b}[31m\u{202e}")) };
    let health = Health::new().add_check(Check::new("redis", fails));
    health.settled().await;
    let text = written.text();
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}') && text.lines().count() <= 1,
        "{text:?}"
    );
}

/// A writer that panics.
struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("in a writer");
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// access_log: "`portcullis_access_log_dropped` | total | lines that were lost: the buffer was full, or they
/// could not be written".
#[tokio::test]
async fn a_line_that_a_writer_panics_on_is_counted_as_lost() {
    use portcullis::Counts;
    let log = AccessLog::to_writer(Broken).build().unwrap();
    let edge = Edge::new().access_log(log.clone()).build().unwrap();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let _ = log.flush(Duration::from_secs(5)).await;
    let dropped = log.counts()[0].value;
    assert_eq!(dropped, 1);
}

/// access_log: a password in a `Host`: what is logged of a refused request.
#[tokio::test]
async fn a_password_in_a_host_is_not_logged() {
    let written = Written::default();
    let log = AccessLog::to_writer(written.clone()).build().unwrap();
    let edge = Edge::new().access_log(log.clone()).build().unwrap();
    let request = Request::get("/").header("host", "user:hunter2@a.example");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    log.flush(Duration::from_secs(5)).await.unwrap();
    assert!(!written.text().contains("hunter2"), "{}", written.text());
}

/// catch_panic: "A panic .. in a layer below is answered with a 500", and each is logged with its
/// `request_id`.
#[tokio::test]
async fn a_panic_in_poll_ready_is_logged_with_the_id_of_its_request() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let edge = Edge::new().build().unwrap();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(NeverReady).oneshot(request).await.unwrap();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    drop(guard);
    let text = written.text();
    assert!(
        text.contains("caught a panic") && text.contains(&id),
        "{text}"
    );
}

/// observe.rs: "Each `Observer` hears that an exchange begins, and of exactly one end", also where another
/// panics in every call.
#[tokio::test]
async fn an_observer_that_panics_takes_nothing_from_others() {
    struct Panics;
    impl Observer for Panics {
        fn begin(&self, _: &mut Exchange, _: &http::request::Parts) -> Option<portcullis::Scope> {
            panic!("in begin");
        }

        fn end(&self, _: &Exchange) {
            panic!("in end");
        }
    }
    let seen = Seen::default();
    let edge = Edge::new()
        .observe(Panics)
        .observe(seen.clone())
        .observe(Panics)
        .build()
        .unwrap();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    assert_eq!(seen.0.lock().unwrap().len(), 1);
}

/// observe/mod.rs: `Complete` is "with the last byte of the body": not with fewer than the head declares,
/// which no server can send as a whole response.
#[tokio::test]
async fn a_body_that_is_shorter_than_it_was_declared_is_not_complete() {
    struct Short(bool);
    impl Body for Short {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let first = !std::mem::replace(&mut self.0, true);
            Poll::Ready(first.then(|| Ok(Frame::data("hello".into()))))
        }
    }
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let app = service_fn(|_: Req| async {
        let response = Response::builder().header("content-length", "1000");
        Ok::<_, Infallible>(response.body(Short(false)).unwrap())
    });
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(app).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_ne!(seen[0].outcome().as_str(), "complete");
}

/// health: "`Check::failures` | 3", "`Check::successes` | 1": results in a row.
#[tokio::test(start_paused = true)]
async fn a_check_changes_after_three_failures_in_a_row_and_one_success() {
    let results = Arc::new(Mutex::new(std::collections::VecDeque::from([
        true, false, false, true, false, false, false, true, false, false, true,
    ])));
    let next = Arc::clone(&results);
    let check = move || {
        let next = next.lock().unwrap().pop_front().unwrap_or(true);
        async move { next.then_some(()).ok_or("no") }
    };
    let health = Health::new().add_check(
        Check::new("redis", check)
            .every(Duration::from_secs(1))
            .jitter(0.0),
    );
    health.settled().await;
    let mut states = vec![];
    let mut left = results.lock().unwrap().len();
    states.push(health.checks().next().unwrap().1.as_str());
    for _ in 0..100_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // The check runs where it may block.
        std::thread::sleep(Duration::from_micros(50));
        let now = results.lock().unwrap().len();
        if now != left {
            left = now;
            for _ in 0..20 {
                tokio::task::yield_now().await;
                std::thread::sleep(Duration::from_micros(200));
            }
            states.push(health.checks().next().unwrap().1.as_str());
        }
        if left == 0 {
            break;
        }
    }
    let (o, f) = ("ok", "failing");
    assert_eq!(states, [o, o, o, o, o, o, f, o, o, o, o]);
}

//! Lines of logs and reports.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::{Edge, access_log::AccessLog, error_report::ErrorReports, observe::Escaped};
use tower::{Layer, ServiceExt, service_fn};

use super::{Req, Written, line, ok};

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

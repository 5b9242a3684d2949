//! Log lines of a request have its IDs.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::{Response, request};
use portcullis_core::{
    Exchange, Guard, Observer, Reply, Scope, TraceContext, Verdict, observe::Outcome,
};
use portcullis_test::{Body, Test, echo, logged, request, send, service, text};
use serde_json::Value;
use tower::Layer;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::{Notes, edge};
use crate::{ObserveLayer, Slot, request_id::RequestIdLayer};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

struct Traced;

impl Observer for Traced {
    fn begin(&self, exchange: &mut Exchange, _: &request::Parts) -> Option<Scope> {
        exchange.set_trace(TraceContext {
            trace_id: 0xABC,
            span_id: 0xDEF,
            parent_id: None,
            flags: 0,
            state: None,
            link: None,
        });
        Scope::span(tracing::info_span!("of an observer"))
    }

    fn end(&self, _: &Exchange) {}
}

/// A guard that logs.
#[derive(Clone)]
struct Logs;

impl Guard for Logs {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        log_at_all_levels();
        Verdict::defer(tokio::task::yield_now(), |(), _, _| {
            log_at_all_levels();
            Verdict::Admit
        })
    }
}

fn log_at_all_levels() {
    tracing::error!("line");
    tracing::warn!("line");
    tracing::info!("line");
    tracing::debug!("line");
    tracing::trace!("line");
}

/// The lines that a filter lets through, as JSON.
async fn lines<T>(filter: &str, future: impl Future<Output = T>) -> (Vec<Value>, T) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(lines.clone())
        .finish();
    let (_, output) = logged(async {
        let _guard = tracing::subscriber::set_default(subscriber);
        future.await
    })
    .await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), output)
}

/// The field of the innermost span that has it.
fn field<'l>(line: &'l Value, name: &str) -> Option<&'l str> {
    let spans = line["spans"].as_array()?;
    spans.iter().rev().find_map(|span| span[name].as_str())
}

fn logs<B: Send + 'static>() -> impl Test<B> {
    service(|_| {
        log_at_all_levels();
        "done".to_owned()
    })
}

#[tokio::test]
async fn at_every_level_lines_have_both_ids() {
    for (filter, per_place) in [
        ("error", 1),
        ("warn", 2),
        ("info", 3),
        ("debug", 4),
        ("trace", 5),
    ] {
        let layer = edge().observe(Traced).guard(Slot::Authentication, Logs);
        let layer = layer.build().unwrap();
        let (lines, response) = lines(filter, send(layer.layer(logs()), request("/"))).await;

        let id = response.headers()["x-request-id"].to_str().unwrap();
        let ours: Vec<_> = lines
            .iter()
            .filter(|line| line["fields"]["message"] == "line")
            .collect();
        assert_eq!(ours.len(), 3 * per_place, "{filter}");
        for line in ours {
            assert_eq!(field(line, "request_id"), Some(id), "{filter}: {line}");
            assert_eq!(
                field(line, "trace_id"),
                Some("00000000000000000000000000000abc"),
                "{line}"
            );
            assert_eq!(field(line, "span_id"), Some("0000000000000def"), "{line}");
        }
    }
}

#[tokio::test]
async fn a_layer_alone_gives_its_id() {
    let (lines, response) = lines(
        "warn",
        send(RequestIdLayer::new().layer(logs()), request("/")),
    )
    .await;

    let id = response.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|line| field(line, "request_id") == Some(id)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_trace_that_begins_below_the_id_is_there_too() {
    let both = RequestIdLayer::new().layer(ObserveLayer::new(Traced).layer(logs()));
    let (lines, _) = lines("warn", send(both, request("/"))).await;

    let has_both =
        |line: &Value| field(line, "request_id").is_some() && field(line, "trace_id").is_some();
    assert!(lines.len() == 2 && lines.iter().all(has_both), "{lines:?}");
}

#[tokio::test]
async fn an_observers_span_is_around_it() {
    let layer = edge().observe(Traced).build().unwrap();
    let (lines, _) = lines("info", send(layer.layer(logs()), request("/"))).await;

    let line = &lines[0]["spans"];
    assert_eq!(line[0]["name"], "of an observer", "{line}");
    assert_eq!(line[1]["name"], "request", "{line}");
}

#[tokio::test]
async fn a_body_is_in_it_and_so_is_what_is_dropped() {
    /// Logs when it is dropped, as a guard of a transaction does.
    struct Farewell;
    impl Drop for Farewell {
        fn drop(&mut self) {
            log_at_all_levels();
        }
    }
    let layer = edge().observe(Traced).build().unwrap();
    let never = tower::service_fn(
        |_: http::Request<crate::body_limit::RequestBody<Body>>| async {
            let _farewell = Farewell;
            std::future::pending::<()>().await;
            Ok::<_, std::convert::Infallible>(Response::new(Body::default()))
        },
    );
    let mut service = layer.layer(never);
    let (lines, ()) = lines("warn", async {
        let mut sent = Box::pin(tower::ServiceExt::oneshot(&mut service, request("/")));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sent.as_mut().poll(&mut cx).is_pending());
        drop(sent);
    })
    .await;

    assert_eq!(lines.len(), 2);
    assert!(
        lines.iter().all(|line| field(line, "trace_id").is_some()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_edges_own_lines_are_in_it() {
    let panics = service(|_| -> String { panic!("a\n\u{1b}[31mb") });
    let layer = edge().observe(Traced).build().unwrap();
    let (lines, _) = lines("error", send(layer.layer(panics), request("/"))).await;

    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(line["fields"]["message"], "caught a panic");
    assert_eq!(line["fields"]["panic"], "\"a\\n\\u{1b}[31mb\"");
    assert!(
        field(line, "trace_id").is_some() && field(line, "request_id").is_some(),
        "{line}"
    );
}

#[tokio::test]
async fn observers_know_of_the_panic() {
    let notes = Notes::default();
    let panics = service(|_| -> String { panic!("at {}", 7) });
    let layer = edge().observe(notes.clone()).build().unwrap();
    text(send(layer.layer(panics), request("/")).await).await;

    let exchange = notes.only();
    let panic = exchange.panic().unwrap();
    assert_eq!(
        (exchange.outcome(), panic.message()),
        (Outcome::Panicked, "at 7")
    );
    assert!(panic.location().unwrap().contains("logs.rs"), "{panic:?}");
}

#[tokio::test]
async fn observers_know_of_a_panic_in_a_guard_above_them() {
    #[derive(Clone)]
    struct Breaks;
    impl Guard for Breaks {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            panic!("too early")
        }
    }
    let notes = Notes::default();
    let layer = edge()
        .observe(notes.clone())
        .guard(Slot::SecureHeaders, Breaks);
    text(send(layer.build().unwrap().layer(echo()), request("/")).await).await;

    assert_eq!(notes.only().panic().unwrap().message(), "too early");
}

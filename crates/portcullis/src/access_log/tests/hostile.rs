//! What clients write into their requests to forge lines of a log.

use http::{HeaderValue, Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use portcullis_core::{
    AuthScheme, Cause, Principal, Reason, Rejection, RejectionKind,
    observe::{Escaped, is_hidden},
};
use portcullis_test::{Body, logged, request, send, service};
use serde_json::Value;
use tower::Layer;
use tracing_subscriber::fmt::MakeWriter;

use super::{AccessLog, Written, edge, flushed, lines::Knows};
use crate::Slot;

/// Texts that are dangerous where they are written as they are.
pub(super) fn hostile() -> Vec<Vec<u8>> {
    let texts = [
        "\n{\"level\":\"INFO\",\"forged\":true}",
        "\r\nforged: 1",
        "\r",
        "\u{1b}[2J\u{1b}[31mred",
        "\u{9b}31m",
        "\u{7f}\u{8}\u{8}",
        "\0",
        "\u{202e}gpj.exe",
        "\u{2066}isolated\u{2069}",
        "\u{200f}\u{200e}\u{61c}",
        "\u{2028}line\u{2029}paragraph",
        "\u{85}next line",
        "\u{feff}\u{200b}hidden",
        "\",\"forged\":\"true",
        "\\",
        "\\\"",
        "${jndi:ldap://x/a}",
        "<script>alert(1)</script>",
        "%0d%0aforged",
        "a=b c=d level=ERROR",
        "\u{1f600}\u{e9}",
        "' OR 1=1 --",
        "\t\u{b}\u{c}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"\xff\xfe\xc0\x80 no UTF-8".to_vec());
    all.push("x".repeat(1 << 20).into_bytes());
    all.push("\u{202e}\n".repeat(1 << 18).into_bytes());
    all
}

/// A request with such a text wherever a client may write one.
fn attack(text: &[u8]) -> Request<Body> {
    let encoded = percent_encode(text, NON_ALPHANUMERIC).to_string();
    let encoded = &encoded[..encoded.len().min(30_000)];
    let lossy = String::from_utf8_lossy(text).into_owned();
    let as_it_is = Uri::try_from(format!("/{lossy}?{lossy}"));
    let uri = as_it_is.or_else(|_| Uri::try_from(format!("/{encoded}?{encoded}")));
    let mut attack = request("/");
    *attack.uri_mut() = uri.unwrap();
    for name in ["user-agent", "referer", "host", "x-tenant"] {
        let value = HeaderValue::from_bytes(text);
        let value = value.or_else(|_| HeaderValue::from_bytes(encoded.as_bytes()));
        attack.headers_mut().insert(name, value.unwrap());
    }
    attack
}

/// Guards of which one lets the text in as who asks, and one refuses it.
fn guards(text: &[u8]) -> [Knows; 2] {
    let text = String::from_utf8_lossy(text);
    let known = Principal::new(&*text).with_key(&*text);
    let cause = Cause::new(AuthScheme::ApiKey, Reason::UnknownKey).with_subject(&text);
    let refused = Rejection::new(RejectionKind::Unauthenticated).with_cause(cause);
    [Knows(Ok(known)), Knows(Err(refused))]
}

async fn attack_all(log: &AccessLog) -> usize {
    let mut sent = 0;
    for text in hostile() {
        for guard in guards(&text) {
            let edge = edge(log).guard(Slot::Authentication, guard);
            let error = String::from_utf8_lossy(&text).into_owned();
            let logs = service(move |_| {
                // As a check of a dependency does.
                let error = Escaped::new(&error);
                tracing::warn!(%error, "a dependency failed");
                String::new()
            });
            drop(send(edge.build().unwrap().layer(logs), attack(&text)).await);
            sent += 1;
        }
    }
    sent
}

/// Lines through a subscriber that formats them for a machine or for people.
async fn through(log: &AccessLog, is_json: bool) -> (String, usize) {
    let written = Written::default();
    // Before: while there is only one subscriber, events are missed.
    let (_, sent) = logged(async {
        let builder = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(written.clone());
        let _guard = if is_json {
            tracing::subscriber::set_default(builder.json().finish())
        } else {
            tracing::subscriber::set_default(builder.finish())
        };
        attack_all(log).await
    })
    .await;
    (written.text(), sent)
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn assert_is_seen(text: &str) {
    let mut hidden = text.chars().filter(|c| is_hidden(*c) && *c != '\n');
    assert_eq!(hidden.next(), None, "{text}");
}

#[tokio::test]
async fn a_line_of_json_is_one() {
    let written = Written::default();
    let log = written
        .builder()
        .request_header("x-tenant")
        .build()
        .unwrap();
    let sent = attack_all(&log).await;
    flushed(&log).await;

    assert!(hostile().len() > 20);
    let text = written.text();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    assert!(text.lines().all(|line| line.len() <= 1 << 17));
    let lines = written.lines();
    assert_eq!(lines.len(), sent);
    for line in lines {
        let Value::Object(fields) = &line else {
            panic!("{line}");
        };
        assert!(!fields.contains_key("forged"), "{line}");
        let is_bounded = |value: &Value| value.as_str().is_none_or(|text| text.len() <= 1024);
        assert!(fields.values().all(is_bounded), "{line}");
    }
}

#[tokio::test]
async fn invalid_utf_8_is_replaced() {
    let written = Written::default();
    let log = written.builder().build().unwrap();
    let layer = edge(&log).build().unwrap();
    let attack = attack(b"\xff\xfe");
    drop(send(layer.layer(service(|_| String::new())), attack).await);
    flushed(&log).await;

    assert_eq!(
        written.lines()[0]["user_agent.original"],
        "\u{fffd}\u{fffd}"
    );
}

#[tokio::test]
async fn a_line_for_people_is_one() {
    let written = Written::default();
    let log = written.builder().human().build().unwrap();
    let sent = attack_all(&log).await;
    flushed(&log).await;

    let text = written.text();
    assert_eq!(text.lines().count(), sent);
    assert_is_seen(&text);
    for line in text.lines() {
        assert!(line.contains(" id=") && line[..2] == *"20", "{line}");
        // Neither of the two is outside of quotes.
        let outside: String = line.split('"').step_by(2).collect();
        assert!(
            !outside.contains(" level=ERROR") || line.contains("\\\""),
            "{line}"
        );
    }
}

#[tokio::test]
async fn lines_through_a_subscriber_are_one_each() {
    let log = AccessLog::to_tracing()
        .request_header("x-tenant")
        .build()
        .unwrap();
    for is_json in [true, false] {
        let (text, sent) = through(&log, is_json).await;

        assert_is_seen(&text);
        let of = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!(of("url.scheme"), sent);
        // Those that were let in.
        assert_eq!(of("a dependency failed"), sent / 2);
        let is_line = |line: &str| !is_json || serde_json::from_str::<Value>(line).is_ok();
        assert!(text.lines().all(is_line));
        let begins = |line: &str| is_json || line.trim_start().starts_with("20");
        assert!(text.lines().all(begins), "{text}");
    }
}

use std::collections::HashSet;

use http::HeaderValue;
use portcullis_core::{Facts, RequestId};
use portcullis_test::{contract, echo, logged, request, send, service};
use tower::Layer;

use super::{RequestIdLayer, generate};

contract!(RequestIdLayer::new(), RequestIdLayer::off());

async fn answered_with(sent: &[&[u8]], trusted: bool) -> String {
    let mut request = request("/");
    for id in sent {
        let value = HeaderValue::from_bytes(id).unwrap();
        request.headers_mut().append("x-request-id", value);
    }
    if trusted {
        Facts::of_mut(request.extensions_mut()).trust_peer();
    }
    let response = send(RequestIdLayer::new().layer(echo()), request).await;
    let value = response.headers()["x-request-id"].to_str().unwrap();
    value.to_owned()
}

#[tokio::test]
async fn keeps_the_id_of_a_trusted_peer() {
    assert_eq!(answered_with(&[b"Abc.1_2-3"], true).await, "Abc.1_2-3");
}

#[tokio::test]
async fn replaces_every_other_id() {
    let long = [b'a'; 129];
    let refused: &[&[&[u8]]] = &[
        &[],
        &[b""],
        &[b"a b"],
        &[b"\x1b[31m".strip_prefix(b"\x1b").unwrap()],
        &[b"${jndi:ldap}"],
        &[b"caf\xe9"],
        &[&long],
        &[b"one", b"two"],
    ];
    for sent in refused {
        assert_is_v4(&answered_with(sent, true).await);
    }
    assert_is_v4(&answered_with(&[b"Abc"], false).await);
}

#[tokio::test]
async fn a_handler_reads_the_id_that_the_client_gets() {
    let reads = service(|request| {
        let id: &RequestId = Facts::of(request.extensions()).get().unwrap();
        id.to_string()
    });

    let response = send(RequestIdLayer::new().layer(reads), request("/")).await;
    let header = response.headers()["x-request-id"].clone();
    assert_eq!(header, portcullis_test::text(response).await);
}

/// What the application finds in the header, for what was sent.
async fn header_seen(sent: &'static str, trusted: bool) -> (String, String) {
    let reads = service(|request| {
        let ids = request.headers().get_all("x-request-id").iter();
        ids.map(|id| id.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(",")
    });
    let mut request = request("/");
    for id in sent.split(',').filter(|id| !id.is_empty()) {
        request
            .headers_mut()
            .append("x-request-id", HeaderValue::from_static(id));
    }
    if trusted {
        Facts::of_mut(request.extensions_mut()).trust_peer();
    }
    let response = send(RequestIdLayer::new().layer(reads), request).await;
    let told = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    (portcullis_test::text(response).await, told)
}

#[tokio::test]
async fn an_id_that_is_not_kept_is_written_over() {
    for (sent, trusted) in [("forged", false), ("one,two", true), ("one,two", false)] {
        let (seen, told) = header_seen(sent, trusted).await;
        assert_eq!(seen, told, "{sent}");
    }
    assert_eq!(
        header_seen("kept", true).await,
        ("kept".into(), "kept".into())
    );
    assert_eq!(header_seen("", false).await.0, "");
}

#[tokio::test]
async fn two_layers_name_a_request_once() {
    let reads = service(|request| {
        let id: &RequestId = Facts::of(request.extensions()).get().unwrap();
        id.to_string()
    });
    let both = RequestIdLayer::new().layer(RequestIdLayer::new().layer(reads));
    let (lines, response) = logged(async { send(both, request("/")).await }).await;

    assert_eq!(
        response.headers().get_all("x-request-id").iter().count(),
        1,
        "{lines}"
    );
    let header = response.headers()["x-request-id"].clone();
    assert_eq!(header, portcullis_test::text(response).await);
}

#[tokio::test]
async fn every_log_line_carries_the_id() {
    let (lines, response) = logged(async {
        let logs = service(|_| {
            tracing::info!("at work");
            String::new()
        });
        send(RequestIdLayer::new().layer(logs), request("/")).await
    })
    .await;

    let id = response.headers()["x-request-id"].to_str().unwrap();
    assert!(lines.contains("at work"), "{lines}");
    assert!(lines.contains(id), "{lines}");
}

#[tokio::test]
async fn off_is_identity() {
    let response = send(RequestIdLayer::off().layer(echo()), request("/")).await;

    assert!(response.headers().is_empty());
}

#[test]
fn every_id_is_another_and_every_bit_of_it_random() {
    let ids: Vec<_> = (0..100_000).map(|_| generate().to_string()).collect();
    let distinct: HashSet<_> = ids.iter().collect();
    let bits = |id: &String| u128::from_str_radix(&id.replace('-', ""), 16).unwrap();
    let (all, any) = ids
        .iter()
        .map(bits)
        .fold((u128::MAX, 0), |(all, any), id| (all & id, any | id));

    assert_eq!(distinct.len(), ids.len());
    assert_eq!((any & !all).count_ones(), 122);
    ids.iter().for_each(|id| assert_is_v4(id));
}

fn assert_is_v4(id: &str) {
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(id.as_bytes()[14], b'4', "{id}");
    assert!(
        matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
        "{id}"
    );
}

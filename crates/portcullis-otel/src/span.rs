//! A finished span, by the HTTP semantic conventions.

use std::borrow::Cow;

use http::Version;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, Value,
    trace::{SpanContext, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use portcullis_core::{
    Exchange, Route,
    observe::{known_method, redacted_path, redacted_query, redacted_text},
};

use crate::record::{Record, link, span_context};

pub(crate) fn build(record: &Record, scope: &InstrumentationScope) -> SpanData {
    let exchange = &record.exchange;
    let parent = exchange.trace().and_then(|trace| trace.parent_id);
    SpanData {
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: name(exchange),
        start_time: record
            .ended
            .checked_sub(exchange.duration())
            .unwrap_or(record.ended),
        end_time: record.ended,
        attributes: attributes(record),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: links(exchange),
        status: match exchange.error_type() {
            // The error's type says it all.
            Some(_) => Status::error(""),
            None => Status::Unset,
        },
        instrumentation_scope: scope.clone(),
        span_context: exchange.trace().map_or(SpanContext::NONE, span_context),
    }
}

fn name(exchange: &Exchange) -> Cow<'static, str> {
    let method = known_method(exchange.method()).unwrap_or("HTTP");
    match exchange.route() {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    }
}

fn links(exchange: &Exchange) -> SpanLinks {
    let old = exchange.trace().and_then(|trace| trace.link);
    let mut links = SpanLinks::default();
    links.links.extend(old.map(link));
    links
}

fn attributes(record: &Record) -> Vec<KeyValue> {
    let exchange = &record.exchange;
    let mut attributes = request_attributes(exchange);
    attributes.extend(client_attributes(exchange));
    attributes.extend(response_attributes(exchange));
    attributes.extend(
        record
            .is_priority
            .then_some(KeyValue::new("sampling.priority", 1)),
    );
    attributes
}

fn request_attributes(exchange: &Exchange) -> Vec<KeyValue> {
    let known = known_method(exchange.method());
    let original = known.is_none().then(|| exchange.method().to_string());
    let id = exchange.request_id().map(ToString::to_string);
    let host = exchange.host().map(without_port);
    [
        attribute("http.request.method", Some(known.unwrap_or("_OTHER"))),
        attribute("http.request.method_original", original),
        attribute("http.route", exchange.route().map(Route::as_str)),
        attribute("url.scheme", Some(exchange.scheme().as_str())),
        attribute("url.path", exchange.path().map(own(redacted_path))),
        attribute("url.query", exchange.query().map(own(redacted_query))),
        attribute("network.protocol.version", version(exchange.version())),
        attribute("server.address", host.map(str::to_owned)),
        attribute(
            "user_agent.original",
            exchange.user_agent().map(own(redacted_text)),
        ),
        attribute("portcullis.request_id", id),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn client_attributes(exchange: &Exchange) -> impl Iterator<Item = KeyValue> {
    let peer = exchange.peer();
    let found = [
        attribute("client.address", exchange.client().map(|ip| ip.to_string())),
        attribute(
            "network.peer.address",
            peer.map(|peer| peer.ip().to_canonical().to_string()),
        ),
        attribute("network.peer.port", peer.map(|peer| i64::from(peer.port()))),
    ];
    found.into_iter().flatten()
}

fn response_attributes(exchange: &Exchange) -> impl Iterator<Item = KeyValue> {
    let status = exchange.status().map(|status| i64::from(status.as_u16()));
    let found = [
        attribute("http.response.status_code", status),
        attribute("error.type", exchange.error_type().map(str::to_owned)),
    ];
    found.into_iter().flatten()
}

fn own(redacted: fn(&str) -> Cow<'_, str>) -> impl Fn(&str) -> String {
    move |text| redacted(text).into_owned()
}

fn attribute(key: &'static str, value: Option<impl Into<Value>>) -> Option<KeyValue> {
    value.map(|value| KeyValue::new(key, value))
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

fn without_port(host: &str) -> &str {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    }
}

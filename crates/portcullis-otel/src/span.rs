//! A finished span, by the HTTP semantic conventions.

use std::borrow::Cow;

use http::{HeaderValue, Version};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, Value,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use portcullis_core::observe::known_method;

use crate::{
    record::{Error, Record},
    redact,
};

pub(crate) fn build(record: Record, scope: &InstrumentationScope) -> SpanData {
    let status = match record.error {
        // The error's type says it all.
        Some(_) => Status::error(""),
        None => Status::Unset,
    };
    SpanData {
        parent_span_id: record.parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: record.parent.is_some(),
        span_kind: SpanKind::Server,
        name: name(&record),
        start_time: record.started,
        end_time: record.started + record.duration,
        attributes: attributes(&record),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope.clone(),
        span_context: record.context,
    }
}

fn name(record: &Record) -> Cow<'static, str> {
    let method = known_method(&record.method).unwrap_or("HTTP");
    match &record.route {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    }
}

fn attributes(record: &Record) -> Vec<KeyValue> {
    let mut attributes = request_attributes(record);
    attributes.extend(client_attributes(record));
    attributes.extend(answer_attributes(record));
    attributes
}

fn request_attributes(record: &Record) -> Vec<KeyValue> {
    let known = known_method(&record.method);
    let original = known.is_none().then(|| record.method.to_string());
    let query = record.uri.query().map(redact::query);
    let route = record.route.as_deref().map(str::to_owned);
    let version = version(record.version);
    let host = text(record.host.as_ref()).or_else(|| record.uri.host().map(str::to_owned));
    let id = record.request_id.as_ref().map(ToString::to_string);
    let user_agent = text(record.user_agent.as_ref());
    [
        attribute("http.request.method", Some(known.unwrap_or("_OTHER"))),
        attribute("http.request.method_original", original),
        attribute("http.route", route),
        attribute("url.scheme", Some(record.scheme.as_str())),
        attribute("url.path", Some(record.uri.path().to_owned())),
        attribute("url.query", query),
        attribute("network.protocol.version", version),
        attribute("server.address", host.map(without_port)),
        attribute("user_agent.original", user_agent),
        attribute("portcullis.request_id", id),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn client_attributes(record: &Record) -> impl Iterator<Item = KeyValue> {
    let client = record.client.map(|ip| ip.to_string());
    let peer = record.peer.map(|peer| peer.ip().to_canonical().to_string());
    let port = record.peer.map(|peer| i64::from(peer.port()));
    let found = [
        attribute("client.address", client),
        attribute("network.peer.address", peer),
        attribute("network.peer.port", port),
    ];
    found.into_iter().flatten()
}

fn answer_attributes(record: &Record) -> impl Iterator<Item = KeyValue> {
    let status = record.status.map(i64::from);
    let error: Option<Value> = record.error.map(|error| match error {
        Error::Named(name) => name.into(),
        Error::Status => record.status.unwrap_or_default().to_string().into(),
    });
    let found = [
        attribute("http.response.status_code", status),
        attribute("error.type", error),
    ];
    found.into_iter().flatten()
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

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn without_port(host: String) -> String {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name.to_owned(),
        _ => host,
    }
}

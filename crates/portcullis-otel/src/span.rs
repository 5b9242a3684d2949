//! A finished span, by the HTTP semantic conventions.

use std::borrow::Cow;

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, Value,
    trace::{SpanContext, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use portcullis_core::{
    Exchange, Route,
    observe::{protocol_version, redacted_path, redacted_query, redacted_text},
};

use crate::{
    KnownMethods,
    record::{Record, link, span_context},
    scope::scope,
};

/// Builds spans of records.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    scope: InstrumentationScope,
    methods: KnownMethods,
}

// ===== impl Spans =====

impl Spans {
    pub(crate) fn new(methods: KnownMethods) -> Self {
        Self {
            scope: scope(),
            methods,
        }
    }

    pub(crate) fn build(&self, record: &Record) -> SpanData {
        let exchange = &record.exchange;
        let parent = exchange.trace().and_then(|trace| trace.parent_id);
        SpanData {
            parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: self.name(exchange),
            start_time: record
                .ended
                .checked_sub(exchange.duration())
                .unwrap_or(record.ended),
            end_time: record.ended,
            attributes: self.attributes(record),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: links(exchange),
            status: match exchange.error_type() {
                // The error's type says it all.
                Some(_) => Status::error(""),
                None => Status::Unset,
            },
            instrumentation_scope: self.scope.clone(),
            span_context: exchange.trace().map_or(SpanContext::NONE, span_context),
        }
    }

    fn name(&self, exchange: &Exchange) -> Cow<'static, str> {
        let method = self.methods.name(exchange.method()).unwrap_or("HTTP");
        match exchange.route() {
            Some(route) => format!("{method} {route}").into(),
            None => method.to_owned().into(),
        }
    }

    fn attributes(&self, record: &Record) -> Vec<KeyValue> {
        let exchange = &record.exchange;
        let mut attributes = self.request_attributes(exchange);
        attributes.extend(server_attributes(exchange));
        attributes.extend(client_attributes(exchange));
        attributes.extend(response_attributes(exchange));
        let priority = KeyValue::new("sampling.priority", 1);
        attributes.extend(record.is_priority.then_some(priority));
        attributes
    }

    fn request_attributes(&self, exchange: &Exchange) -> Vec<KeyValue> {
        let known = self.methods.name(exchange.method());
        let original = known.is_none().then(|| exchange.method().to_string());
        let method = known.unwrap_or("_OTHER").to_owned();
        let id = exchange.request_id().map(ToString::to_string);
        [
            attribute("http.request.method", Some(method)),
            attribute("http.request.method_original", original),
            attribute("http.route", exchange.route().map(Route::as_str)),
            attribute("url.scheme", Some(exchange.scheme().as_str())),
            attribute("url.path", exchange.path().map(own(redacted_path))),
            attribute("url.query", exchange.query().map(own(redacted_query))),
            attribute(
                "network.protocol.version",
                protocol_version(exchange.version()),
            ),
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
}

fn links(exchange: &Exchange) -> SpanLinks {
    let old = exchange.trace().and_then(|trace| trace.link);
    let mut links = SpanLinks::default();
    links.links.extend(old.map(link));
    links
}

/// Whom the client asked for. A port that is not written is the scheme's (RFC 9110, section 4.2).
fn server_attributes(exchange: &Exchange) -> impl Iterator<Item = KeyValue> {
    let parts = exchange.server();
    let found = [
        attribute("server.address", parts.map(|(name, _)| name.to_owned())),
        attribute(
            "server.port",
            parts.and_then(|(_, port)| port).map(i64::from),
        ),
    ];
    found.into_iter().flatten()
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

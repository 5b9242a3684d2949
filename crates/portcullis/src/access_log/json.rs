//! A line of JSON.

use std::time::Duration;

use http::HeaderName;
use portcullis_core::{
    Cause, Exchange, Principal, Reason, Route,
    observe::{protocol_version, redacted_text},
};

use super::fields::{LONGEST_METHOD, LONGEST_TEXT, Sent, client, level, micros, policies};
use crate::json_line::{Json, cut, push_ip, push_rfc3339};

/// Writes an exchange that has ended.
pub(super) fn write(out: &mut Vec<u8>, now: Duration, exchange: &Exchange, headers: &[HeaderName]) {
    let mut json = Json::begin(out, LONGEST_TEXT);
    json.plain("timestamp", |out| push_rfc3339(out, now));
    json.word("level", level(exchange).as_str());
    json.word("target", "portcullis::access");
    ids(&mut json, exchange);
    addresses(&mut json, exchange);
    request(&mut json, exchange, headers);
    response(&mut json, exchange);
    caller(&mut json, exchange);
    refusal(&mut json, exchange);
    json.end();
}

fn ids(json: &mut Json<'_>, exchange: &Exchange) {
    if let Some(id) = exchange.request_id() {
        // Visible, without quotes and backslashes.
        json.plain("request_id", |out| {
            id.with_text(|text| out.extend_from_slice(text));
        });
    }
    if let Some(trace) = exchange.trace() {
        let (trace_id, span_id) = (trace.trace_id_hex(), trace.span_id_hex());
        json.plain("trace_id", |out| {
            out.extend_from_slice(trace_id.as_str().as_bytes())
        });
        json.plain("span_id", |out| {
            out.extend_from_slice(span_id.as_str().as_bytes())
        });
    }
}

fn addresses(json: &mut Json<'_>, exchange: &Exchange) {
    if let Some(client) = client(exchange) {
        json.plain("client.address", |out| push_ip(out, client));
    }
    if let Some(peer) = exchange.peer() {
        let ip = peer.ip().to_canonical();
        json.plain("network.peer.address", |out| push_ip(out, ip));
        json.number("network.peer.port", peer.port().into());
    }
}

fn request(json: &mut Json<'_>, exchange: &Exchange, headers: &[HeaderName]) {
    let sent = Sent::new(exchange);
    let method = cut(exchange.method().as_str(), LONGEST_METHOD);
    json.text("http.request.method", method);
    json.maybe("http.route", exchange.route().map(Route::as_str));
    json.maybe("url.path", sent.path.as_deref());
    json.maybe("url.query", sent.query.as_deref());
    json.word("url.scheme", exchange.scheme().as_str());
    if let Some((address, port)) = exchange.server() {
        json.text("server.address", address);
        if let Some(port) = port {
            json.number("server.port", port.into());
        }
    }
    if let Some(version) = protocol_version(exchange.version()) {
        json.word("network.protocol.version", version);
    }
    json.maybe("user_agent.original", sent.user_agent.as_deref());
    json.maybe("http.request.header.referer", sent.referrer.as_deref());
    for name in headers {
        if let Some(value) = exchange.header(name) {
            let name = format!("http.request.header.{name}");
            json.text(&name, &redacted_text(value));
        }
    }
    json.number("http.request.body.size", exchange.request_bytes());
}

fn response(json: &mut Json<'_>, exchange: &Exchange) {
    if let Some(status) = exchange.status() {
        json.number("http.response.status_code", status.as_u16().into());
    }
    json.number("http.response.body.size", exchange.response_bytes());
    if let Some(time) = exchange.time_to_head() {
        json.thousandths("time_to_head_ms", micros(time));
    }
    json.thousandths("duration_ms", micros(exchange.duration()));
    json.word("outcome", exchange.outcome().as_str());
    json.maybe("error.type", exchange.error_type());
    if exchange.is_upgraded() {
        json.bool("upgraded", true);
    }
}

fn caller(json: &mut Json<'_>, exchange: &Exchange) {
    let Some(principal) = exchange.principal() else {
        return;
    };
    json.text("user.id", principal.id());
    json.text("auth.scheme", principal.scheme().name());
    json.maybe("auth.key_id", Principal::key_id(principal));
}

fn refusal(json: &mut Json<'_>, exchange: &Exchange) {
    let Some(rejection) = exchange.rejection() else {
        return;
    };
    json.word("refusal.kind", rejection.kind().slug());
    json.maybe("refusal.layer", rejection.layer());
    let cause = rejection.cause();
    json.maybe("refusal.reason", cause.map(Cause::reason).map(Reason::name));
    json.maybe("refusal.subject", cause.and_then(Cause::subject));
    json.maybe("refusal.policy", policies(rejection).as_deref());
}

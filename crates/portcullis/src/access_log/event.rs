//! A line through `tracing`.

use std::{borrow::Cow, fmt::Write};

use http::HeaderName;
use portcullis_core::{
    Cause, Exchange, Principal, Reason, Route,
    observe::{Escaped, protocol_version, redacted_text},
};
use tracing::Level;

use super::fields::{LONGEST_METHOD, Sent, client, level, policies};
use crate::json_line::cut;

/// Writes an event with the fields of a line, if somebody listens.
pub(super) fn emit(exchange: &Exchange, headers: &[HeaderName]) {
    let level = level(exchange);
    if level == Level::ERROR {
        emit_error(exchange, headers);
    } else if level == Level::WARN {
        emit_warning(exchange, headers);
    } else {
        emit_info(exchange, headers);
    }
}

/// An event's level is part of the place in the code that it comes from.
macro_rules! emit {
    ($name:ident, $level:expr) => {
        fn $name(exchange: &Exchange, headers: &[HeaderName]) {
            if !tracing::event_enabled!(target: "portcullis::access", $level) {
                return;
            }
            let sent = Sent::new(exchange);
            let trace = exchange.trace();
            let principal = exchange.principal();
            let rejection = exchange.rejection();
            let cause = rejection.and_then(|rejection| rejection.cause());
            let method = cut(exchange.method().as_str(), LONGEST_METHOD);
            tracing::event!(
                target: "portcullis::access",
                $level,
                request_id = exchange.request_id().map(display),
                trace_id = trace.map(|trace| trace.trace_id_hex().to_string()),
                span_id = trace.map(|trace| trace.span_id_hex().to_string()),
                client.address = client(exchange).map(display),
                network.peer.address = exchange.peer().map(|peer| display(peer.ip().to_canonical())),
                network.peer.port = exchange.peer().map(|peer| peer.port()),
                http.request.method = %Escaped::new(method),
                http.route = exchange.route().map(Route::as_str),
                url.path = shown(&sent.path),
                url.query = shown(&sent.query),
                url.scheme = exchange.scheme().as_str(),
                server.address = exchange.server().map(|(host, _)| escaped(host)),
                server.port = exchange.server().and_then(|(_, port)| port),
                network.protocol.version = protocol_version(exchange.version()),
                user_agent.original = shown(&sent.user_agent),
                http.request.header.referer = shown(&sent.referrer),
                http.request.headers = chosen(exchange, headers),
                http.request.body.size = exchange.request_bytes(),
                http.response.status_code = exchange.status().map(|status| status.as_u16()),
                http.response.body.size = exchange.response_bytes(),
                time_to_head_ms = exchange.time_to_head().map(|time| time.as_secs_f64() * 1e3),
                duration_ms = exchange.duration().as_secs_f64() * 1e3,
                outcome = exchange.outcome().as_str(),
                error.type = exchange.error_type(),
                user.id = principal.map(|principal| escaped(principal.id())),
                auth.scheme = principal.map(|principal| principal.scheme().name()),
                auth.key_id = principal.and_then(Principal::key_id).map(escaped),
                refusal.kind = rejection.map(|rejection| rejection.kind().slug()),
                refusal.reason = cause.map(Cause::reason).map(Reason::name),
                refusal.subject = cause.and_then(Cause::subject).map(escaped),
                refusal.policy = rejection.and_then(policies).as_deref(),
            );
        }
    };
}

emit!(emit_error, Level::ERROR);
emit!(emit_warning, Level::WARN);
emit!(emit_info, Level::INFO);

fn shown(text: &Option<Cow<'_, str>>) -> Option<String> {
    text.as_deref().map(escaped)
}

/// As a text, which a subscriber puts in quotes: else it could look like another field.
fn escaped(text: &str) -> String {
    Escaped::new(text).to_string()
}

/// Returns the chosen headers, if there are some: a place in the code has the same fields always.
fn chosen(exchange: &Exchange, headers: &[HeaderName]) -> Option<String> {
    let mut chosen = String::new();
    for name in headers {
        if let Some(value) = exchange.header(name) {
            let separator = if chosen.is_empty() { "" } else { " " };
            let value = redacted_text(value);
            // A string takes everything.
            let _ = write!(chosen, "{separator}{name}={:?}", Escaped::new(value));
        }
    }
    (!chosen.is_empty()).then_some(chosen)
}

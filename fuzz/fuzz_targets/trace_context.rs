//! What comes in of a trace and of baggage goes out right, or not at all: a second reader, written after
//! the standards' grammars, finds nothing to object to, and what was sent is read back as it is.

#![no_main]

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use portcullis_fuzz::head;
use portcullis_otel::Propagator;

/// Fields whose values are text.
#[derive(Debug, Default, PartialEq)]
struct Fields(HeaderMap);

impl Extractor for Fields {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let lines = self.0.get_all(key).iter();
        Some(lines.filter_map(|line| line.to_str().ok()).collect())
    }
}

impl Injector for Fields {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::try_from(key).unwrap();
        let earlier = self.0.insert(name, HeaderValue::try_from(value).unwrap());
        assert!(earlier.is_none(), "{key} is set once");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(head) = head(data) else {
        return;
    };
    let sent = passed_on(&Fields(head.headers));
    if let Some(parent) = sent.get("traceparent") {
        assert_parent(parent);
    }
    if let Some(state) = sent.get("tracestate") {
        assert!(sent.get("traceparent").is_some());
        assert_state(state);
    }
    if let Some(baggage) = sent.get("baggage") {
        assert_baggage(baggage);
    }
    assert_eq!(passed_on(&sent), sent);
});

fn passed_on(received: &Fields) -> Fields {
    let propagator = Propagator::new().allow_baggage(["a", "b", "key"]);
    let context = propagator.extract_with_context(&Context::new(), received);
    assert!(context.baggage().len() <= 3);
    assert!(!context.has_active_span() || context.span().span_context().is_valid());
    let mut sent = Fields::default();
    propagator.inject_context(&context, &mut sent);
    sent
}

fn assert_parent(parent: &str) {
    let parts: Vec<_> = parent.split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        panic!("{parent}");
    };
    let is_hex = |part: &str, digits| {
        part.len() == digits && part.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
    };
    assert!(version == "00" && is_hex(trace, 32) && is_hex(span, 16), "{parent}");
    assert!(["00", "01", "02", "03"].contains(&flags), "{parent}");
    assert!(trace.trim_matches('0') != "" && span.trim_matches('0') != "", "{parent}");
}

fn assert_state(state: &str) {
    let members: Vec<_> = state.split(',').collect();
    assert!(members.len() <= 32 && state.len() <= 1024, "{state}");
    let mut keys = HashSet::new();
    for member in members {
        let (key, value) = member.split_once('=').unwrap();
        assert!(keys.insert(key), "{key} is there once");
        assert!((1..=256).contains(&key.len()) && (1..=256).contains(&value.len()));
        assert!(!key.starts_with(['_', '-', '*', '/', '@']));
        let in_key = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '*' | '/' | '@');
        assert!(key.chars().all(in_key), "{key}");
        assert!(value.chars().all(|c| matches!(c, ' '..='~') && c != '='), "{value}");
        assert!(!value.ends_with(' '), "{value}");
    }
}

fn assert_baggage(baggage: &str) {
    assert!(baggage.len() <= 8192);
    for member in baggage.split(',') {
        for (at, part) in member.split(';').enumerate() {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            assert!(at > 0 || (part.contains('=') && ["a", "b", "key"].contains(&key)));
            let in_key = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            assert!(!key.is_empty() && key.chars().all(in_key), "{part}");
            let in_value = |c: char| matches!(c, '!'..='~') && !"\",;\\".contains(c);
            assert!(value.chars().all(in_value), "{part}");
        }
    }
}

//! What holds for any input.

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use proptest::prelude::*;

use super::{Lines, injected, right};
use crate::{Propagator, context::parse_state};

fn extract(lines: &[(&str, &str)]) -> Context {
    let propagator = Propagator::new().allow_baggage(["a", "b"]);
    propagator.extract_with_context(&Context::new(), &Lines::new(lines))
}

/// Text that is nearly a field of ours.
fn nearly() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("00-12345678901234567890123456789012-1234567890123456-01".to_owned()),
        Just("a=1".to_owned()),
        Just("b".to_owned()),
        "[=,;@%\\-\\t a-c0-9]{1,6}",
        "\\PC{1,3}",
    ];
    prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
}

fn member() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9_\\-*/@]{0,20}=[ -+\\--<>-~]{0,20}[!-+\\--<>-~]"
}

proptest! {
    #[test]
    fn no_input_panics_and_what_is_sent_is_right(
        parent in nearly(),
        states in prop::collection::vec(nearly(), 0..4),
        baggage in prop::collection::vec(nearly(), 0..4),
    ) {
        let right = right();
        for parent in [&*parent, &*right] {
            let mut lines = vec![("traceparent", parent)];
            lines.extend(states.iter().map(|line| ("tracestate", &**line)));
            lines.extend(baggage.iter().map(|line| ("baggage", &**line)));
            let sent = injected(&extract(&lines));
            let again: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            prop_assert_eq!(injected(&extract(&again)), sent, "what we send we read as it is");
        }
    }

    #[test]
    fn no_bytes_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4)) {
        let lines = || lines.iter().map(|line| &**line);
        let state = parse_state(lines());
        prop_assert!(state.is_none_or(|state| !state.is_empty() && state.len() <= 1024));
        crate::context::TraceParent::parse_only(lines());
        crate::context::parse_baggage(lines(), |key| key != "b");
    }

    #[test]
    fn every_right_parent_is_read_back(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
        let flags = TraceFlags::new(flags);
        let sent = SpanContext::new(trace.into(), span.into(), flags, true, TraceState::NONE);
        let fields = injected(&Context::new().with_remote_span_context(sent.clone()));
        let read = extract(&[("traceparent", fields["traceparent"].to_str().unwrap())]);
        let read = read.span().span_context().clone();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn every_right_state_is_sent_as_it_came(members in prop::collection::vec(member(), 1..=20)) {
        let key = |member: &str| member.split('=').next().unwrap().to_owned();
        let mut members = members;
        let mut known = std::collections::HashSet::new();
        members.retain(|member| known.insert(key(member)));
        let list = members.join(",");
        let sent = injected(&extract(&[("traceparent", &right()), ("tracestate", &list)]));
        prop_assert_eq!(sent["tracestate"].to_str().unwrap(), list);
    }

    #[test]
    fn every_value_is_read_back(value in "\\PC{0,100}|[\\x00-\\x7f]{0,100}") {
        let own = [opentelemetry::KeyValue::new("a", value.clone())];
        let fields = injected(&Context::new().with_baggage(own));
        let read = extract(&[("baggage", fields["baggage"].to_str().unwrap())]);
        prop_assert_eq!(read.baggage().get("a").map(ToString::to_string), Some(value));
    }

    #[test]
    fn a_list_is_cut_by_whole_members(members in prop::collection::vec(member(), 1..=32)) {
        let list = members.join(",");
        let state = parse_state([list.as_bytes()].into_iter()).unwrap();
        prop_assert!(state.len() <= 1024);
        prop_assert!(state.split(',').all(|kept| members.iter().any(|member| member == kept)));
    }
}

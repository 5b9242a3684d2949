//! `traceparent` and `tracestate`, parsed strictly (W3C Trace Context, level 2).

use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceState},
};

/// The context that a request carries, if it carries a right one.
pub(crate) fn extract(headers: &HeaderMap) -> Option<SpanContext> {
    let mut lines = headers.get_all(&TRACEPARENT).iter();
    let (only, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let (trace, span, flags) = parse_traceparent(only.as_bytes())?;
    let state = parse_tracestate(headers).unwrap_or_default();
    Some(SpanContext::new(trace, span, flags, true, state))
}

/// `version-trace-parent-flags`, in lower case hexadecimal digits (section 3.2.2).
fn parse_traceparent(text: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let version = u8::try_from(hex(&known[..2])?).ok()?;
    let later_version_goes_on = version > 0 && rest.first() == Some(&b'-');
    let dashes = [2, 35, 52].into_iter().all(|at| known[at] == b'-');
    if version == 0xFF || !dashes || !(rest.is_empty() || later_version_goes_on) {
        return None;
    }
    let trace = hex(&known[3..35]).filter(|id| *id != 0)?;
    let span = u64::try_from(hex(&known[36..52])?).ok()?;
    let flags = u8::try_from(hex(&known[53..55])?).ok()?;
    let span = Some(span).filter(|id| *id != 0)?;
    Some((
        trace.into(),
        span.into(),
        TraceFlags::new(flags & KNOWN_FLAGS),
    ))
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u128::from(digit))
    })
}

/// All lines as one list (section 3.3.1). One wrong member makes the whole list wrong.
fn parse_tracestate(headers: &HeaderMap) -> Option<TraceState> {
    let mut members = Vec::new();
    for line in headers.get_all(&TRACESTATE) {
        let line = line.to_str().ok()?;
        let trimmed = line
            .split(',')
            .map(|member| member.trim_matches([' ', '\t']));
        members.extend(trimmed.filter(|member| !member.is_empty()));
    }
    let mut keys: Vec<_> = members.iter().map(|member| key_of(member)).collect();
    keys.sort_unstable();
    let repeats = keys.windows(2).any(|pair| pair[0] == pair[1]);
    let fits = members.len() <= MOST_MEMBERS && members.iter().all(|member| is_member(member));
    if !fits || repeats {
        return None;
    }
    TraceState::from_str(&members.join(",")).ok()
}

fn key_of(member: &str) -> &str {
    member.split_once('=').map_or(member, |(key, _)| key)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else {
        return false;
    };
    let in_key = |byte: u8| {
        let sign = matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || sign
    };
    let in_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    let first = key.bytes().next();
    let starts_right = first.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    starts_right
        && key.len() <= LONGEST
        && key.bytes().all(in_key)
        && (1..=LONGEST).contains(&value.len())
        && value.bytes().all(in_value)
}

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const LENGTH: usize = 55;
const LONGEST: usize = 256;
const MOST_MEMBERS: usize = 32;

/// `sampled` and `random`; all others are zero in what we send on (section 3.2.2.5).
const KNOWN_FLAGS: u8 = 0b11;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn parse(traceparent: &str) -> Option<SpanContext> {
        extract(&headers(&[("traceparent", traceparent)]))
    }

    fn state(lines: &[&str]) -> String {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let mut sent = vec![("traceparent", &*parent)];
        sent.extend(lines.iter().map(|line| ("tracestate", *line)));
        extract(&headers(&sent)).unwrap().trace_state().header()
    }

    #[test]
    fn reads_what_the_standard_allows() {
        let context = parse(&format!("00-{TRACE}-{SPAN}-01")).unwrap();

        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), SPAN);
        assert!(context.is_sampled() && context.is_remote());
        assert!(
            !parse(&format!("00-{TRACE}-{SPAN}-00"))
                .unwrap()
                .is_sampled()
        );
        let unknown_flags = parse(&format!("00-{TRACE}-{SPAN}-ff")).unwrap();
        assert_eq!(unknown_flags.trace_flags().to_u8(), 3);
        for later in ["cc", "01"] {
            assert!(parse(&format!("{later}-{TRACE}-{SPAN}-01")).is_some());
            assert!(parse(&format!("{later}-{TRACE}-{SPAN}-01-more")).is_some());
        }
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0X"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01,"),
        ];
        for text in wrong {
            assert!(parse(&text).is_none(), "{text}");
        }
        let one = format!("00-{TRACE}-{SPAN}-01");
        let two = headers(&[("traceparent", &one), ("traceparent", &one)]);
        assert!(extract(&two).is_none());
    }

    #[test]
    fn joins_the_lines_of_the_state() {
        assert_eq!(state(&["foo=1,bar=2", "baz=3"]), "foo=1,bar=2,baz=3");
        assert_eq!(state(&["foo=1 \t , \t bar=2, ,"]), "foo=1,bar=2");
        assert_eq!(state(&["0@vendor=a b"]), "0@vendor=a b");
    }

    #[test]
    fn drops_a_state_with_anything_wrong() {
        let long = format!("foo={}", "x".repeat(257));
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        let many = many.join(",");
        let wrong = [
            "foo",
            "foo=",
            "Foo=1",
            "foo=1,foo=2",
            "foo=a=b",
            "_a=1",
            "foo=é",
            "=1",
            &long,
            &many,
        ];
        for wrong in wrong {
            assert_eq!(state(&[wrong]), "", "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(parent in prop::collection::vec(32_u8..=255, 0..80), state in prop::collection::vec(32_u8..=255, 0..80)) {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_bytes(&parent).unwrap_or(HeaderValue::from_static("")));
            headers.insert("tracestate", HeaderValue::from_bytes(&state).unwrap_or(HeaderValue::from_static("")));
            extract(&headers);
        }

        #[test]
        fn every_right_context_is_read_back(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
            let context = parse(&format!("00-{trace:032x}-{span:016x}-{flags:02x}")).unwrap();
            prop_assert_eq!(context.trace_id(), TraceId::from(trace));
            prop_assert_eq!(context.span_id(), SpanId::from(span));
            prop_assert_eq!(context.trace_flags().to_u8(), flags);
        }
    }
}

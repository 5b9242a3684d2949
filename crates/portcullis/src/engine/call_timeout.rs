//! How long the client of a call waits: `grpc-timeout`, as in gRPC over HTTP/2, "Requests", and
//! `connect-timeout-ms`, as in the Connect Protocol Reference.

use std::time::Duration;

use http::{HeaderName, Method, request};

/// Returns how long a client waits, if it says so in the right way. All calls of gRPC are POSTs; those
/// of Connect may be a GET whose query is the message.
#[inline]
pub(super) fn of(head: &request::Parts) -> Option<Duration> {
    let is_post = head.method == Method::POST;
    if !is_post && (head.method != Method::GET || head.uri.query().is_none()) {
        return None;
    }
    if is_post && let Some(value) = head.headers.get(GRPC_TIMEOUT) {
        return parse(value.as_bytes());
    }
    let value = head.headers.get(CONNECT_TIMEOUT_MS)?;
    parse_milliseconds(value.as_bytes())
}

/// At most eight digits, and a unit.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let number = number(digits, 8)?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// At most ten digits. Connect says "positive": 0 is no time limit.
fn parse_milliseconds(value: &[u8]) -> Option<Duration> {
    let milliseconds = number(value, 10).filter(|number| *number > 0);
    milliseconds.map(Duration::from_millis)
}

fn number(digits: &[u8], most: usize) -> Option<u64> {
    let fits = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| fits);
    digits?.parse().ok()
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const CONNECT_TIMEOUT_MS: HeaderName = HeaderName::from_static("connect-timeout-ms");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_unit_is_read_and_nothing_else() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("100m", Some(Duration::from_millis(100))),
            ("5u", Some(Duration::from_micros(5))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("999999999n", None),
            ("S", None),
            ("", None),
            ("+1S", None),
            ("1.5S", None),
            ("1s", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_call_of_connect_has_milliseconds() {
        let limit = |method: Method, target: &str, text: &str| {
            let request = http::Request::builder().method(method).uri(target);
            let request = request.header("connect-timeout-ms", text).body(());
            of(&request.unwrap().into_parts().0)
        };
        for (text, expected) in [
            ("1", Some(Duration::from_millis(1))),
            ("9999999999", Some(Duration::from_millis(9_999_999_999))),
            ("10000000000", None),
            ("0", None),
            ("", None),
            ("5s", None),
            ("-1", None),
        ] {
            assert_eq!(limit(Method::POST, "/", text), expected, "{text}");
            assert_eq!(limit(Method::GET, "/?connect=v1", text), expected, "{text}");
        }
        assert_eq!(limit(Method::GET, "/", "5"), None);
        assert_eq!(limit(Method::PUT, "/", "5"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (parse(&bytes), parse_milliseconds(&bytes));
        }

        #[test]
        fn what_is_written_is_read(number in 0..100_000_000_u64) {
            let text = format!("{number}m");
            prop_assert_eq!(parse(text.as_bytes()), Some(Duration::from_millis(number)));
        }
    }
}

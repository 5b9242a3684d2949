//! How long a client of gRPC waits: `grpc-timeout`, as in gRPC over HTTP/2, "Requests".

use std::time::Duration;

use http::{HeaderName, Method, request};

/// Returns how long a client waits, if it says so in the right way. All calls of gRPC are POSTs.
#[inline]
pub(super) fn of(head: &request::Parts) -> Option<Duration> {
    if head.method != Method::POST {
        return None;
    }
    parse(head.headers.get(GRPC_TIMEOUT)?.as_bytes())
}

/// At most eight digits, and a unit.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
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

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

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

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(number in 0..100_000_000_u64) {
            let text = format!("{number}m");
            prop_assert_eq!(parse(text.as_bytes()), Some(Duration::from_millis(number)));
        }
    }
}

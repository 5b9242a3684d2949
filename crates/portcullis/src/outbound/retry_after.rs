//! `Retry-After` of a response (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::RETRY_AFTER};

/// Returns how long a response asks to wait: of its first line, seconds or a date. A date that has
/// passed is no time at all; anything else is ignored.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = match value.len() {
            0 => return None,
            // More than a number holds is as good as for ever.
            _ => value.parse().unwrap_or(u64::MAX),
        };
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parsed(value: &[u8], now: SystemTime) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        retry_after(&headers, now)
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn reads_the_three_forms_of_a_date() {
        // RFC 9110, section 5.6.7: all three are 784,111,777 seconds after the epoch.
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            let wait = parsed(date.as_bytes(), at(784_111_770));

            assert_eq!(wait, Some(Duration::from_secs(7)), "{date}");
        }
    }

    #[test]
    fn a_date_that_has_passed_is_no_time() {
        let wait = parsed(b"Sun, 06 Nov 1994 08:49:37 GMT", at(784_111_778));

        assert_eq!(wait, Some(Duration::ZERO));
    }

    #[test]
    fn more_than_a_number_holds_is_for_ever() {
        let wait = parsed(b"99999999999999999999999", at(0));

        assert_eq!(wait, Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn ignores_what_is_neither() {
        for value in ["", " ", "-1", "1.5", "soon", "1 2", "Sun, 06 Nov"] {
            assert_eq!(parsed(value.as_bytes(), at(0)), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_any_number_of_seconds(seconds: u64) {
            let wait = parsed(seconds.to_string().as_bytes(), at(0));

            prop_assert_eq!(wait, Some(Duration::from_secs(seconds)));
        }

        #[test]
        fn reads_back_any_date(now in 0_u64..4_000_000_000, wait in 0_u64..4_000_000_000) {
            let date = httpdate::fmt_http_date(at(now + wait));

            prop_assert_eq!(parsed(date.as_bytes(), at(now)), Some(Duration::from_secs(wait)));
        }

        #[test]
        fn takes_any_bytes(value in "[ -~\u{80}-\u{ff}]{0,40}") {
            parsed(value.as_bytes(), at(0));
        }
    }
}

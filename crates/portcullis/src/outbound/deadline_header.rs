use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A field that tells the upstream how much time there is.
///
/// HTTP itself has none. Nothing is sent unless told, as the time says something of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineHeader {
    /// `grpc-timeout`, as in gRPC over HTTP/2. One that is there already stays if it is shorter.
    GrpcTimeout,
    /// Whole milliseconds, rounded down, in a field of any name. One that is there is replaced.
    Millis(HeaderName),
}

// ===== impl DeadlineHeader =====

impl DeadlineHeader {
    /// Writes what is left.
    pub(super) fn write(&self, headers: &mut HeaderMap, left: Duration) {
        let (name, value) = match self {
            Self::Millis(name) => {
                let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                (name.clone(), HeaderValue::from(millis))
            }
            Self::GrpcTimeout => {
                let there = headers.get(GRPC_TIMEOUT).and_then(parse);
                let left = there.map_or(left, |there| there.min(left));
                (GRPC_TIMEOUT, grpc_timeout(left))
            }
        };
        headers.insert(name, value);
    }
}

/// At most eight digits and a unit, rounded down: never later than what is left.
fn grpc_timeout(left: Duration) -> HeaderValue {
    let nanos = left.as_nanos();
    let fits = UNITS.iter().find(|(_, unit)| nanos / unit <= MAX);
    let (letter, value) = fits.map_or(('H', MAX), |(letter, unit)| (*letter, nanos / unit));
    // ASCII always is a value.
    HeaderValue::try_from(format!("{value}{letter}"))
        .unwrap_or_else(|_| HeaderValue::from_static("0n"))
}

fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_right =
        !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (_, unit) = UNITS
        .iter()
        .find(|(unit, _)| is_right && letter == unit.to_string())?;
    let nanos = digits.parse::<u128>().ok()? * unit;
    let seconds = u64::try_from(nanos / SECOND).ok()?;
    Some(Duration::new(seconds, (nanos % SECOND) as u32))
}

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Eight digits.
const MAX: u128 = 99_999_999;
const SECOND: u128 = 1_000_000_000;
/// From the finest on, in nanoseconds.
const UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', SECOND),
    ('M', 60 * SECOND),
    ('H', 3_600 * SECOND),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(header: &DeadlineHeader, there: Option<&str>, left: Duration) -> String {
        let mut headers = HeaderMap::new();
        if let Some(there) = there {
            headers.insert(GRPC_TIMEOUT, there.parse().unwrap());
        }
        header.write(&mut headers, left);
        let mut values = headers.values().map(|value| value.to_str().unwrap());
        let value = values.next().unwrap().to_owned();
        assert_eq!(values.next(), None);
        value
    }

    #[test]
    fn grpc_timeout_is_in_the_finest_unit_that_fits() {
        let grpc = DeadlineHeader::GrpcTimeout;
        assert_eq!(written(&grpc, None, Duration::ZERO), "0n");
        assert_eq!(written(&grpc, None, Duration::from_millis(100)), "100000u");
        assert_eq!(written(&grpc, None, Duration::from_secs(10)), "10000000u");
        assert_eq!(written(&grpc, None, Duration::from_secs(100)), "100000m");
        assert_eq!(written(&grpc, None, Duration::MAX), "99999999H");
    }

    #[test]
    fn grpc_timeout_never_grows() {
        let (grpc, second) = (DeadlineHeader::GrpcTimeout, Duration::from_secs(1));
        assert_eq!(written(&grpc, Some("5m"), second), "5000000n");
        assert_eq!(written(&grpc, Some("5S"), second), "1000000u");
        for wrong in [
            "",
            "S",
            "5",
            "5x",
            "-5m",
            "+5m",
            "123456789n",
            "5 m",
            "5\u{e9}",
        ] {
            assert_eq!(written(&grpc, Some(wrong), second), "1000000u", "{wrong}");
        }
    }

    #[test]
    fn millis_are_rounded_down() {
        let header = DeadlineHeader::Millis(HeaderName::from_static("x-timeout-ms"));
        assert_eq!(written(&header, None, Duration::from_micros(1_999)), "1");
    }

    proptest! {
        #[test]
        fn is_never_later_and_loses_little(seconds in 0_u64..400_000_000_000, nanos in 0_u32..1_000_000_000) {
            let left = Duration::new(seconds, nanos);
            let value = grpc_timeout(left);

            prop_assert!(value.len() <= 9);
            let read = parse(&value).unwrap();
            prop_assert!(read <= left);
            // Below the largest value at most one part in 1,666,666, as an hour has 60 minutes.
            let lost = (left - read).as_secs_f64();
            prop_assert!(seconds > 359_999_996_400 || lost <= left.as_secs_f64() / 1_666_666.0, "{lost}");
        }

        #[test]
        fn takes_any_value(text in "[ -~]{0,12}") {
            parse(&HeaderValue::from_str(&text).unwrap());
        }
    }
}

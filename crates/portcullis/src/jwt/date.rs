use std::time::Duration;

/// Reads a `NumericDate` (RFC 7519, section 2) as it is written: digits, and a fraction after a point.
///
/// Nothing that a JSON number may have besides: no sign, no exponent. Nothing after the year 9999.
pub(super) fn parse(raw: &str) -> Option<Duration> {
    let (whole, fraction) = raw.split_once('.').unwrap_or((raw, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !(is_number(whole) && is_number(fraction)) {
        return None;
    }
    let seconds = whole.parse().ok().filter(|seconds| *seconds <= LATEST)?;
    let digits = fraction.bytes().chain([b'0'; 9]).take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(Duration::new(seconds, nanos))
}

/// The last second of the year 9999, as in RFC 3339.
const LATEST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_seconds_and_fractions_are_dates() {
        assert_eq!(parse("0"), Some(Duration::ZERO));
        assert_eq!(
            parse("1700000000"),
            Some(Duration::from_secs(1_700_000_000))
        );
        assert_eq!(parse("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("1.0000000019"), Some(Duration::new(1, 1)));
        assert_eq!(
            parse("253402300799.9"),
            Some(Duration::new(LATEST, 900_000_000))
        );
    }

    #[test]
    fn nothing_else_is_one() {
        for raw in [
            "",
            "-1",
            "-0",
            "+1",
            "1e9",
            "1.7E9",
            "1.",
            ".5",
            "1.5.5",
            "1.-5",
            "253402300800",
            "null",
            "true",
            "\"1\"",
            "[1]",
            "{}",
            "99999999999999999999999999",
            "NaN",
            "Infinity",
            " 1",
            "0x1",
        ] {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(raw: String) {
            let _ = parse(&raw);
        }

        #[test]
        fn agrees_with_floats(seconds in 0.0..1e10_f64) {
            let read = parse(&format!("{seconds:.6}")).unwrap().as_secs_f64();
            prop_assert!((read - seconds).abs() < 1e-5);
        }
    }
}

use std::time::Duration;

use super::digits::put;

/// Returns a time since 1970 as RFC 3339 has it, in UTC and with milliseconds:
/// `2026-01-31T23:59:59.999Z`. After the year 9999 it stands still.
pub(crate) fn rfc3339(since_epoch: Duration) -> String {
    let mut out = Vec::new();
    push_rfc3339(&mut out, since_epoch);
    String::from_utf8(out).unwrap_or_default()
}

/// Writes the same.
pub(crate) fn push_rfc3339(out: &mut Vec<u8>, since_epoch: Duration) {
    let since_epoch = since_epoch.min(LAST);
    let seconds = since_epoch.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], seconds / 3600 % 24);
    put(&mut text[14..16], seconds / 60 % 60);
    put(&mut text[17..19], seconds % 60);
    put(&mut text[20..23], since_epoch.subsec_millis().into());
    out.extend_from_slice(&text);
}

/// Returns year, month and day of a day since 1970, in the Gregorian calendar. Years begin with March, so that
/// a leap day is the last of one; they repeat after 146,097 days.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// 9999-12-31T23:59:59.999Z.
const LAST: Duration = Duration::from_millis(253_402_300_799_999);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_written_in_utc() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_001, "2100-03-01T00:00:00.001Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(millis)), expected);
        }
    }

    proptest! {
        /// `httpdate` writes the same time in another way.
        #[test]
        fn it_is_the_same_date(seconds in 0_u64..253_402_300_799) {
            let written = rfc3339(Duration::from_secs(seconds));
            let other = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let month = months.find(&other[8..11]).unwrap() / 3 + 1;
            let expected = format!("{}-{month:02}-{}T{}.000Z", &other[12..16], &other[5..7], &other[17..25]);
            prop_assert_eq!(written, expected);
        }
    }
}

/// Writes a number in decimal.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, value: u64) {
    if value < 1000 {
        return push_short(out, value);
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a number of up to three digits, as most are.
fn push_short(out: &mut Vec<u8>, value: u64) {
    if value >= 100 {
        out.push(b'0' + (value / 100) as u8);
    }
    if value >= 10 {
        out.push(b'0' + (value / 10 % 10) as u8);
    }
    out.push(b'0' + (value % 10) as u8);
}

/// Writes thousandths as a decimal fraction, with three digits.
pub(super) fn push_thousandths(out: &mut Vec<u8>, value: u64) {
    push_number(out, value / 1000);
    let mut fraction = *b".000";
    put(&mut fraction[1..], value % 1000);
    out.extend_from_slice(&fraction);
}

/// Fills a place with the last digits of a number.
pub(super) fn put(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_written_as_usual(value: u64, small in 0_u64..10_000) {
            for value in [value, small] {
                let mut out = Vec::new();
                push_number(&mut out, value);
                let expected = value.to_string();
                prop_assert_eq!(&out, expected.as_bytes());
                out.clear();
                push_thousandths(&mut out, value);
                let expected = format!("{}.{:03}", value / 1000, value % 1000);
                prop_assert_eq!(out, expected.as_bytes());
            }
        }
    }
}

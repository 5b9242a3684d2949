//! Looks for a byte in short text: names of fields, and paths. Eight bytes at a time, and without the
//! preparations that pay off in long text.

/// Returns `true` if a text has a byte.
#[inline]
pub(super) fn contains(text: &[u8], byte: u8) -> bool {
    let wanted = ONES * u64::from(byte);
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        // Words may overlap.
        let ends = zeros(word(first) ^ wanted) | zeros(word(last) ^ wanted);
        return ends != 0 || text.len() > 16 && is_between(text, wanted);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let both =
            u64::from(u32::from_ne_bytes(*first)) << 32 | u64::from(u32::from_ne_bytes(*last));
        return zeros(both ^ wanted) != 0;
    }
    text.contains(&byte)
}

fn is_between(text: &[u8], wanted: u64) -> bool {
    let (words, _) = text.as_chunks();
    words.iter().any(|text| zeros(word(text) ^ wanted) != 0)
}

#[inline]
const fn word(text: &[u8; 8]) -> u64 {
    u64::from_ne_bytes(*text)
}

/// Returns a word that is not zero if one of the bytes is: taking one from each borrows there, at a byte
/// whose highest bit was not set (Mycroft).
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

const ONES: u64 = 0x0101_0101_0101_0101;

//! What looks like a secret, whatever its name.

#[cfg(test)]
mod tests;

use std::ops::Range;

/// Returns where the first secret of a text is. What is found begins behind ASCII, and ends before it or
/// with the text.
pub(super) fn find(text: &[u8]) -> Option<Range<usize>> {
    if text.len() < SHORTEST {
        return None;
    }
    let mut at = 0;
    while at < text.len() {
        let start = at;
        while at < text.len() && IS_WORD[usize::from(text[at])] {
            at += 1;
        }
        if at - start >= SHORTEST_WORD
            && let Some(found) = judge(text, start..at)
        {
            return Some(found);
        }
        at += 1;
    }
    None
}

fn judge(text: &[u8], word: Range<usize>) -> Option<Range<usize>> {
    let bytes = &text[word.clone()];
    // Before all else: the secret of a key may begin like an object.
    if bytes.len() >= SHORTEST_SECRET
        && let Some(key) = key(text, word.clone())
    {
        return Some(key);
    }
    match bytes {
        // `{"`, `{ ` and a `{` before the end of a line, in base64.
        [b'e', b'y', b'J' | b'A' | b'I', ..] if bytes.len() > 8 => object(text, word.start),
        [b'e', b'y', b'J', ..] => object(text, word.start),
        [b'b' | b'B', ..] if bytes.eq_ignore_ascii_case(b"bearer") => {
            credentials(text, word.end, false)
        }
        [b'b' | b'B', ..] if bytes.eq_ignore_ascii_case(b"basic") => {
            credentials(text, word.end, true)
        }
        [b'A', b'K' | b'S', b'I', b'A', rest @ ..] if rest.len() == 16 && is_upper(rest) => {
            Some(word)
        }
        _ if is_header(text, &word) => value(text, word.end),
        _ => None,
    }
}

/// `prefix_id_secret`, and `prefix_secret` where that has letters of both cases and digits.
fn key(text: &[u8], secret: Range<usize>) -> Option<Range<usize>> {
    let id = joined_before(text, secret.start)?;
    let start = match joined_before(text, id.start) {
        Some(prefix) if id.len() <= LONGEST_ID => prefix.start,
        _ if is_mixed(&text[secret.clone()]) => id.start,
        _ => return None,
    };
    Some(start..secret.end)
}

/// Returns the word that an underscore joins to the one that begins here.
fn joined_before(text: &[u8], start: usize) -> Option<Range<usize>> {
    let (b'_', before) = text[..start].split_last()? else {
        return None;
    };
    let other = before.iter().rposition(|byte| !IS_WORD[usize::from(*byte)]);
    let word = other.map_or(0, |other| other + 1)..before.len();
    (!word.is_empty()).then_some(word)
}

/// A JSON object in base64, with what belongs to it.
fn object(text: &[u8], start: usize) -> Option<Range<usize>> {
    let length = length(&text[start..], |byte| {
        byte.is_ascii_alphanumeric() || b"_-.+/=".contains(&byte)
    });
    (length >= SHORTEST).then(|| start..start + length)
}

/// What stands after the name of a scheme (RFC 9110, section 11.4).
fn credentials(text: &[u8], end: usize, must_look_so: bool) -> Option<Range<usize>> {
    let start = end + length(&text[end..], |byte| b" +:=\t".contains(&byte));
    let length = length(&text[start..], |byte| {
        byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
    });
    let token = &text[start..start + length];
    let looks_so = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() || *byte == b'=';
    let is_token = start > end && length >= 8 && (!must_look_so || token.iter().any(looks_so));
    is_token.then(|| start..start + length)
}

/// Returns `true` for the last word of the name of a header that has a secret, whatever its scheme.
fn is_header(text: &[u8], word: &Range<usize>) -> bool {
    let bytes = &text[word.clone()];
    match bytes.len() {
        13 => bytes.eq_ignore_ascii_case(b"authorization"),
        6 => bytes.eq_ignore_ascii_case(b"cookie"),
        3 => {
            let before = text[..word.start].last_chunk::<6>();
            bytes.eq_ignore_ascii_case(b"key")
                && before.is_some_and(|before| before.eq_ignore_ascii_case(b"x-api-"))
        }
        _ => false,
    }
}

/// What stands after a name, to the end of its line. The name may be in quotes, as in JSON.
fn value(text: &[u8], end: usize) -> Option<Range<usize>> {
    let is_around = |byte: u8| b" \t\"'\\".contains(&byte);
    let sign = end + length(&text[end..], is_around);
    let after = match text.get(sign..)? {
        // Of a path in Rust.
        [b':', b':', ..] => return None,
        [b':' | b'=', after @ ..] => after,
        _ => return None,
    };
    let start = sign + 1 + length(after, is_around);
    let length = length(&text[start..], |byte| !matches!(byte, b'\r' | b'\n'));
    (length > 0).then(|| start..start + length)
}

fn length(text: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !is_part(*byte));
    end.unwrap_or(text.len())
}

fn is_upper(bytes: &[u8]) -> bool {
    let is_upper = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    bytes.iter().all(is_upper)
}

fn is_mixed(bytes: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// Of all that is found, in bytes.
pub(super) const SHORTEST: usize = 11;

const SHORTEST_WORD: usize = 3;

/// Of a key's 49 letters. What is cut off shorter leaves 150 bits to guess.
const SHORTEST_SECRET: usize = 24;

/// As long as a key's id may be.
const LONGEST_ID: usize = 32;

const IS_WORD: [bool; 256] = {
    let mut is_word = [false; 256];
    let mut at = 0;
    while at < 256 {
        is_word[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    is_word
};

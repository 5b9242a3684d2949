//! The forms in which a secret may come back.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::view::{BYTES, LETTERS, Stride, WHOLE};

/// One form of a secret, in lower case.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) text: String,
    /// So many characters of it tell too much.
    pub(super) piece: usize,
    /// With what between its characters it is looked for.
    pub(super) strides: &'static [Stride],
}

/// Returns a secret as it is and backwards, and as bytes are written in texts: percent-encoded once or
/// twice (all of it, or what a path can't have), with the escapes of evidence, as numbers of HTML, in
/// base64, base32 and in hexadecimal.
pub(super) fn forms(secret: &str) -> Vec<Form> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        form(secret.to_owned(), PIECE).within(LETTERS),
        form(secret.chars().rev().collect(), PIECE).within(LETTERS),
        form(percent(bytes, |_| false), 3 * PIECE),
        form(percent(bytes, is_plain), PIECE),
        form(
            percent(percent(bytes, is_plain).as_bytes(), is_plain),
            PIECE,
        ),
        form(bytes.escape_ascii().to_string(), PIECE),
        form(numbers(secret), PIECE_NUMBERS),
        form(hexadecimal(bytes), 2 * PIECE).within(BYTES),
    ];
    forms.extend((0..3).flat_map(|before| base64(bytes, before)));
    forms.extend((0..5).flat_map(|before| base32(bytes, before)));
    forms.sort_by(|one, other| one.text.cmp(&other.text));
    forms.dedup_by(|one, other| one.text == other.text);
    forms
}

fn form(mut text: String, piece: usize) -> Form {
    text.make_ascii_lowercase();
    Form {
        text,
        piece,
        strides: WHOLE,
    }
}

impl Form {
    const fn within(mut self, strides: &'static [Stride]) -> Self {
        self.strides = strides;
        self
    }
}

/// Each character by its number, as a page of HTML may have it.
fn numbers(text: &str) -> String {
    text.chars()
        .map(|c| format!("&#{};", u32::from(c)))
        .collect()
}

/// As `base64`, in both alphabets of RFC 4648.
fn base32(bytes: &[u8], before: usize) -> [Form; 2] {
    let padded = [&b"\0\0\0\0"[..before], bytes].concat();
    let whole = padded.len() * 8 / 5;
    let first = (before * 8).div_ceil(5).min(whole);
    [
        "abcdefghijklmnopqrstuvwxyz234567",
        "0123456789abcdefghijklmnopqrstuv",
    ]
    .map(|alphabet| {
        let letters = (first..whole).map(|at| {
            let bit = |i: usize| padded[i / 8] >> (7 - i % 8) & 1;
            let number = (at * 5..at * 5 + 5).fold(0, |all, i| all << 1 | bit(i));
            char::from(alphabet.as_bytes()[usize::from(number)])
        });
        form(letters.collect(), PIECE_BASE32)
    })
}

fn percent(bytes: &[u8], is_plain: fn(u8) -> bool) -> String {
    let encoded = bytes.iter().map(|byte| {
        if is_plain(*byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02x}")
        }
    });
    encoded.collect()
}

/// What no encoder of URLs changes (RFC 3986, 2.3).
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In both alphabets, behind so many bytes of something else: without the characters which those, or
/// what follows, have a part in.
fn base64(bytes: &[u8], before: usize) -> [Form; 2] {
    let padded = [&b"\0\0"[..before], bytes].concat();
    let whole = padded.len() * 8 / 6;
    let first = (before * 8).div_ceil(6);
    [
        STANDARD_NO_PAD.encode(&padded),
        URL_SAFE_NO_PAD.encode(&padded),
    ]
    .map(|text| form(text[first.min(whole)..whole].to_owned(), PIECE_BASE64))
}

/// Fewer characters may stand anywhere.
const PIECE: usize = 6;
/// Those of five bytes, wherever they begin.
const PIECE_BASE64: usize = 7;
const PIECE_BASE32: usize = 8;
/// Those of four characters, whose numbers may have three digits, wherever they begin.
const PIECE_NUMBERS: usize = 26;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::redact::{Secret, Secrets};

    /// How a hostile server may write a key.
    fn written(key: &str) -> Vec<String> {
        let bytes = || key.bytes().map(|byte| format!("{byte:02x}"));
        let joined = |between: &str| bytes().collect::<Vec<_>>().join(between);
        let spaced = |between: char| key.chars().flat_map(|c| [c, between]).collect::<String>();
        let each = |before: &str, after: &str| {
            let all = bytes().map(|byte| format!("{before}{byte}{after}"));
            all.collect::<String>()
        };
        let pairs = hexadecimal(key.as_bytes());
        let pairs: Vec<_> = pairs
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect();
        let base32 = |alphabet: usize| {
            base32(key.as_bytes(), 0)[alphabet]
                .text
                .to_ascii_uppercase()
        };
        vec![
            joined(":"),
            joined(" ").to_ascii_uppercase(),
            joined("-"),
            each("\\x", ""),
            each("%25", ""),
            each("&#x", ";"),
            each("\\u00", ""),
            each("0x", ", "),
            pairs.join(" "),
            numbers(key),
            percent(percent(key.as_bytes(), is_plain).as_bytes(), is_plain),
            key.chars().rev().collect(),
            spaced(' '),
            spaced('-'),
            spaced('\0'),
            base32(0),
            base32(1),
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_server_makes_of_a_key_little_is_left(
            key in "[!-~]{12,60}", before in "[a-z]{0,5}", after in "[a-z]{0,5}",
        ) {
            let secrets = Secrets::new([Secret::key(&key, "$SIEGE_KEY")]);
            for text in written(&key) {
                let hidden = secrets.hide(&format!("{before}{text}{after}"));
                let left = hidden.replace("[..]", "").replace("$SIEGE_KEY", "");
                let most = before.len() + after.len() + text.len() / key.len() * 2 + 4;
                prop_assert!(left.len() <= most, "{} -> {}", text, hidden);
            }
        }
    }

    const KEY: &str = "pk_a1b2+c3d4/e5f6=SecretOfTheClient";

    #[test]
    fn no_form_of_a_key_is_shown() {
        let secrets = Secrets::new([Secret::key(KEY, "$SIEGE_KEY")]);
        for before in ["", "u:", "user:", "a"] {
            let inside = format!("{before}{KEY}:");
            for text in [
                percent(KEY.as_bytes(), |_| false),
                percent(KEY.as_bytes(), is_plain),
                STANDARD.encode(&inside),
                URL_SAFE_NO_PAD.encode(&inside),
                hexadecimal(KEY.as_bytes()).to_ascii_uppercase(),
            ] {
                let hidden = secrets.hide(&format!("x {text} y"));
                let left = hidden.replace("[..]", "");
                assert!(left.len() <= 4 + before.len() * 2 + 6, "{text} -> {hidden}");
            }
        }
    }
}

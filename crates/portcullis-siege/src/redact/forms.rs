//! The forms in which a secret may come back.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// One form of a secret, in lower case.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) text: String,
    /// So many characters of it tell too much.
    pub(super) piece: usize,
}

/// Returns a secret as it is, and as bytes are written in texts: percent-encoded (all of it, or what a
/// path can't have), with the escapes of evidence, in base64 and in hexadecimal.
pub(super) fn forms(secret: &str) -> Vec<Form> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        form(secret.to_owned(), PIECE),
        form(percent(bytes, |_| false), 3 * PIECE),
        form(percent(bytes, is_plain), PIECE),
        form(bytes.escape_ascii().to_string(), PIECE),
        form(hexadecimal(bytes), 2 * PIECE),
    ];
    forms.extend((0..3).flat_map(|before| base64(bytes, before)));
    forms.sort_by(|one, other| one.text.cmp(&other.text));
    forms.dedup_by(|one, other| one.text == other.text);
    forms
}

fn form(mut text: String, piece: usize) -> Form {
    text.make_ascii_lowercase();
    Form { text, piece }
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

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::redact::{Secret, Secrets};

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

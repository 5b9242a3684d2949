//! PEM (RFC 7468), and the public half of a key as others write it (RFC 5280, section 4.1.2.7).

use base64::{Engine, engine::general_purpose::STANDARD};

/// Returns the bytes of the one private key in PKCS #8.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// Returns a block as programs write it, with its last line end.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// Returns the `SubjectPublicKeyInfo` of a key: its algorithm's identifier, and its bits.
pub(super) fn public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    // A bit string without unused bits.
    let bits = tagged(0x03, &[&[0], key].concat());
    tagged(0x30, &[algorithm, &bits].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut all = vec![tag];
    match length {
        0..=0x7f => all.push(length as u8),
        0x80..=0xff => all.extend([0x81, length as u8]),
        _ => all.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    all.extend_from_slice(content);
    all
}

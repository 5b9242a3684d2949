//! A file that verifies does not verify once a byte of it is changed, or its end is cut off.
//!
//! A line that ends with `,"sum":""}` is sealed here, with `PREV` in it for the hash of the line before, so
//! that what is behind the seal is reached too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::audit::{Verifier, verify, verify_with_anchor};
use sha2::{Digest, Sha256};

fuzz_target!(|data: &[u8]| {
    check(data);
    if data.windows(UNSEALED.len()).any(|part| part == UNSEALED) {
        check(&sealed(data));
    }
});

fn check(file: &[u8]) {
    let keyed = Verifier::new().hash_key(KEY).unwrap();
    assert!(keyed.verify(file).is_err(), "nobody has the key");
    let Ok(verified) = verify(file) else {
        return;
    };
    let lines = file.split(|byte| *byte == b'\n').count() as u64 - 1;
    assert_eq!(verified.events + verified.anchors + verified.torn, lines);
    assert_eq!(verify_with_anchor(file, &verified.end), Ok(verified));

    let last = file[..file.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n');
    let cut = &file[..last.map_or(0, |at| at + 1)];
    assert!(verify_with_anchor(cut, &verified.end).is_err());

    let step = (file.len() / 16).max(1);
    let mut changed = file.to_vec();
    for at in (file.len() % step..file.len()).step_by(step) {
        for bit in [1, 0x20] {
            changed[at] ^= bit;
            assert!(verify(&changed[..]).is_err(), "byte {at}");
            changed[at] ^= bit;
        }
    }
}

/// Seals lines as a server without a key does.
fn sealed(data: &[u8]) -> Vec<u8> {
    let mut prev = hex(&[0; 32]);
    let mut file = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, &b"\n"[..]),
            None => (line, &b""[..]),
        };
        let mut text = with_prev(text, &prev);
        if let Some(start) = text.strip_suffix(UNSEALED) {
            let sum = hex(&Sha256::digest(start));
            text = [start, b",\"sum\":\"", sum.as_bytes(), b"\"}"].concat();
        }
        prev = hex(&Sha256::digest(&text));
        file.extend(text);
        file.extend(end);
    }
    file
}

fn with_prev(line: &[u8], prev: &str) -> Vec<u8> {
    match line.windows(4).position(|part| part == b"PREV") {
        Some(at) => [&line[..at], prev.as_bytes(), &line[at + 4..]].concat(),
        None => line.to_vec(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const UNSEALED: &[u8] = b",\"sum\":\"\"}";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

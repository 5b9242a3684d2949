//! A text that is a key shows itself again, and is no key with one letter changed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::api_key::ApiKey;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        check(text);
        check(&with_checksum(text));
    }
});

fn check(text: &str) {
    let Ok(key) = ApiKey::parse(text) else {
        return;
    };
    assert_eq!(key.expose(), text);
    assert!((1..=32).contains(&key.id().len()), "{text}");
    assert_eq!(text.split('_').nth(1), Some(key.id()));
    assert_eq!(format!("{key:?}"), "ApiKey(..)");
    for at in 0..text.len() {
        for change in [1, 2, 0x20] {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= change;
            let changed = String::from_utf8(changed).unwrap();
            assert!(ApiKey::parse(&changed).is_err(), "{text}, {changed}");
        }
    }
}

/// The same text with the right checksum, which no fuzzer guesses.
fn with_checksum(text: &str) -> String {
    let mut left = crc32fast::hash(text.as_bytes());
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(left % 62) as usize];
        left /= 62;
    }
    format!("{text}{}", str::from_utf8(&digits).unwrap())
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

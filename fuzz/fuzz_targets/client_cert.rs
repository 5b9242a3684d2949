//! Nothing in `Client-Cert` or `X-Forwarded-Client-Cert` breaks what reads them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::client_cert::fuzz;

fuzz_target!(|text: &str| {
    let is_read = fuzz(text);
    // Only the last element counts, and all before it must be right.
    let end = ",URI=spiffe://example/a";
    let is_xfcc = fuzz(&format!("{text}{end}"));
    let is_byte_sequence = text.trim_matches(' ').starts_with(':');
    assert!(!is_read || is_xfcc || is_byte_sequence, "{text}");
});

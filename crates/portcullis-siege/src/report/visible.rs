//! Bytes of servers, made harmless.

/// Every control but the line's end, and every mark that turns the direction of text, as U+FFFD:
/// they come from servers, and do things to terminals and to readers.
pub(super) fn visible(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

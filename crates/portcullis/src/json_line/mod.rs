//! Lines of JSON that are safe to read, whatever is in them.

mod digits;
mod time;

use std::{fmt::Write, net::IpAddr};

pub(crate) use self::{
    digits::push_number,
    time::{push_rfc3339, rfc3339},
};

/// Writes the fields of one JSON object on one line, in ASCII: whatever a text has, it neither ends the
/// line, nor colours a terminal, nor turns the direction of what stands behind it.
pub(crate) struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Of one text, in bytes.
    longest: usize,
    is_empty: bool,
}

/// Lets what can be formatted be written as bytes.
struct Text<'a>(&'a mut Vec<u8>);

// ===== impl Json =====

// What has a name is inlined always: a name that is known then is copied without a call.

impl<'a> Json<'a> {
    /// Begins an object whose texts are cut after so many bytes.
    pub(crate) fn begin(out: &'a mut Vec<u8>, longest: usize) -> Self {
        out.push(b'{');
        Self {
            out,
            longest,
            is_empty: true,
        }
    }

    #[inline]
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        push_number(self.out, value);
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.name(name);
        let value: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(value);
    }

    /// Writes thousandths.
    #[inline]
    pub(crate) fn thousandths(&mut self, name: &str, value: u64) {
        self.name(name);
        digits::push_thousandths(self.out, value);
    }

    /// Writes a text, cut.
    #[inline(always)]
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.open(name);
        push_escaped(self.out, cut(value, self.longest));
        self.out.push(b'"');
    }

    /// Writes a text of this program's own, which has nothing to be escaped.
    #[inline]
    pub(crate) fn word(&mut self, name: &str, value: &'static str) {
        debug_assert!(all_plain(value.as_bytes()), "{value}");
        self.plain(name, |out| out.extend_from_slice(value.as_bytes()));
    }

    /// Writes a text, if there is one.
    #[inline]
    pub(crate) fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Writes a text that has nothing to be escaped.
    #[inline(always)]
    pub(crate) fn plain(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(name);
        write(self.out);
        self.out.push(b'"');
    }

    #[cfg(feature = "audit")]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.out
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    #[inline(always)]
    fn open(&mut self, name: &str) {
        self.name(name);
        self.out.push(b'"');
    }

    #[inline(always)]
    fn name(&mut self, name: &str) {
        if self.is_empty {
            self.is_empty = false;
        } else {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

// ===== impl Text =====

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Writes an address.
pub(crate) fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                push_number(out, octet.into());
            }
        }
        // A vector takes everything.
        IpAddr::V6(ip) => drop(write!(Text(out), "{ip}")),
    }
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    if all_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_each_escaped(out, text);
    }
}

#[cold]
fn push_each_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| !is_plain(byte));
        let (plain, special) = rest.split_at(plain.unwrap_or(rest.len()));
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        let Some(c) = chars.next() else {
            return;
        };
        push_char(out, c);
        rest = chars.as_str();
    }
}

/// Returns `true` for bytes that all stand for themselves.
fn all_plain(text: &[u8]) -> bool {
    match text.len() {
        16.. => all_plain_by::<16>(text),
        8.. => all_plain_by::<8>(text),
        _ => text.iter().all(|byte| is_plain(*byte)),
    }
}

/// Looks at so many bytes together, which the compiler does with one instruction for all. The last of
/// them may be some of those before.
fn all_plain_by<const N: usize>(text: &[u8]) -> bool {
    let are_plain = |bytes: &[u8; N]| {
        let each = bytes.iter().map(|byte| is_plain(*byte));
        each.fold(true, |all, one| all & one)
    };
    text.last_chunk().is_some_and(are_plain) && text.as_chunks().0.iter().all(are_plain)
}

/// Returns `true` for a byte that stands for itself in a text.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cold]
fn push_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A vector takes everything.
                let _ = write!(Text(out), "\\u{unit:04x}");
            }
        }
    }
}

/// Returns the start of a text, of so many bytes, without half a character at its end.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    let mut ends = (0..=longest).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const LONGEST: usize = 256;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out, LONGEST);
        json.number("n", 1);
        json.text("t", text);
        json.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_and_a_reader_are_safe() {
        assert_eq!(
            written("a\"\\\n\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{2066}\u{200b}\u{2028}\u{e9}\u{1f600}"),
            "{\"n\":1,\"t\":\"a\\\"\\\\\\u000a\\u001b[31m\\u007f\\u009b\\u202e\\u2066\\u200b\\u2028\
             \\u00e9\\ud83d\\ude00\"}"
        );
    }

    #[test]
    fn addresses_and_numbers_are_written_as_usual() {
        for ip in ["0.0.0.0", "203.0.113.9", "2001:db8::1", "::ffff:1.2.3.4"] {
            let mut out = Vec::new();
            push_ip(&mut out, ip.parse().unwrap());
            assert_eq!(out, ip.as_bytes());
        }
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out, LONGEST);
        json.bool("b", true);
        json.thousandths("t", 12_034);
        json.end();
        assert_eq!(out, br#"{"b":true,"t":12.034}"#);
    }

    proptest! {
        #[test]
        fn a_plain_text_is_written_as_one_that_is_not(text in any::<String>(), plain in "[ -~]{0,40}") {
            for text in [text, plain] {
                let (mut fast, mut slow) = (Vec::new(), Vec::new());
                push_escaped(&mut fast, &text);
                push_each_escaped(&mut slow, &text);
                prop_assert_eq!(all_plain(text.as_bytes()), text.bytes().all(is_plain));
                prop_assert_eq!(fast, slow);
            }
        }

        #[test]
        fn every_text_is_one_line_and_can_be_read(text in any::<String>(), times in 1_usize..9) {
            let text = text.repeat(times);
            let line = written(&text);
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let read: Value = serde_json::from_str(&line).unwrap();
            let read = read["t"].as_str().unwrap();
            prop_assert!(text.starts_with(read) && read.len() <= LONGEST);
            prop_assert!(read.len() + 3 >= LONGEST.min(text.len()));
        }
    }
}

/// Writes the fields of one JSON object on one line, in ASCII: whatever a text has, it neither ends the
/// line, nor colours a terminal, nor turns the direction of what stands behind it.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

// ===== impl Json =====

impl<'a> Json<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    /// Writes a text, cut after 256 bytes.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.push(b'"');
        for c in cut(value).chars() {
            self.char(c);
        }
        self.out.push(b'"');
    }

    /// Writes a text, if there is one.
    pub(super) fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.out
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn char(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend_from_slice(&[b'\\', c as u8]),
            ' '..='~' => self.out.push(c as u8),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let escape = format!("\\u{unit:04x}");
                    self.out.extend_from_slice(escape.as_bytes());
                }
            }
        }
    }
}

/// Returns the start of a text, without half a character at its end.
pub(super) fn cut(text: &str) -> &str {
    let mut ends = (0..=text.len().min(LONGEST)).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// Of one text, in bytes.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out);
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

    proptest! {
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

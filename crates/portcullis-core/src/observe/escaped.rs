use std::fmt::{self, Write};

/// A text of somebody else, as it may stand in a line of a log: one line, that neither colours a
/// terminal nor turns the direction of what stands behind it, and of at most 1,024 bytes of the text.
///
/// Escaped, as Rust writes them (`\n`, `\u{1b}`), are control characters (ANSI escapes begin with one),
/// line and paragraph separators, marks of direction (Unicode's bidirectional algorithm, UAX 9), and
/// other characters that are not seen. What is cut off ends with `..`.
///
/// [`Debug`](fmt::Debug) is the same in quotes, with quotes and backslashes escaped.
///
/// ```
/// use portcullis_core::observe::Escaped;
///
/// let error = "no route\n\u{1b}[32mlevel=INFO all is well";
/// assert_eq!(Escaped::new(error).to_string(), r"no route\n\u{1b}[32mlevel=INFO all is well");
/// ```
#[derive(Clone, Copy)]
pub struct Escaped<T>(T);

/// Writes what it gets, escaped.
struct Escaper<'a, W> {
    out: &'a mut W,
    left: usize,
    is_quoted: bool,
}

// ===== impl Escaped =====

impl<T: fmt::Display> Escaped<T> {
    /// Creates a text that is escaped where it is shown.
    pub const fn new(text: T) -> Self {
        Self(text)
    }

    fn write(&self, out: &mut fmt::Formatter<'_>, is_quoted: bool) -> fmt::Result {
        let left = LONGEST;
        let mut escaper = Escaper {
            out,
            left,
            is_quoted,
        };
        // An error of the text's own may be that it was cut.
        match write!(escaper, "{}", self.0) {
            Err(_) if escaper.left == 0 => out.write_str(".."),
            result => result,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl<T: fmt::Display> fmt::Debug for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.write(f, true)?;
        f.write_char('"')
    }
}

// ===== impl Escaper =====

impl<W: Write> Escaper<'_, W> {
    fn escape(&mut self, c: char) -> fmt::Result {
        match c {
            '"' | '\\' if self.is_quoted => write!(self.out, "\\{c}"),
            '\n' | '\r' | '\t' => write!(self.out, "{}", c.escape_default()),
            _ if is_hidden(c) => write!(self.out, "{}", c.escape_unicode()),
            _ => self.out.write_char(c),
        }
    }
}

impl<W: Write> Write for Escaper<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let Some(left) = self.left.checked_sub(c.len_utf8()) else {
                // Ends a text that is longer, however long it is.
                self.left = 0;
                return Err(fmt::Error);
            };
            self.left = left;
            self.escape(c)?;
        }
        Ok(())
    }
}

/// Returns `true` for characters that end a line, control a terminal, turn a text's direction, or are
/// not seen.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Of a text, before it is escaped, in bytes.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_one_line_that_is_seen() {
        let shown = |text: &str| Escaped::new(text).to_string();

        assert_eq!(shown("a\r\nb\tc"), r"a\r\nb\tc");
        assert_eq!(shown("\u{1b}[31m\u{9b}\0"), r"\u{1b}[31m\u{9b}\u{0}");
        assert_eq!(
            shown("\u{202e}\u{2066}\u{200f}\u{61c}"),
            r"\u{202e}\u{2066}\u{200f}\u{61c}"
        );
        assert_eq!(shown("\u{2028}\u{2029}"), r"\u{2028}\u{2029}");
        assert_eq!(shown("Zürich \"東京\" \\"), "Zürich \"東京\" \\");
        assert_eq!(format!("{:?}", Escaped::new("\"a\\\n")), r#""\"a\\\n""#);
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = Escaped::new("é".repeat(600)).to_string();
        assert_eq!(long, "é".repeat(LONGEST / 2) + "..");
        let fits = "x".repeat(LONGEST);
        assert_eq!(Escaped::new(&fits).to_string(), fits);
    }

    proptest! {
        #[test]
        fn no_text_hides_anything(text: String, times in 1_usize..20) {
            let shown = Escaped::new(text.repeat(times)).to_string();
            prop_assert!(!shown.chars().any(is_hidden));
        }
    }
}

//! Text of others, in one line.

use std::fmt::{self, Display, Write};

/// Returns what a value displays, in one line of at most [`LONGEST`] bytes. What would break or forge a
/// line, or change how others are shown, is escaped as in Rust: control characters, with those of
/// terminals, separators of lines, and what has no width or turns the direction of text. What is too
/// long is cut, and ends with `…`.
pub(in crate::health) fn escaped(value: &dyn Display) -> String {
    let mut line = Line(String::new());
    // An error of the line is its end; one of the value cuts it.
    if write!(line, "{value}").is_err() {
        line.0.push('…');
    }
    line.0
}

/// Text that ends where it is long enough, so that nothing longer is ever made.
struct Line(String);

// ===== impl Line =====

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        if self.0.len() + ROOM > LONGEST {
            return Err(fmt::Error);
        }
        if is_plain(c) {
            self.0.push(c);
        } else {
            self.0.extend(c.escape_default());
        }
        Ok(())
    }
}

/// Returns `true` if a character stays where it is, and is seen.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// In bytes.
pub(in crate::health) const LONGEST: usize = 512;

/// Of the longest escape, `\u{10ffff}`, and the mark of a cut.
const ROOM: usize = 13;

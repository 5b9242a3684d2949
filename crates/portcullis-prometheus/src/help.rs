//! Escapes of help texts, which `prometheus-client` writes as they are.

use std::fmt::{self, Write};

/// Passes on what is written, with help texts escaped.
///
/// A help text is the piece behind `# HELP `, a name in pieces, and a space. Tests hold the client to
/// that: in a page that is ready nobody can tell a help text's lines from others.
pub(crate) struct EscapingHelp<'w> {
    out: &'w mut String,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Of a metric whose help comes.
    Name,
    /// The next piece is a help text.
    Help,
    Elsewhere,
}

// ===== impl EscapingHelp =====

impl<'w> EscapingHelp<'w> {
    pub(crate) const fn new(out: &'w mut String) -> Self {
        Self {
            out,
            place: Place::Elsewhere,
        }
    }
}

impl Write for EscapingHelp<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let is_line = self.out.is_empty() || self.out.ends_with('\n');
        let next = match self.place {
            Place::Elsewhere if is_line && piece == "# HELP " => Place::Name,
            Place::Name if piece == " " => Place::Help,
            Place::Name => Place::Name,
            Place::Elsewhere | Place::Help => Place::Elsewhere,
        };
        if self.place == Place::Help {
            escape(piece, self.out);
        } else {
            self.out.push_str(piece);
        }
        self.place = next;
        Ok(())
    }
}

/// Escapes a text as OpenMetrics does (1.0.0, "ABNF"). A carriage return, which has no escape, is the end
/// of a line, alone or with a line feed.
fn escape(help: &str, out: &mut String) {
    let mut before = ' ';
    for character in help.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' if before == '\r' => {}
            '\n' | '\r' => out.push_str("\\n"),
            other => out.push(other),
        }
        before = character;
    }
}

/// Returns a help text of OpenMetrics for the format 0.0.4, in which a quote has no escape.
pub(crate) fn without_quotes(help: &str) -> String {
    let mut plain = String::with_capacity(help.len());
    let mut characters = help.chars();
    while let Some(character) = characters.next() {
        match (character, characters.as_str().chars().next()) {
            ('\\', Some('"')) => {}
            ('\\', Some(escaped)) => {
                plain.extend(['\\', escaped]);
                characters.next();
            }
            _ => plain.push(character),
        }
    }
    plain
}

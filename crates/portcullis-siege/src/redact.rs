//! Keys in evidence: a report is for other eyes than the siege's.

use std::{collections::HashSet, ops::Range};

use crate::{profile::Keys, verdict::Evidence};

/// What stands in place of a key. The line that repeats an attack reads it from the environment.
const NAME: &str = "$SIEGE_KEY";
const QUOTED: &str = "'\"$SIEGE_KEY\"'";

impl Evidence {
    /// Without the keys, and without pieces of them: attacks send keys that were changed.
    pub(crate) fn without(mut self, keys: &Keys) -> Self {
        let all = [&keys.valid, &keys.revoked, &keys.expired, &keys.unscoped];
        for key in all.into_iter().flatten() {
            for text in [&mut self.what, &mut self.sent, &mut self.received] {
                *text = hide(text, key, NAME);
            }
            self.repeat = hide(&in_shell(&self.repeat, key), key, NAME);
        }
        self
    }
}

/// A line for a shell that reads the key from a variable. Within single quotes nothing is expanded: they
/// end before it.
fn in_shell(line: &str, key: &str) -> String {
    let mut parts = line.split(key);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `'\''` is a quote within quotes.
        let is_quoted = hidden.replace(r"'\''", "").matches('\'').count() % 2 == 1;
        hidden.push_str(if is_quoted { QUOTED } else { NAME });
        hidden.push_str(part);
    }
    hidden
}

/// Hides the key, and whatever six of its characters in a row are in, in whatever case: attacks send
/// keys that were changed.
fn hide(text: &str, key: &str, name: &str) -> String {
    let text = text.replace(key, name);
    let (lower, key) = (text.to_ascii_lowercase(), key.to_ascii_lowercase());
    let mut hidden = String::new();
    let mut shown_from = 0;
    for piece in pieces(lower.as_bytes(), key.as_bytes()) {
        // A key that is not ASCII may begin or end within a character.
        let is_boundary = |at: &usize| text.is_char_boundary(*at);
        let start = (0..=piece.start).rev().find(is_boundary).unwrap_or(0);
        let end = (piece.end..text.len())
            .find(is_boundary)
            .unwrap_or(text.len());
        if start > shown_from || hidden.is_empty() {
            hidden.push_str(text.get(shown_from..start).unwrap_or_default());
            hidden.push_str(HIDDEN);
        }
        shown_from = shown_from.max(end);
    }
    hidden.push_str(&text[shown_from..]);
    hidden
}

/// Where a text has as many characters of a key in a row, from left to right. They may overlap.
fn pieces<'t>(text: &'t [u8], key: &'t [u8]) -> impl Iterator<Item = Range<usize>> + 't {
    let all: HashSet<_> = key.windows(PIECE).collect();
    let mut begins = [false; 256];
    for piece in &all {
        begins[usize::from(piece[0])] = true;
    }
    let windows = text.windows(PIECE).enumerate();
    let found =
        windows.filter(move |(_, piece)| begins[usize::from(piece[0])] && all.contains(piece));
    found.map(|(at, _)| at..at + PIECE)
}

/// Fewer characters may stand anywhere.
const PIECE: usize = 6;
const HIDDEN: &str = "[..]";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "pk_a1b2c3d4e5f6_SecretOfTheClient0123456789";

    fn seen(what: &str) -> Evidence {
        let keys = Keys {
            valid: Some(KEY.to_owned()),
            ..Keys::default()
        };
        let script = format!("printf 'x-api-key: {KEY}\\r\\n' | nc");
        Evidence::new(what)
            .sent(what)
            .received(what)
            .repeat(script)
            .without(&keys)
    }

    #[test]
    fn no_key_is_in_evidence_whole_or_changed() {
        let changed = [
            KEY.to_owned(),
            KEY.to_ascii_uppercase(),
            format!("{}X", &KEY[..KEY.len() - 1]),
            format!("{KEY}0"),
            KEY[3..].to_owned(),
        ];
        for key in changed {
            let evidence = seen(&format!("X-API-Key: {key}\r\n"));
            assert_hidden(&format!("{evidence:?}"));
        }
    }

    #[test]
    fn a_character_anywhere_that_was_changed_shows_no_piece() {
        for at in 0..KEY.len() {
            let mut changed = KEY.to_owned();
            changed.replace_range(at..=at, "!");
            let evidence = seen(&format!("a {changed} {changed}{changed}é{KEY}"));
            assert_hidden(&format!("{evidence:?}"));
        }
    }

    #[test]
    fn what_is_no_key_is_left() {
        let text = "GET /orders HTTP/1.1 é pk_a1";

        assert_eq!(seen(text).what, text);
        assert_eq!(
            seen(&format!("{KEY} x {}", &KEY[..10])).what,
            "$SIEGE_KEY x [..]"
        );
    }

    fn assert_hidden(text: &str) {
        let (text, key) = (text.to_ascii_lowercase(), KEY.to_ascii_lowercase());
        for start in 0..=key.len() - PIECE {
            assert!(!text.contains(&key[start..start + PIECE]), "{text}");
        }
    }

    #[test]
    fn the_line_that_repeats_it_reads_a_variable() {
        let evidence = seen("");

        assert_eq!(
            evidence.repeat,
            "printf 'x-api-key: '\"$SIEGE_KEY\"'\\r\\n' | nc"
        );
    }

    #[test]
    fn a_shell_expands_the_variable_wherever_it_stands() {
        let line = format!(r"curl -H 'a: it'\''s' -H {KEY} 'http://localhost/?key={KEY}'");

        assert_eq!(
            in_shell(&line, KEY),
            "curl -H 'a: it'\\''s' -H $SIEGE_KEY 'http://localhost/?key='\"$SIEGE_KEY\"''"
        );
    }
}

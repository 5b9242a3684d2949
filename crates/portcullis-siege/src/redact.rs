//! Keys in evidence: a report is for other eyes than the siege's.

use std::{collections::HashSet, ops::Range};

use crate::verdict::Evidence;

/// What must be in no report, and what stands in its place.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    text: String,
    name: &'static str,
}

// ===== impl Secret =====

impl Secret {
    /// A key of a client. The line that repeats an attack reads it from the environment.
    pub(crate) fn key(text: &str) -> Self {
        Self::new(text, "$SIEGE_KEY")
    }

    /// A token or a signature, in which every six characters are random.
    pub(crate) fn made(text: &str) -> Self {
        Self::new(text, "$SIEGE_CREDENTIAL")
    }

    /// What tokens are made or requests signed with, in one of its forms.
    pub(crate) fn of_signing(text: &str) -> Self {
        Self::new(text, "$SIEGE_SECRET")
    }

    fn new(text: &str, name: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            name,
        }
    }
}

// ===== impl Evidence =====

impl Evidence {
    /// Without the secrets, and without pieces of them: attacks send credentials that were changed.
    pub(crate) fn without(mut self, secrets: &[Secret]) -> Self {
        for Secret { text: secret, name } in secrets.iter().filter(|secret| !secret.text.is_empty())
        {
            for text in [&mut self.what, &mut self.sent, &mut self.received] {
                *text = hide(text, secret, name);
            }
            self.repeat = hide(&in_shell(&self.repeat, secret, name), secret, name);
        }
        self
    }
}

/// A line for a shell that reads the secret from a variable. Within single quotes nothing is expanded: they
/// end before it.
fn in_shell(line: &str, key: &str, name: &str) -> String {
    let mut parts = line.split(key);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `'\''` is a quote within quotes.
        let is_quoted = hidden.replace(r"'\''", "").matches('\'').count() % 2 == 1;
        if is_quoted {
            hidden.push_str(&format!("'\"{name}\"'"));
        } else {
            hidden.push_str(name);
        }
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
        let script = format!("printf 'x-api-key: {KEY}\\r\\n' | nc");
        Evidence::new(what)
            .sent(what)
            .received(what)
            .repeat(script)
            .without(&[Secret::key(KEY)])
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
    fn tokens_and_what_makes_them_are_hidden_too() {
        let secrets = [
            Secret::made("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWEtdG9rZW4"),
            Secret::of_signing("what-both-sides-have-in-common"),
        ];
        let text = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWEtdG9rZW4 was wrong, \
                    C2LNBMF0DXJL too; what-both-sides-have-in-common";

        let evidence = Evidence::new(text).without(&secrets);

        assert_eq!(
            evidence.what,
            "Bearer $SIEGE_CREDENTIAL was wrong, [..] too; $SIEGE_SECRET"
        );
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
            in_shell(&line, KEY, "$SIEGE_KEY"),
            "curl -H 'a: it'\\''s' -H $SIEGE_KEY 'http://localhost/?key='\"$SIEGE_KEY\"''"
        );
    }
}

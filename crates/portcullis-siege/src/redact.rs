//! Secrets in what a report shows: it is for other eyes than the siege's.

mod forms;

use std::{collections::HashSet, ops::Range};

use self::forms::{Form, forms};
use crate::verdict::{Evidence, Verdict};

/// What must be in no report, and what stands in its place.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    text: String,
    name: &'static str,
    /// Whether a line for a shell may read it from a variable.
    is_given: bool,
}

/// Secrets, in every form that they are looked for in.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// The longest first: one may begin another.
    all: Vec<Secret>,
    forms: Vec<Form>,
}

// ===== impl Secret =====

impl Secret {
    /// A key of a client. The line that repeats an attack reads it from the environment.
    pub(crate) fn key(text: &str, name: &'static str) -> Self {
        Self::new(text, name, true)
    }

    /// A token or a signature, in which every six characters are random.
    pub(crate) fn made(text: &str) -> Self {
        Self::new(text, "$SIEGE_CREDENTIAL", false)
    }

    /// What tokens are made or requests signed with, in one of its forms.
    pub(crate) fn of_signing(text: &str) -> Self {
        Self::new(text, "$SIEGE_SECRET", false)
    }

    fn new(text: &str, name: &'static str, is_given: bool) -> Self {
        let text = text.to_owned();
        Self {
            text,
            name,
            is_given,
        }
    }
}

// ===== impl Secrets =====

impl Secrets {
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets = secrets.into_iter();
        let mut all: Vec<_> = secrets.filter(|secret| !secret.text.is_empty()).collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.text.len()));
        let forms = all.iter().flat_map(|secret| forms(&secret.text)).collect();
        Self { all, forms }
    }

    /// The text without the secrets, and without pieces of them, in whatever form: attacks send keys
    /// that were changed, and servers send back whatever they like.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for Secret {
            text: secret, name, ..
        } in &self.all
        {
            if text.contains(secret) {
                text = text.replace(secret, name);
            }
        }
        self.without_pieces(text)
    }

    /// A line for a shell that reads keys from variables; nothing, if it would have to have more than
    /// those.
    pub(crate) fn in_shell(&self, line: &str) -> String {
        let mut hidden = line.to_owned();
        for Secret {
            text,
            name,
            is_given,
        } in &self.all
        {
            if !is_given && hidden.contains(text) {
                return String::new();
            }
            hidden = in_shell(&hidden, text, name);
        }
        // A variable's name may have a piece of a key, such as `revoked`.
        let mut bare = hidden.clone();
        for Secret { name, .. } in &self.all {
            bare = bare.replace(&format!("\"{name}\""), "\n");
        }
        if self.without_pieces(bare.clone()) == bare {
            hidden
        } else {
            String::new()
        }
    }

    fn without_pieces(&self, text: String) -> String {
        let lower = text.to_ascii_lowercase();
        let mut pieces: Vec<_> = self
            .forms
            .iter()
            .flat_map(|form| pieces(&lower, form))
            .collect();
        if pieces.is_empty() {
            return text;
        }
        pieces.sort_by_key(|piece| piece.start);
        blank(&text, &pieces)
    }
}

// ===== impl Verdict =====

impl Verdict {
    /// Without the secrets, whatever it is.
    pub(crate) fn without(self, secrets: &Secrets) -> Self {
        match self {
            Self::Held { note } => Self::Held {
                note: secrets.hide(&note),
            },
            Self::Breached { evidence } => Self::Breached {
                evidence: evidence.without(secrets),
            },
            Self::NotTested { why } => Self::NotTested {
                why: secrets.hide(&why),
            },
            Self::CouldNotTell { why } => Self::CouldNotTell {
                why: secrets.hide(&why),
            },
        }
    }
}

// ===== impl Evidence =====

impl Evidence {
    fn without(mut self, secrets: &Secrets) -> Self {
        for text in [&mut self.what, &mut self.sent, &mut self.received] {
            *text = secrets.hide(text);
        }
        self.repeat = secrets.in_shell(&self.repeat);
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
        hidden.push_str(&match (is_quoted, part.strip_prefix('\'')) {
            (false, _) => format!("\"{name}\"{part}"),
            (true, None) => format!("'\"{name}\"'{part}"),
            (true, Some(part)) => format!("'\"{name}\"{part}"),
        });
    }
    hidden
}

/// The text with nothing shown in these places, which may overlap.
fn blank(text: &str, pieces: &[Range<usize>]) -> String {
    let mut hidden = String::new();
    let mut shown_from = 0;
    for piece in pieces {
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

/// Where a text, in lower case, has as much of a form in a row as tells too much, from left to right.
fn pieces(text: &str, form: &Form) -> Vec<Range<usize>> {
    let (text, length) = (text.as_bytes(), form.piece);
    let all: HashSet<_> = form.text.as_bytes().windows(length).collect();
    let mut begins = [false; 256];
    for piece in &all {
        begins[usize::from(piece[0])] = true;
    }
    let windows = text.windows(length).enumerate();
    let found = windows.filter(|(_, piece)| begins[usize::from(piece[0])] && all.contains(piece));
    found.map(|(at, _)| at..at + length).collect()
}

const HIDDEN: &str = "[..]";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "pk_a1b2c3d4e5f6_SecretOfTheClient0123456789";

    fn secrets() -> Secrets {
        Secrets::new([Secret::key(KEY, "$SIEGE_KEY")])
    }

    fn seen(what: &str) -> Evidence {
        let script = format!("printf 'x-api-key: {KEY}\\r\\n' | nc");
        Evidence::new(what)
            .sent(what)
            .received(what)
            .repeat(script)
            .without(&secrets())
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
        let secrets = Secrets::new([
            Secret::made("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLW9mLWEtdG9rZW4"),
            Secret::of_signing("what-both-sides-have-in-common"),
        ]);
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

    #[test]
    fn one_key_may_begin_another_or_end_like_it() {
        let other = format!("{KEY}-and-more");
        let third = format!("x_{}", &KEY[3..]);
        let secrets = Secrets::new([
            Secret::key(KEY, "$SIEGE_KEY"),
            Secret::key(&other, "$SIEGE_KEY_REVOKED"),
            Secret::key(&third, "$SIEGE_KEY_EXPIRED"),
        ]);

        assert_eq!(
            secrets.hide(&format!("{other} {third} {KEY}")),
            "$SIEGE_KEY_REVOKED $SIEGE_KEY_EXPIRED $SIEGE_KEY"
        );
    }

    #[test]
    fn whatever_the_verdict_its_text_has_no_key() {
        let text = || format!("it says {KEY}");
        for verdict in [
            Verdict::Held { note: text() },
            Verdict::NotTested { why: text() },
            Verdict::CouldNotTell { why: text() },
            Verdict::Breached {
                evidence: Evidence::new(text()),
            },
        ] {
            assert_eq!(verdict.without(&secrets()).text(), "it says $SIEGE_KEY");
        }
    }

    #[test]
    fn a_line_that_would_need_more_than_a_variable_is_not_offered() {
        for line in [
            format!("curl -H 'x-api-key: {}!'", &KEY[..20]),
            "curl -H 'authorization: Bearer a-token-of-the-siege'".to_owned(),
        ] {
            let secrets = Secrets::new([
                Secret::key(KEY, "$SIEGE_KEY"),
                Secret::made("a-token-of-the-siege"),
            ]);
            assert_eq!(secrets.in_shell(&line), "");
        }
    }

    #[test]
    fn the_name_of_a_variable_is_no_piece_of_a_key() {
        let key = "client_revoked_0123456789";
        let secrets = Secrets::new([Secret::key(key, "$SIEGE_KEY_REVOKED")]);

        assert_eq!(
            secrets.in_shell(&format!("curl -H 'k: {key}'")),
            "curl -H 'k: '\"$SIEGE_KEY_REVOKED\""
        );
    }

    fn assert_hidden(text: &str) {
        let (text, key) = (text.to_ascii_lowercase(), KEY.to_ascii_lowercase());
        for start in 0..=key.len() - 6 {
            assert!(!text.contains(&key[start..start + 6]), "{text}");
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
            "curl -H 'a: it'\\''s' -H \"$SIEGE_KEY\" 'http://localhost/?key='\"$SIEGE_KEY\""
        );
    }
}

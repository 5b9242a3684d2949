//! Secrets in what a report shows: it is for other eyes than the siege's.

mod forms;
#[cfg(test)]
mod tests;
mod view;

use std::ops::Range;

use self::{
    forms::{Form, forms},
    view::pieces,
};
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

    /// The credential of a key with a scheme, such as `Bearer`: the scheme is no secret.
    pub(crate) fn bare(text: &str, name: &'static str) -> Option<Self> {
        let (_, bare) = scheme(text)?;
        Some(Self::key(bare, name))
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
        let bare = all
            .iter()
            .map(|secret| scheme(&secret.text).map_or(secret.text.as_str(), |(_, bare)| bare));
        let forms = bare.flat_map(forms).collect();
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

/// The scheme and the rest of a credential such as `Bearer ..` (RFC 9110, 11.4).
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, bare) = text.split_once(' ')?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_scheme && !bare.is_empty()).then_some((scheme, bare))
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

const HIDDEN: &str = "[..]";

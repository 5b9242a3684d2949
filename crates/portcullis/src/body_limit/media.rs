use std::fmt;

use http::{HeaderValue, header::ACCEPT};
use portcullis_core::{ConfigError, Rejection, RejectionKind};

/// The type of a body, without its parameters (RFC 9110, section 8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaType<'a> {
    main: &'a [u8],
    sub: &'a [u8],
}

/// Types that a body may have, and how others are refused.
#[derive(Debug)]
pub(super) struct MediaRanges {
    ranges: Vec<MediaRange>,
    /// As they were written.
    names: String,
    refusal: Rejection,
}

/// `application/json`, `text/*`, or `application/*+json`.
#[derive(Clone, Debug)]
struct MediaRange {
    main: String,
    sub: SubRange,
}

#[derive(Clone, Debug)]
enum SubRange {
    Exact(String),
    /// What ends so; with nothing, any.
    Suffix(String),
}

// ===== impl MediaType =====

impl<'a> MediaType<'a> {
    /// Parses the value of a `Content-Type` field, unless it is none: its parameters are checked, and
    /// left out.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let slash = value.iter().position(|byte| *byte == b'/')?;
        let (main, rest) = (value.get(..slash)?, value.get(slash + 1..)?);
        let (sub, parameters) = rest.split_at_checked(length_of_token(rest))?;
        let is_right = !sub.is_empty() && is_token(main) && are_parameters(parameters);
        is_right.then_some(Self { main, sub })
    }
}

// ===== impl MediaRanges =====

impl MediaRanges {
    pub(super) fn parse(
        types: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let mut ranges = Vec::new();
        let mut names = Vec::new();
        let mut problems = Vec::new();
        for text in types {
            let text = text.as_ref();
            match MediaRange::parse(text) {
                Some(range) => ranges.push(range),
                None => problems.push(format!("content types: {text:?} is not a media type")),
            }
            names.push(text.to_owned());
        }
        if names.is_empty() {
            let problem = "content types: an empty list refuses every body; leave it out instead";
            problems.push(problem.to_owned());
        }
        ConfigError::check(problems)?;
        let names = names.join(", ");
        let accept = HeaderValue::from_str(&names);
        let accept = accept.unwrap_or(const { HeaderValue::from_static("*/*") });
        let refusal = Rejection::new(RejectionKind::UnsupportedMediaType).with_layer("body_limit");
        Ok(Self {
            ranges,
            names,
            refusal: refusal.with_header(ACCEPT, accept),
        })
    }

    /// Returns `true` if a type is one of these.
    pub(super) fn contains(&self, found: MediaType<'_>) -> bool {
        self.ranges.iter().any(|range| range.contains(found))
    }

    /// Returns how other types are refused: `Accept` says which are not (RFC 9110, section 15.5.16).
    pub(super) fn refusal(&self) -> Rejection {
        self.refusal.clone()
    }
}

impl fmt::Display for MediaRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names)
    }
}

// ===== impl MediaRange =====

impl MediaRange {
    fn parse(text: &str) -> Option<Self> {
        let (main, sub) = text.split_once('/')?;
        let suffix = sub.strip_prefix('*');
        let rest = suffix.unwrap_or(sub);
        let has_no_star = !rest.contains('*') && !main.contains('*');
        let is_sub = match suffix {
            Some(suffix) => suffix.is_empty() || suffix.len() > 1 && suffix.starts_with('+'),
            None => !sub.is_empty(),
        };
        let are_tokens =
            is_token(main.as_bytes()) && (rest.is_empty() || is_token(rest.as_bytes()));
        (has_no_star && is_sub && are_tokens).then(|| Self {
            main: main.to_owned(),
            sub: match suffix {
                Some(suffix) => SubRange::Suffix(suffix.to_owned()),
                None => SubRange::Exact(sub.to_owned()),
            },
        })
    }

    fn contains(&self, found: MediaType<'_>) -> bool {
        let is_sub = match &self.sub {
            SubRange::Exact(sub) => found.sub.eq_ignore_ascii_case(sub.as_bytes()),
            SubRange::Suffix(suffix) => {
                // A suffix stands behind something.
                let before = found.sub.len().checked_sub(suffix.len());
                let before = before.filter(|before| *before > 0);
                let end = before.and_then(|before| found.sub.get(before..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
            }
        };
        is_sub && found.main.eq_ignore_ascii_case(self.main.as_bytes())
    }
}

/// Whether a text is `*( OWS ";" OWS [ parameter ] )` (RFC 9110, section 5.6.6).
fn are_parameters(mut text: &[u8]) -> bool {
    loop {
        text = text.trim_ascii_start();
        let Some(rest) = text.strip_prefix(b";") else {
            return text.is_empty();
        };
        let rest = rest.trim_ascii_start();
        let (name, rest) = rest.split_at(length_of_token(rest));
        if name.is_empty() {
            text = rest;
            continue;
        }
        match rest.strip_prefix(b"=").and_then(after_value) {
            Some(rest) => text = rest,
            None => return false,
        }
    }
}

/// Returns what follows a token or a quoted string (RFC 9110, section 5.6.4).
fn after_value(text: &[u8]) -> Option<&[u8]> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let length = length_of_token(text);
        return text.get(length..).filter(|_| length > 0);
    };
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', escaped, after @ ..] if is_text(*escaped) => after,
            [byte, after @ ..] if *byte != b'\\' && is_text(*byte) => after,
            _ => return None,
        };
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && length_of_token(text) == text.len()
}

fn length_of_token(text: &[u8]) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_part(byte));
    end.unwrap_or(text.len())
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

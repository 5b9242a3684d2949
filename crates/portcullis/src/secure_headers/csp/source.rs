//! Source expressions (CSP Level 3, section 2.3.1).

use super::{NONCE, directive::Kind};

/// What a source expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    None,
    /// `'self'`
    Origin,
    Nonce,
    Hash,
    UnsafeInline,
    StrictDynamic,
    /// A keyword about inline code.
    Inline,
    /// A keyword about scripts.
    Script,
    /// `https:`
    Scheme,
    /// A host, or `*`.
    Host,
}

// ===== impl Source =====

impl Source {
    /// Reads a source expression of a directive.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        if let Some(character) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(format!("{text:?} contains {character:?}"));
        }
        let source = Self::read(text).ok_or_else(|| not_a_source(text))?;
        if source.fits(kind) {
            Ok(source)
        } else {
            Err(format!("{text} has no meaning here"))
        }
    }

    fn read(text: &str) -> Option<Self> {
        if let Some(quoted) = text.strip_prefix('\'') {
            return Self::quoted(quoted.strip_suffix('\'')?);
        }
        if looks_quoted(text) {
            return None;
        }
        if is_scheme(text) {
            return Some(Self::Scheme);
        }
        is_host_source(text).then_some(Self::Host)
    }

    fn quoted(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        Some(match &*lower {
            "none" => Self::None,
            "self" => Self::Origin,
            "nonce" => Self::Nonce,
            "unsafe-inline" => Self::UnsafeInline,
            "strict-dynamic" => Self::StrictDynamic,
            "unsafe-hashes" | "report-sample" => Self::Inline,
            _ if OF_SCRIPTS.contains(&&*lower) => Self::Script,
            _ if is_hash(word) => Self::Hash,
            _ => return None,
        })
    }

    /// Returns `true` if the source means something in such a directive.
    fn fits(self, kind: Kind) -> bool {
        match self {
            Self::None | Self::Origin | Self::Scheme | Self::Host => true,
            Self::Hash | Self::UnsafeInline | Self::Inline => kind.is_code(),
            Self::Nonce => matches!(kind, Kind::Script | Kind::Style),
            Self::StrictDynamic | Self::Script => kind == Kind::Script,
        }
    }
}

fn not_a_source(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("'nonce-") {
        format!("{text} is the same for each request; write {NONCE} for a fresh one")
    } else if looks_quoted(&lower) {
        format!("{text} without quotes is the name of a host; write '{text}'")
    } else {
        format!("{text:?} is no source expression")
    }
}

/// Returns `true` if a word is one that only means something in quotes. With a dot it is a host.
fn looks_quoted(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let mut prefixes = ["nonce-", "sha256-", "sha384-", "sha512-"].iter();
    let value = prefixes.find_map(|prefix| lower.strip_prefix(prefix));
    let value = value.map(|value| value.trim_end_matches('='));
    Source::quoted(word).is_some() || value.is_some_and(|value| value.bytes().all(is_base64))
}

/// Separators and control characters would end the source, the directive or the policy.
pub(super) const fn is_allowed(character: char) -> bool {
    character.is_ascii_graphic() && !matches!(character, ';' | ',')
}

/// `hash-algorithm "-" base64-value`, with at most two `=` at the end.
fn is_hash(word: &str) -> bool {
    let Some((algorithm, value)) = word.split_once('-') else {
        return false;
    };
    let lengths = [("sha256", 43), ("sha384", 64), ("sha512", 86)];
    let mut lengths = lengths.iter();
    let known = lengths.find(|(known, _)| algorithm.eq_ignore_ascii_case(known));
    let digest = value.trim_end_matches('=');
    value.len() - digest.len() <= 2
        && digest.bytes().all(is_base64)
        && known.is_some_and(|(_, length)| digest.len() == *length)
}

const fn is_base64(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_')
}

/// `scheme-part ":"`
fn is_scheme(text: &str) -> bool {
    text.strip_suffix(':').is_some_and(is_scheme_name)
}

fn is_scheme_name(name: &str) -> bool {
    let is_part = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(is_part)
}

/// `[ scheme-part "://" ] host-part [ ":" port-part ] [ path-part ]`
fn is_host_source(text: &str) -> bool {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme_name(scheme) => rest,
        Some(_) => return false,
        None => text,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "*"));
    is_host(host) && is_port(port) && !path.contains(['?', '#', '\'', '"'])
}

/// `"*" / [ "*." ] 1*host-char *( "." 1*host-char ) [ "." ]`
pub(in super::super) fn is_host(host: &str) -> bool {
    let is_char = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_char);
    let names = host.strip_prefix("*.").unwrap_or(host);
    let names = names.strip_suffix('.').unwrap_or(names);
    host == "*" || names.split('.').all(is_label)
}

/// `1*DIGIT / "*"`
pub(in super::super) fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok();
    port == "*" || is_number
}

/// In quotes.
const OF_SCRIPTS: [&str; 7] = [
    "unsafe-eval",
    "wasm-unsafe-eval",
    "trusted-types-eval",
    "inline-speculation-rules",
    "report-sha256",
    "report-sha384",
    "report-sha512",
];

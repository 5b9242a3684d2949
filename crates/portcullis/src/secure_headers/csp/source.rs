//! Source expressions (CSP Level 3, section 2.3.1).

use super::{NONCE, directive::Kind};

/// What a source expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    None,
    Nonce,
    Hash,
    UnsafeInline,
    StrictDynamic,
    Keyword,
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
        if source.fits(kind, text) {
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
            "nonce" => Self::Nonce,
            "unsafe-inline" => Self::UnsafeInline,
            "strict-dynamic" => Self::StrictDynamic,
            _ if KEYWORDS.contains(&&*lower) => Self::Keyword,
            _ if is_hash(word) => Self::Hash,
            _ => return None,
        })
    }

    /// Returns `true` if the source means something in such a directive.
    fn fits(self, kind: Kind, text: &str) -> bool {
        let is_self = text.eq_ignore_ascii_case("'self'");
        match self {
            Self::None | Self::Scheme | Self::Host => true,
            Self::Keyword if kind != Kind::Code => is_self,
            _ => kind == Kind::Code,
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

/// Returns `true` if a word is one that only means something in quotes.
fn looks_quoted(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let is_keyword = KEYWORDS.contains(&&*word);
    let others = ["none", "nonce", "unsafe-inline", "strict-dynamic"];
    let is_prefixed = ["nonce-", "sha256-", "sha384-", "sha512-"]
        .iter()
        .any(|prefix| word.starts_with(prefix));
    is_keyword || is_prefixed || others.contains(&&*word)
}

/// Separators and control characters would end the source, the directive or the policy.
pub(super) const fn is_allowed(character: char) -> bool {
    character.is_ascii_graphic() && !matches!(character, ';' | ',')
}

fn is_hash(word: &str) -> bool {
    let lengths = [("sha256-", 43), ("sha384-", 64), ("sha512-", 86)];
    lengths.iter().any(|(prefix, length)| {
        let digest = word.strip_prefix(prefix).map(|d| d.trim_end_matches('='));
        let is_base64 = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_');
        digest.is_some_and(|digest| digest.len() == *length && digest.bytes().all(is_base64))
    })
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
pub(super) fn is_host_source(text: &str) -> bool {
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
fn is_host(host: &str) -> bool {
    let is_char = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_char);
    let names = host.strip_prefix("*.").unwrap_or(host);
    let names = names.strip_suffix('.').unwrap_or(names);
    host == "*" || names.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    port == "*" || port.parse::<u16>().is_ok()
}

/// In quotes, and but for those that have a variant.
const KEYWORDS: [&str; 9] = [
    "self",
    "unsafe-eval",
    "wasm-unsafe-eval",
    "unsafe-hashes",
    "report-sample",
    "unsafe-allow-redirects",
    "trusted-types-eval",
    "inline-speculation-rules",
    "report-sha256",
];

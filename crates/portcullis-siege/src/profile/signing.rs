//! What a siege needs to make tokens and signatures of its own.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// How to make a token that opens `route`. Exactly one of `hs256`, `key` and `key_file` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tokens {
    /// A path that needs a token, for GET.
    pub route: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`: `siege`, if it is not given.
    #[serde(default = "subject")]
    pub subject: String,
    /// `kid` in the header.
    pub kid: Option<String>,
    /// `typ` in the header.
    pub typ: Option<String>,
    /// Other claims that the server wants, such as `scope`.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// The secret for HS256: the bytes of the text. `env:NAME` reads a variable.
    pub hs256: Option<String>,
    /// The private key for ES256, EdDSA or RS256: PEM (PKCS #8). `env:NAME` reads a variable.
    pub key: Option<String>,
    /// The file with such a key.
    pub key_file: Option<PathBuf>,
}

/// How to sign a request (RFC 9421) so that `route` takes it. Exactly one of `hmac_sha256`, `key` and
/// `key_file` is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Signatures {
    /// A path that needs a signature, for POST.
    pub route: String,
    /// `keyid`.
    pub key_id: String,
    /// What must be covered: `@method`, `@authority`, `@path` and `@query`, if it is not given.
    /// `content-digest` is covered besides.
    #[serde(default = "components")]
    pub components: Vec<String>,
    /// `tag`.
    pub tag: Option<String>,
    /// Whether a nonce is used once. It is, if it is not given.
    #[serde(default = "yes")]
    pub nonce: bool,
    /// For how many seconds a signature is good: 300, if it is not given.
    #[serde(default = "max_age")]
    pub max_age_seconds: u64,
    /// The secret for `hmac-sha256`: the bytes of the text. `env:NAME` reads a variable.
    pub hmac_sha256: Option<String>,
    /// The private key for `ed25519` or `ecdsa-p256-sha256`: PEM (PKCS #8). `env:NAME` reads a variable.
    pub key: Option<String>,
    /// The file with such a key.
    pub key_file: Option<PathBuf>,
}

// ===== impl Tokens =====

impl Tokens {
    /// Returns everything that is wrong, each in one line.
    pub(super) fn problems(&self) -> Vec<String> {
        let keys = [
            self.hs256.is_some(),
            self.key.is_some(),
            self.key_file.is_some(),
        ];
        let reserved = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
        let is_set = |name: &&&str| self.claims.contains_key(**name);
        let reserved = reserved
            .iter()
            .filter(is_set)
            .map(|name| format!("tokens.claims: {name} is set by the siege"));
        let texts = [
            ("tokens.issuer", &self.issuer),
            ("tokens.audience", &self.audience),
            ("tokens.subject", &self.subject),
        ];
        let mut problems = empty(&texts);
        problems.extend(reserved);
        problems.extend(path("tokens.route", &self.route));
        problems.extend(one_key("tokens: hs256, key, key_file", &keys));
        problems
    }
}

// ===== impl Signatures =====

impl Signatures {
    /// Returns everything that is wrong, each in one line.
    pub(super) fn problems(&self) -> Vec<String> {
        let keys = [
            self.hmac_sha256.is_some(),
            self.key.is_some(),
            self.key_file.is_some(),
        ];
        let mut problems = empty(&[("signatures.key_id", &self.key_id)]);
        problems.extend(path("signatures.route", &self.route));
        problems.extend(one_key("signatures: hmac_sha256, key, key_file", &keys));
        let is_unknown = |name: &&String| !is_component(name);
        let unknown = self.components.iter().filter(is_unknown);
        problems.extend(unknown.map(|name| {
            format!("signatures.components: {name:?} is nothing that the siege can cover")
        }));
        let is_text = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !is_text(&self.key_id) || !self.tag.as_deref().is_none_or(is_text) {
            problems.push("signatures: key_id and tag are printable ASCII".to_owned());
        }
        if self.max_age_seconds == 0 {
            problems.push("signatures.max_age_seconds is 1 or more".to_owned());
        }
        problems
    }
}

/// What the siege has a value for.
fn is_component(name: &str) -> bool {
    matches!(
        name,
        "@method"
            | "@authority"
            | "@scheme"
            | "@target-uri"
            | "@request-target"
            | "@path"
            | "@query"
            | "content-type"
            | "content-digest"
    )
}

fn empty(texts: &[(&str, &String)]) -> Vec<String> {
    let empty = texts.iter().filter(|(_, text)| text.is_empty());
    empty.map(|(name, _)| format!("{name} is empty")).collect()
}

fn path(name: &str, path: &str) -> Option<String> {
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_path).then(|| format!("{name}: {path:?} is no path such as /api"))
}

fn one_key(names: &str, given: &[bool]) -> Option<String> {
    match given.iter().filter(|is_given| **is_given).count() {
        1 => None,
        0 => Some(format!("{names}: one of them is needed")),
        _ => Some(format!("{names}: only one of them can be")),
    }
}

fn subject() -> String {
    "siege".to_owned()
}

fn components() -> Vec<String> {
    ["@method", "@authority", "@path", "@query"]
        .map(str::to_owned)
        .into()
}

const fn yes() -> bool {
    true
}

const fn max_age() -> u64 {
    300
}

#[cfg(test)]
mod tests {
    use crate::Profile;

    fn problem(text: &str) -> String {
        let problem = Profile::parse(text).unwrap_err().to_string();
        assert!(!problem.contains('\n'), "{problem}");
        problem
    }

    const TOKENS: &str = "[tokens]\nroute = '/t'\nissuer = 'i'\naudience = 'a'\n";
    const SIGNATURES: &str = "[signatures]\nroute = '/s'\nkey_id = 'k'\n";

    #[test]
    fn a_whole_part_is_taken() {
        let text = format!("{TOKENS}hs256 = 'x'\nclaims = {{ scope = 'read' }}\n");
        let tokens = Profile::parse(&text).unwrap().tokens.unwrap();
        assert_eq!((&*tokens.subject, &tokens.kid), ("siege", &None));
        assert_eq!(tokens.claims["scope"], "read");

        let text = format!("{SIGNATURES}key_file = '/k.pem'\n");
        let signatures = Profile::parse(&text).unwrap().signatures.unwrap();
        assert_eq!(signatures.components.len(), 4);
        assert!(signatures.nonce);
        assert_eq!(signatures.max_age_seconds, 300);
    }

    #[test]
    fn each_mistake_is_named() {
        for (text, named) in [
            ("[tokens]\nroute = '/t'\n".to_owned(), "issuer"),
            (TOKENS.to_owned(), "tokens: hs256, key, key_file: one of"),
            (
                format!("{TOKENS}hs256 = 'x'\nkey = 'y'\n"),
                "only one of them",
            ),
            (format!("{TOKENS}hs265 = 'x'\n"), "line 5"),
            (
                format!("{TOKENS}hs256 = 'x'\nclaims = {{ exp = 1 }}\n"),
                "tokens.claims: exp",
            ),
            (SIGNATURES.to_owned(), "signatures: hmac_sha256"),
            (
                format!("{SIGNATURES}hmac_sha256 = 'x'\ncomponents = ['@status']\n"),
                "\"@status\"",
            ),
            (
                format!("{SIGNATURES}hmac_sha256 = 'x'\nmax_age_seconds = 0\n"),
                "max_age_seconds",
            ),
            ("[lockout]\nafter = 0\n".to_owned(), "lockout.after"),
        ] {
            let problem = problem(&text);
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let problem = problem(
            "[tokens]\nroute = 't'\nissuer = ''\naudience = 'a'\n\
             [signatures]\nroute = 's'\nkey_id = 'k'\nkey = 'x'\n",
        );

        for named in [
            "tokens.route",
            "tokens.issuer",
            "one of them is needed",
            "signatures.route",
        ] {
            assert!(problem.contains(named), "{problem}");
        }
    }
}

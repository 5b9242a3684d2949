//! A Content Security Policy that is right once it is there.

mod builder;
mod directive;
mod policy;
mod source;
#[cfg(test)]
mod tests;
mod weakness;

use std::{fmt, str::FromStr, sync::Arc};

use portcullis_core::ConfigError;

pub use self::{builder::CspBuilder, weakness::Weakness};
pub(super) use self::{
    policy::{ENDPOINT, Policy},
    source::{is_host, is_port},
};

/// A Content Security Policy (CSP Level 3).
///
/// It is built or parsed, and everything that is wrong is one error:
///
/// ```
/// use portcullis::secure_headers::Csp;
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// let csp = Csp::builder()
///     .directive("default-src", ["'self'"])
///     .directive("script-src", ["'self'", Csp::NONCE])
///     .directive("img-src", ["'self'", "https://images.example"])
///     .directive("base-uri", ["'self'"])
///     .directive("form-action", ["'self'"])
///     .build()?;
/// assert_eq!(
///     csp.weaknesses()[0].to_string(),
///     "frame-ancestors: missing: any site may frame the page"
/// );
///
/// let wrong = "default-src self; script-src 'none' https:".parse::<Csp>().unwrap_err();
/// assert_eq!(
///     wrong.to_string(),
///     "default-src: self without quotes is the name of a host; write 'self'; \
///      script-src: 'none' stands beside other sources"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Csp(Arc<[Directive]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    name: &'static str,
    values: Vec<Box<str>>,
}

// ===== impl Csp =====

impl Csp {
    /// Stands for the nonce of the request, in the directives of scripts and styles.
    pub const NONCE: &str = NONCE;

    /// Creates a policy of one's own.
    pub fn builder() -> CspBuilder {
        CspBuilder::default()
    }

    /// Returns the policy of the [API profile](super::SecureHeaders::api): nothing loads, nothing
    /// runs.
    #[must_use]
    pub fn api() -> Self {
        Self::known(&[
            ("default-src", &["'none'"]),
            ("frame-ancestors", &["'none'"]),
            ("base-uri", &["'none'"]),
            ("form-action", &["'none'"]),
        ])
    }

    /// Returns the policy of the [page profile](super::SecureHeaders::page): what an ordinary page
    /// doesn't notice.
    #[must_use]
    pub fn page() -> Self {
        Self::known(&[
            ("object-src", &["'none'"]),
            ("base-uri", &["'self'"]),
            ("form-action", &["'self'"]),
            ("frame-ancestors", &["'self'"]),
        ])
    }

    /// Returns the policy of the [strict profile](super::SecureHeaders::strict): only what is of the
    /// page's own origin, and inline code only with the nonce.
    #[must_use]
    pub fn strict() -> Self {
        Self::known(&[
            ("default-src", &["'self'"]),
            ("script-src", &["'self'", NONCE]),
            ("style-src", &["'self'", NONCE]),
            ("form-action", &["'self'"]),
            ("base-uri", &["'self'"]),
            ("object-src", &["'none'"]),
            ("frame-ancestors", &["'none'"]),
            ("upgrade-insecure-requests", &[]),
        ])
    }

    /// Returns the policy of a file that is no page: nothing loads or runs, in an origin of its own.
    pub(super) fn file() -> Self {
        Self::known(&[
            ("default-src", &["'none'"]),
            ("style-src", &["'unsafe-inline'"]),
            ("frame-ancestors", &["'none'"]),
            ("base-uri", &["'none'"]),
            ("form-action", &["'none'"]),
            ("sandbox", &[]),
        ])
    }

    /// Returns what the policy lets through, although it is right. An edge's
    /// [explanation](crate::EdgeLayer::explain) has it too.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<Weakness> {
        Weakness::of(self)
    }

    /// Returns `true` if the policy has a nonce.
    #[must_use]
    pub fn has_nonce(&self) -> bool {
        let mut values = self.0.iter().flat_map(|directive| &directive.values);
        values.any(|value| &**value == NONCE)
    }

    fn values(&self, name: &str) -> Option<&[Box<str>]> {
        let found = self.0.iter().find(|directive| directive.name == name)?;
        Some(&found.values)
    }

    /// Creates a policy that is known to be right: a test builds each.
    fn known(directives: &[(&'static str, &[&str])]) -> Self {
        let directives = directives.iter().map(|(name, values)| Directive {
            name,
            values: values.iter().map(|value| (*value).into()).collect(),
        });
        Self(directives.collect())
    }
}

/// Reads the text of a policy, with `'nonce'` for the nonce of the request.
impl FromStr for Csp {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let directives = text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let directives = directives.map(|part| part.split_ascii_whitespace());
        directives
            .fold(Self::builder(), |builder, mut words| {
                let name = words.next().unwrap_or_default();
                builder.directive(name, words)
            })
            .build()
    }
}

/// The text of the policy, with `'nonce'` for the nonce.
impl fmt::Display for Csp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, directive) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{}", directive.name)?;
            for value in &directive.values {
                write!(f, " {value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Csp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csp({self})")
    }
}

const NONCE: &str = "'nonce'";

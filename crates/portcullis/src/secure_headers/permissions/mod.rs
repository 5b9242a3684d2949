//! A Permissions-Policy that is right once it is there.

mod features;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr, sync::Arc};

use http::HeaderValue;
use portcullis_core::ConfigError;

use self::features::{KNOWN, PAGE_OFF, PAGE_OWN, STRICT_OFF};
use super::csp::{is_host, is_port};

/// Which features of a browser a page and its frames may use (W3C Permissions Policy, working draft
/// of 2025-10-06, section 6.1).
///
/// A feature that is not in the policy is at its default, for most `self`: the page may use it, and a
/// frame of another origin may not, unless the page allows that frame.
///
/// ```
/// use portcullis::secure_headers::PermissionsPolicy;
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// let policy = PermissionsPolicy::builder()
///     .deny("camera")
///     .allow("geolocation", ["self", "https://maps.example"])
///     .build()?;
/// assert_eq!(policy.to_string(), r#"camera=(), geolocation=(self "https://maps.example")"#);
///
/// let wrong = PermissionsPolicy::builder().deny("web-share").build().unwrap_err();
/// assert_eq!(
///     wrong.to_string(),
///     "\"web-share\": not a feature that Chromium knows; it logs an error on each page"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PermissionsPolicy(Arc<[Feature]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Feature {
    name: String,
    allowed: Vec<String>,
}

/// Puts a policy together. Created by [`PermissionsPolicy::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct PermissionsPolicyBuilder(Vec<Feature>);

// ===== impl PermissionsPolicy =====

impl PermissionsPolicy {
    /// Creates a policy of one's own.
    pub fn builder() -> PermissionsPolicyBuilder {
        PermissionsPolicyBuilder::default()
    }

    /// Returns the policy of the [page profile](super::SecureHeaders::page): off is what ordinary
    /// pages don't use, and frames of others are not asked for what a page may ask.
    #[must_use]
    pub fn page() -> Self {
        let off = PAGE_OFF.iter().map(|name| Feature::new(name, &[]));
        let own = PAGE_OWN.iter().map(|name| Feature::new(name, &["self"]));
        Self(off.chain(own).collect())
    }

    /// Returns the policy of the [strict profile](super::SecureHeaders::strict): OWASP's list, but
    /// for features that Chromium does not know.
    #[must_use]
    pub fn strict() -> Self {
        let off = STRICT_OFF.iter().map(|name| Feature::new(name, &[]));
        Self(off.chain([Feature::new("sync-xhr", &["self"])]).collect())
    }

    /// Returns the features that any origin may use in a frame, although the policy is right.
    pub fn weaknesses(&self) -> impl Iterator<Item = &str> {
        let open = self.0.iter().filter(|f| f.allowed.iter().any(|a| a == "*"));
        open.map(|feature| &*feature.name)
    }

    /// Returns the field's value: names and origins, visible ASCII.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

/// Reads the text of a policy: `camera=(), geolocation=(self "https://maps.example")`.
impl FromStr for PermissionsPolicy {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::builder();
        let mut problems = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match Feature::parse(part) {
                Some(feature) => builder.0.push(feature),
                None => problems.push(format!("{part:?}: not `feature=(origins)`")),
            }
        }
        let built = builder.build();
        match (ConfigError::check(problems), built) {
            (Ok(()), built) => built,
            (Err(error), Ok(_)) => Err(error),
            (Err(error), Err(other)) => Err(error.and(other)),
        }
    }
}

impl fmt::Display for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, feature) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{feature}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PermissionsPolicy({self})")
    }
}

// ===== impl PermissionsPolicyBuilder =====

impl PermissionsPolicyBuilder {
    /// Turns a feature off, for the page and all frames.
    pub fn deny(self, feature: &str) -> Self {
        self.allow(feature, [""; 0])
    }

    /// Allows a feature to `self`, to origins, or to all (`*`). A frame of another origin also needs
    /// an `allow` attribute.
    pub fn allow(
        mut self,
        feature: &str,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let allowed = origins.into_iter().map(|origin| origin.as_ref().to_owned());
        self.0.push(Feature {
            name: feature.to_owned(),
            allowed: allowed.collect(),
        });
        self
    }

    /// Builds the policy.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong: a feature that Chromium does not know, or that is there twice;
    /// what is neither `self`, `*` nor an origin; anything beside `*`; a policy without a feature.
    pub fn build(self) -> Result<PermissionsPolicy, ConfigError> {
        let mut problems = Vec::new();
        if self.0.is_empty() {
            problems.push("permissions policy: it is empty".to_owned());
        }
        for (at, feature) in self.0.iter().enumerate() {
            let is_duplicate = self.0[..at].iter().any(|other| other.name == feature.name);
            problems.extend(is_duplicate.then(|| format!("{}: duplicate feature", feature.name)));
            problems.extend(feature.problems());
        }
        ConfigError::check(problems)?;
        Ok(PermissionsPolicy(self.0.into()))
    }
}

// ===== impl Feature =====

impl Feature {
    fn new(name: &str, allowed: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            allowed: allowed.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    /// Reads `feature=value`, of a dictionary of RFC 9651, section 3.2.
    fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let list = value
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let words = list.unwrap_or(value).split_ascii_whitespace();
        let allowed = words.map(|word| {
            let quoted = word
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            quoted.unwrap_or(word)
        });
        Some(Self::new(name.trim(), &allowed.collect::<Vec<_>>()))
    }

    fn problems(&self) -> Vec<String> {
        let Self { name, allowed } = self;
        let mut problems = Vec::new();
        if !KNOWN.contains(&&**name) {
            let what = "not a feature that Chromium knows; it logs an error on each page";
            problems.push(format!("{name:?}: {what}"));
        }
        if allowed.len() > 1 && allowed.iter().any(|one| one == "*") {
            problems.push(format!("{name}: * stands beside other origins"));
        }
        let wrong = allowed.iter().filter(|one| !is_origin(one));
        problems.extend(wrong.map(|one| format!("{name}: {one:?} is not self, * or an origin")));
        problems
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.allowed.iter().map(|one| match &**one {
            word @ ("self" | "*") => word.to_owned(),
            origin => format!("\"{origin}\""),
        });
        let words = words.collect::<Vec<_>>().join(" ");
        write!(f, "{}=({words})", self.name)
    }
}

/// `self`, `*`, or the scheme, host and port of a URL. The host may begin with `*.`.
fn is_origin(text: &str) -> bool {
    let authority = ["https://", "http://", "wss://", "ws://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    matches!(text, "self" | "*") || authority.is_some_and(is_authority)
}

fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    host != "*" && is_host(host) && port != "*" && is_port(port)
}

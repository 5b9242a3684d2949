use std::time::Duration;

use portcullis_core::{ConfigError, WallClock};

use super::{Jwt, JwtKeys, refusal::Challenges, rules::Rules};

/// Sets up a [`Jwt`]. Made by [`Jwt::builder`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct JwtBuilder {
    rules: Rules,
    keys: JwtKeys,
    realm: Box<str>,
}

// ===== impl JwtBuilder =====

impl JwtBuilder {
    pub(super) fn new(issuer: Box<str>, audiences: Vec<Box<str>>, keys: JwtKeys) -> Self {
        Self {
            rules: Rules::new(issuer, audiences),
            keys,
            realm: "api".into(),
        }
    }

    /// Sets how far the issuer's clock and this one may be apart: 30 seconds unless told otherwise, at
    /// most 5 minutes.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// Sets which `typ` a token must have, such as `at+jwt` of RFC 9068: then one without is refused.
    ///
    /// Unless told: `JWT`, `at+jwt`, or none at all, as many issuers send none. Tokens that say that they
    /// are something else, such as `logout+jwt`, are refused (RFC 8725, section 3.11). Compared without
    /// regard to case and to `application/`.
    pub fn types(mut self, types: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.rules.types = Some(boxed(types));
        self
    }

    /// Sets how long a token may be, in bytes: 8 KiB unless told otherwise, 512 bytes to 64 KiB.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.rules.max_bytes = bytes;
        self
    }

    /// Sets how long ago a token may have been issued, whatever its expiry says. It must have an `iat`
    /// then. No limit unless told.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.rules.max_age = Some(age);
        self
    }

    /// Sets the claims that scopes are in: `scope` and `scp` unless told otherwise. Each is text with
    /// spaces (RFC 8693, section 4.2) or an array with one scope in each string; all are read.
    ///
    /// A string of an array that can't be a scope (see [`Scopes::try_new`](crate::Scopes::try_new)) is left
    /// out whole: `["former admin"]` is neither `former` nor `admin`.
    pub fn scope_claims(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.rules.scopes = boxed(names);
        self
    }

    /// Sets the claim that roles are in, as scopes are: text with spaces, or an array with one role in each
    /// string. A role with a space in its name can't be told from two in a text; in an array it is left out.
    /// None is read unless told.
    pub fn roles_claim(mut self, name: &str) -> Self {
        self.rules.roles = Some(name.into());
        self
    }

    /// Sets the claim that the tenant is in: text. None is read unless told. A token without it has no
    /// tenant.
    pub fn tenant_claim(mut self, name: &str) -> Self {
        self.rules.tenant = Some(name.into());
        self
    }

    /// Adds a claim that becomes a [label](crate::Principal::label) of the same name: text, a number or
    /// a truth value, as it is written. A token without it has no such label.
    pub fn label_claim(mut self, name: &str) -> Self {
        self.rules.labels.push(name.into());
        self
    }

    /// Sets the clock that tokens expire by: the system's unless told otherwise.
    pub fn clock(mut self, clock: impl Into<WallClock>) -> Self {
        self.rules.clock = clock.into();
        self
    }

    /// Sets the realm of challenges: `api` unless told otherwise. Printable ASCII without quotes and
    /// backslashes.
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = realm.into();
        self
    }

    /// Builds the guard.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong.
    pub fn build(self) -> Result<Jwt, ConfigError> {
        let challenges = Challenges::new(&self.realm).ok_or_else(|| {
            ConfigError::new("JWT: a realm is printable ASCII without quotes and backslashes")
        });
        match (ConfigError::check(self.rules.problems()), challenges) {
            (Ok(()), Ok(challenges)) => Ok(Jwt::from_parts(self.rules, self.keys, challenges)),
            (Err(rules), Err(realm)) => Err(rules.and(realm)),
            (Err(error), Ok(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }
}

fn boxed(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Box<str>> {
    texts.into_iter().map(|text| text.as_ref().into()).collect()
}

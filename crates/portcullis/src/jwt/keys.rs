use std::fmt;

use portcullis_core::{Live, Reason};

#[cfg(feature = "jwks")]
use super::jwks::{RemoteKeys, Waiting};
use super::{Jwks, JwtKey, token::Wanted};

/// Where a [`Jwt`](super::Jwt) finds its keys.
///
/// Made from a [`JwtKey`], from [`Jwks`], from a [`Live`] set of them that the application replaces, or
/// from `RemoteKeys`, which are fetched from the issuer (feature `jwks`).
#[derive(Clone)]
pub struct JwtKeys(Kind);

#[derive(Clone)]
enum Kind {
    Known(Live<Jwks>),
    #[cfg(feature = "jwks")]
    Remote(RemoteKeys),
}

/// What comes of looking for a key.
pub(super) enum Found {
    Key(JwtKey),
    Nothing(Reason),
    /// Look again afterwards.
    #[cfg(feature = "jwks")]
    Wait(Waiting),
}

// ===== impl JwtKeys =====

impl JwtKeys {
    /// Looks for a key, and may want to wait for it.
    pub(super) fn find(&self, wanted: &Wanted) -> Found {
        match &self.0 {
            Kind::Known(keys) => keys.load().find(wanted).into(),
            #[cfg(feature = "jwks")]
            Kind::Remote(keys) => keys.find(wanted),
        }
    }

    /// Looks for a key among those that are there.
    pub(super) fn find_now(&self, wanted: &Wanted) -> Result<JwtKey, Reason> {
        match &self.0 {
            Kind::Known(keys) => keys.load().find(wanted),
            #[cfg(feature = "jwks")]
            Kind::Remote(keys) => keys.find_now(wanted),
        }
    }

    #[cfg(feature = "jwks")]
    pub(super) fn counts(&self, issuer: &str) -> Vec<portcullis_core::Count> {
        match &self.0 {
            Kind::Known(_) => Vec::new(),
            Kind::Remote(keys) => keys.counts(issuer),
        }
    }
}

impl From<Live<Jwks>> for JwtKeys {
    fn from(keys: Live<Jwks>) -> Self {
        Self(Kind::Known(keys))
    }
}

impl From<Jwks> for JwtKeys {
    fn from(keys: Jwks) -> Self {
        Live::new(keys).into()
    }
}

impl From<JwtKey> for JwtKeys {
    fn from(key: JwtKey) -> Self {
        Jwks::from(key).into()
    }
}

#[cfg(feature = "jwks")]
impl From<RemoteKeys> for JwtKeys {
    fn from(keys: RemoteKeys) -> Self {
        Self(Kind::Remote(keys))
    }
}

/// For people: `2 keys`, or where they are fetched.
impl fmt::Display for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Known(keys) => match keys.load().len() {
                1 => f.write_str("1 key"),
                count => write!(f, "{count} keys"),
            },
            #[cfg(feature = "jwks")]
            Kind::Remote(keys) => keys.fmt(f),
        }
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKeys({self})")
    }
}

// ===== impl Found =====

impl From<Result<JwtKey, Reason>> for Found {
    fn from(found: Result<JwtKey, Reason>) -> Self {
        found.map_or_else(Self::Nothing, Self::Key)
    }
}

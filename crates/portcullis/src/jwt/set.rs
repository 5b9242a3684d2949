use std::{fmt, sync::Arc};

use portcullis_core::{ConfigError, Reason};

use super::{JwtKey, json::Object, jwk, token::Wanted};

/// A set of keys (RFC 7517, section 5): at least one, and at most 64. Clones share it.
#[derive(Clone)]
pub struct Jwks(Arc<[JwtKey]>);

// ===== impl Jwks =====

impl Jwks {
    /// Creates a set of keys.
    ///
    /// # Errors
    ///
    /// Returns an error when there is no key, when there are more than 64, or for each id that two keys
    /// have.
    pub fn new(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, ConfigError> {
        let keys: Vec<_> = keys.into_iter().take(MOST_KEYS + 1).collect();
        ConfigError::check(problems(&keys))?;
        Ok(Self(keys.into()))
    }

    /// Parses a JWK Set. Keys of a type, an algorithm or a use that is not known here are left out.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with each key, by its place: one that is known and weak or damaged, or any with
    /// its private part, makes the whole set wrong. Also when no key is left, and as for [`new`](Self::new).
    pub fn parse(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let problem = |problem: &str| ConfigError::new(format!("JWKS: {problem}"));
        let not_a_set =
            || problem("not an object with an array \"keys\", or a member is there twice");
        let set = Object::parse(json.as_ref()).map_err(|_| not_a_set())?;
        let entries = set.objects("keys").map_err(|_| not_a_set())?;
        if entries.len() > MOST_KEYS {
            return Err(problem("there are more than 64 keys"));
        }
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for (at, entry) in entries.into_iter().enumerate() {
            match parse_entry(entry) {
                Ok(key) => keys.extend(key),
                Err(problem) => problems.push(format!("JWKS: key {}: {problem}", at + 1)),
            }
        }
        ConfigError::check(problems)?;
        Self::new(keys)
    }

    /// Parses a JWK Set that anybody may fetch: no place for a secret, whatever it is for.
    #[cfg(feature = "jwks")]
    pub(super) fn parse_public(json: &[u8]) -> Result<Self, ConfigError> {
        let keys = Self::parse(json)?;
        if has_secret(json) {
            let problem = "JWKS: it has a secret, which everybody could fetch";
            return Err(ConfigError::new(problem));
        }
        Ok(keys)
    }

    /// Returns the same set, with PS256 instead of RS256 for keys whose JWK had no `alg`.
    #[must_use]
    pub fn rsa_pss(self) -> Self {
        Self(self.0.iter().cloned().map(JwtKey::rsa_pss).collect())
    }

    /// Returns the keys.
    pub fn keys(&self) -> impl Iterator<Item = &JwtKey> {
        self.0.iter()
    }

    /// Returns how many keys there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the key of a token. What the token says of it only selects one.
    pub(super) fn find(&self, wanted: &Wanted) -> Result<JwtKey, Reason> {
        let fits = |key: &&JwtKey| key.algorithm() == wanted.algorithm;
        let Some(id) = &wanted.key else {
            let mut fitting = self.keys().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key.clone()),
                _ => Err(Reason::UnknownKey),
            };
        };
        let key = self.keys().find(|key| key.id() == Some(id));
        let key = key.ok_or(Reason::UnknownKey)?;
        Some(key).filter(fits).cloned().ok_or(Reason::NotAllowed)
    }
}

impl From<JwtKey> for Jwks {
    fn from(key: JwtKey) -> Self {
        Self([key].into())
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

#[cfg(feature = "jwks")]
fn has_secret(set: &[u8]) -> bool {
    let entries = Object::parse(set).and_then(|set| set.objects("keys"));
    let mut entries = entries.into_iter().flatten();
    entries.any(|entry| Object::parse(entry).is_ok_and(|key| jwk::is_secret(&key)))
}

fn parse_entry(entry: &[u8]) -> Result<Option<JwtKey>, String> {
    let object = Object::parse(entry);
    let object = object.map_err(|_| "not an object, or a member is there twice")?;
    jwk::parse(&object)
}

fn problems(keys: &[JwtKey]) -> Vec<String> {
    let mut problems = Vec::new();
    if keys.is_empty() {
        problems.push("JWKS: no key that tokens can be verified with".to_owned());
    }
    if keys.len() > MOST_KEYS {
        problems.push("JWKS: there are more than 64 keys".to_owned());
    }
    let mut ids: Vec<_> = keys.iter().filter_map(JwtKey::id).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).filter(|pair| pair[0] == pair[1]);
    problems.extend(twice.map(|pair| format!("JWKS: duplicate key id {:?}", pair[0])));
    problems.dedup();
    problems
}

/// More than any issuer needs, and few enough to look at one by one.
const MOST_KEYS: usize = 64;

use std::{
    collections::{HashMap, hash_map::Entry},
    env,
    ffi::OsString,
    fmt, fs,
    path::Path,
    sync::Arc,
};

use portcullis_core::{ConfigError, Principal};
use zeroize::Zeroizing;

use super::{ApiKey, KeyDigest, KeyRecord, KeyStore, Lookup};

/// Keys that are known at start. Clones share them.
///
/// Read from text: entries separated by commas, spaces or line ends; what follows `#` on a line is
/// a comment. An entry is a key, or better its digest, so that no secret is in the configuration:
///
/// ```text
/// pk_4fzq0m8c1x7d_...                        # a key; the principal is its id
/// alice=pk_4fzq0m8c1x7d_...                  # a key of alice
/// alice=sha256:4fzq0m8c1x7d:9f86d081884c...  # its id and digest, as `portcullis key new` prints
/// ```
#[derive(Clone, Default)]
pub struct Keys(Arc<Records>);

type Records = HashMap<Box<str>, KeyRecord, foldhash::fast::RandomState>;

// ===== impl Keys =====

impl Keys {
    /// Parses keys.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with each entry, by its number: an entry is never printed. Also when
    /// there is none at all.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut keys = Records::default();
        let mut problems = Vec::new();
        for (at, entry) in entries(text).enumerate() {
            let added = parse_entry(entry).and_then(|(id, record)| match keys.entry(id) {
                Entry::Vacant(free) => Ok(free.insert(record)),
                Entry::Occupied(_) => Err("duplicate id"),
            });
            if let Err(problem) = added {
                problems.push(format!("API keys: entry {}: {problem}", at + 1));
            }
        }
        if keys.is_empty() && problems.is_empty() {
            problems.push("API keys: no key".to_owned());
        }
        ConfigError::check(problems)?;
        Ok(Self(Arc::new(keys)))
    }

    /// Reads keys from an environment variable.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse), and when the variable is not set, or not UTF-8.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        Self::from_variable(name, env::var_os(name))
    }

    /// The value is never printed.
    pub(super) fn from_variable(name: &str, value: Option<OsString>) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::new(format!("{name}: {problem}"));
        let value = value.ok_or_else(|| problem("is not set"))?;
        let text = value.into_string().map_err(|_| problem("is not UTF-8"))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads keys from a file.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse), and when the file can't be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Adds a key of `principal`. A key with the same id is replaced.
    #[must_use]
    pub fn and(self, principal: &str, key: &ApiKey) -> Self {
        let mut keys = Records::clone(&self.0);
        let principal = Principal::new(principal).with_key(key.id());
        let record = KeyRecord::new(key.digest(), principal);
        keys.insert(key.id().into(), record);
        Self(Arc::new(keys))
    }

    /// Returns how many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&ApiKey> for Keys {
    /// One key, whose principal is its id.
    fn from(key: &ApiKey) -> Self {
        Self::default().and(key.id(), key)
    }
}

impl KeyStore for Keys {
    #[inline]
    fn find(&self, id: &str) -> Lookup {
        Lookup::Known(self.0.get(id).cloned())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.len())
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    let without_comment = |line: &'_ str| {
        line.split_once('#')
            .map_or(line.len(), |(kept, _)| kept.len())
    };
    let lines = text.lines().map(move |line| &line[..without_comment(line)]);
    let separators = |c: char| c == ',' || c.is_whitespace();
    lines.flat_map(move |line| line.split(separators).filter(|entry| !entry.is_empty()))
}

fn parse_entry(entry: &str) -> Result<(Box<str>, KeyRecord), &'static str> {
    let (name, key) = match entry.split_once('=') {
        Some((name, key)) => (Some(name), key),
        None => (None, entry),
    };
    let (id, digest) = match key.strip_prefix("sha256:") {
        Some(stored) => parse_digest(stored)?,
        None => parse_key(key)?,
    };
    let name = name.filter(|name| !name.is_empty()).unwrap_or(&id);
    let principal = Principal::new(name).with_key(&*id);
    Ok((id, KeyRecord::new(digest, principal)))
}

fn parse_key(key: &str) -> Result<(Box<str>, KeyDigest), &'static str> {
    let key = ApiKey::parse(key).map_err(|_| "not an API key, or one with a wrong checksum")?;
    Ok((key.id().into(), key.digest()))
}

fn parse_digest(stored: &str) -> Result<(Box<str>, KeyDigest), &'static str> {
    let (id, hex) = stored
        .split_once(':')
        .ok_or("a digest reads sha256:ID:HEX")?;
    let digest = KeyDigest::from_hex(hex).map_err(|_| "a digest has 64 hexadecimal digits")?;
    Ok((id.into(), digest))
}

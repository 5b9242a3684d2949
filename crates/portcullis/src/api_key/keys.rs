use std::{
    env,
    ffi::OsString,
    fmt, fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use portcullis_core::{ConfigError, Live, Principal, Quota, Secret};
use zeroize::Zeroizing;

use super::{
    ApiKey, KeyHasher, KeyRecord, KeySecret, KeyStore, Lookup, document, entries, key::check_id,
    table::Table,
};

/// Keys in memory. Clones share them, and each is a handle that changes them while requests are served.
///
/// Read from text: entries separated by commas, spaces or line ends; what follows `#` on a line is
/// a comment. An entry is a key, or better its digest, so that no secret is in the configuration:
///
/// ```text
/// pk_4fzq0m8c1x7d_...                        # a key; the principal is its id
/// alice=pk_4fzq0m8c1x7d_...                  # a key of alice
/// alice=sha256:4fzq0m8c1x7d:9f86d081884c...  # its id and digest, as `portcullis key new` prints
/// ```
///
/// A [`KeyFile`](super::KeyFile) says more of each key: scopes, dates, several secrets.
///
/// ```
/// use portcullis::{ConfigError, Principal, api_key::{ApiKey, KeyRecord, Keys}};
///
/// # fn main() -> Result<(), ConfigError> {
/// let keys = Keys::default();
/// let key = ApiKey::generate("pk")?;
/// keys.insert(key.id(), KeyRecord::new(key.digest(), Principal::new("alice")))?;
///
/// assert!(keys.revoke(key.id()) && !keys.revoke("nobody"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Keys {
    table: Live<Table>,
    hasher: KeyHasher,
    /// One change after the other.
    changing: Arc<Mutex<()>>,
}

type Entry = (Box<str>, KeyRecord);

// ===== impl Keys =====

impl Keys {
    /// Creates an empty set of keys whose digests are made with a pepper.
    #[must_use]
    pub fn with_pepper(pepper: &Secret) -> Self {
        Self::new(KeyHasher::hmac_sha256(pepper), [])
    }

    pub(super) fn new(hasher: KeyHasher, keys: impl IntoIterator<Item = Entry>) -> Self {
        Self {
            table: Live::new(Table::new(keys)),
            hasher,
            changing: Arc::default(),
        }
    }

    /// Parses keys.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with each entry, by its number: an entry is never printed. Also when
    /// there is none at all.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::default().or_parse(text)
    }

    /// Parses more keys. Of one id the last counts.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn or_parse(self, text: &str) -> Result<Self, ConfigError> {
        let more = entries::parse(text, &self.hasher)?;
        Ok(self.with(more))
    }

    /// Parses keys with digests by SHA-256 as a [`KeyFile`](super::KeyFile) has them: TOML.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with them, each with its line and field, but no value.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let hasher = KeyHasher::sha256();
        let keys = document::parse(text, &hasher)?;
        Ok(Self::new(hasher, keys))
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

    /// Reads such entries from a file.
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

    /// Returns these keys and one of `principal`. A key with the same id is replaced. Clones made before
    /// are left alone.
    #[must_use]
    pub fn and(self, principal: &str, key: &ApiKey) -> Self {
        let principal = Principal::new(principal).with_key(key.id());
        let record = KeyRecord::new(key.digest_by(&self.hasher), principal);
        self.with([(key.id().into(), record)])
    }

    fn with(self, more: impl IntoIterator<Item = Entry>) -> Self {
        let all = self.entries().into_iter().chain(more);
        Self::new(self.hasher.clone(), all)
    }

    /// Adds a key, or replaces what was known of it. Every clone has it at once. The principal of its record
    /// came with this key, unless it [has](Principal::with_key) another already.
    ///
    /// # Errors
    ///
    /// Returns an error for an id that no key can have.
    pub fn insert(&self, id: &str, record: KeyRecord) -> Result<(), ConfigError> {
        self.extend([(id, record)])
    }

    /// Adds keys, or replaces what was known of them, all at once.
    ///
    /// # Errors
    ///
    /// Returns an error for each id that no key can have, and adds none.
    pub fn extend<'i>(
        &self,
        keys: impl IntoIterator<Item = (&'i str, KeyRecord)>,
    ) -> Result<(), ConfigError> {
        let keys: Vec<_> = keys.into_iter().collect();
        let wrong = keys.iter().filter_map(|(id, _)| check_id(id).err());
        let problems = wrong.map(|error| error.to_string());
        ConfigError::check(problems.collect())?;
        let keys = keys.into_iter().map(|(id, record)| (id.into(), record));
        self.change(|all| all.extend(keys));
        Ok(())
    }

    /// Gives a key another secret, which opens at once, and lets those that open now expire in
    /// `overlap` seconds. Returns `false` if the key is not known.
    ///
    /// # Errors
    ///
    /// As for [`KeyRecord::rotated`].
    pub fn rotate(&self, key: &ApiKey, overlap: u64, now: u64) -> Result<bool, ConfigError> {
        let new = KeySecret::new(key.digest_by(&self.hasher));
        let until = now.saturating_add(overlap);
        self.update(key.id(), |record| record.rotated(new, until, now))
    }

    /// Revokes a key. Returns `false` if it is not known.
    #[expect(
        clippy::must_use_candidate,
        reason = "it is done whether or not it was known"
    )]
    pub fn revoke(&self, id: &str) -> bool {
        let revoked = self.update(id, |record| Ok(record.clone().revoked()));
        revoked.is_ok_and(|is_known| is_known)
    }

    /// Removes a key. Returns `false` if it was not known.
    #[expect(
        clippy::must_use_candidate,
        reason = "it is done whether or not it was known"
    )]
    pub fn remove(&self, id: &str) -> bool {
        self.change(|keys| {
            let before = keys.len();
            keys.retain(|(other, _)| **other != *id);
            keys.len() < before
        })
    }

    /// Takes over all keys of another set, and forgets those that it does not have.
    pub fn replace(&self, other: &Self) {
        self.change(|keys| *keys = other.entries());
    }

    /// Returns what is known of a key.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<KeyRecord> {
        Some(self.table.load().find(id)).filter(KeyRecord::is_known)
    }

    /// Returns the keys that have a quota of their own, by their ids: for a limit by API key, see
    /// `rate_limit::Policy::keys`.
    #[must_use]
    pub fn quotas(&self) -> Vec<(Box<str>, Quota)> {
        let entries = self.entries().into_iter();
        let quotas = entries.filter_map(|(id, record)| Some((id, record.principal().quota()?)));
        quotas.collect()
    }

    /// Returns how many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.load().len()
    }

    /// Returns `true` if there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let table = self.table.load();
        let entries = table.iter().map(|(id, record)| (id.into(), record.clone()));
        entries.collect()
    }

    /// Changes what is known of a key, if it is known.
    fn update(
        &self,
        id: &str,
        change: impl FnOnce(&KeyRecord) -> Result<KeyRecord, ConfigError>,
    ) -> Result<bool, ConfigError> {
        self.change(|keys| {
            let known = keys.iter_mut().find(|(other, _)| **other == *id);
            let Some((_, record)) = known else {
                return Ok(false);
            };
            *record = change(record)?;
            Ok(true)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.entries();
        let changed = change(&mut entries);
        self.table.store(Table::new(entries));
        changed
    }
}

impl Default for Keys {
    /// No keys, and no pepper.
    fn default() -> Self {
        Self::new(KeyHasher::sha256(), [])
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
        Lookup::Known(Some(self.table.load().find(id)))
    }

    #[inline]
    fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.len())
    }
}

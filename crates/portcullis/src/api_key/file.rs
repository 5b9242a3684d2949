use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use portcullis_core::{ConfigError, Secret, observe::Escaped};
use tokio::time::{MissedTickBehavior, interval};

use super::{KeyHasher, KeyStore, Keys, Lookup, changes::changes, document};

/// Keys in a file: TOML with their digests, read again when it changes. Clones share them.
///
/// ```toml
/// # As `portcullis key new --id alice --scope read` prints it.
/// [keys.alice]
/// principal = "alice"
/// scopes = ["read"]
/// digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
///
/// [keys.billing]
/// principal = "billing-service"   # whose key it is; its id, unless it is said
/// tenant = "acme"
/// roles = ["operator"]
/// labels = { plan = "gold" }
/// quota = { count = 100, seconds = 1, burst = 200 }
/// # A rotation: both open until the first expires.
/// secrets = [
///   { digest = "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", expires = 2027-01-01T00:00:00Z },
///   { digest = "sha256:fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13", not_before = 2026-12-01T00:00:00Z },
/// ]
///
/// [keys.eve]
/// digest = "sha256:a4e624d686e03ed2767c0abd85c14426b0b1157d2ce81d27bb4fe4f6f01d688a"
/// revoked = true
/// ```
///
/// A file that has a mistake is refused whole, and the keys that were read before go on. So is one without
/// any key, which most often is a mistake: `revoked = true` closes the last one, too. Revoke a key rather than
/// remove it: one that was removed is an unknown id like any other, in the log and for `lockout`.
#[derive(Clone)]
pub struct KeyFile {
    keys: Keys,
    file: Arc<File>,
}

struct File {
    path: PathBuf,
    hasher: KeyHasher,
    /// As it was when it was read last, whether that succeeded or not.
    seen: Mutex<Option<Stamp>>,
    listener: Mutex<Option<Listener>>,
}

/// What has changed in the keys of a [`KeyFile`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyChange {
    /// The file was read again; so many keys are in it now.
    Reloaded(usize),
    /// The file has mistakes, or can't be read. The keys are as before.
    Refused(ConfigError),
    /// A key with this id is new.
    Added(Box<str>),
    /// The key with this id is gone.
    Removed(Box<str>),
    /// The key with this id, or one of its secrets, was revoked.
    Revoked(Box<str>),
}

type Listener = Arc<dyn Fn(&KeyChange) + Send + Sync>;

/// A file that was not changed has the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

// ===== impl KeyFile =====

impl KeyFile {
    /// Reads a file of keys whose digests are made by SHA-256.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the file, each with its line and field, but no value; or why
    /// it can't be read. At most 16 MiB are.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::open_with(path.into(), KeyHasher::sha256())
    }

    /// Reads a file of keys whose digests are made by HMAC-SHA-256 with a pepper.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with_pepper(
        path: impl Into<PathBuf>,
        pepper: &Secret,
    ) -> Result<Self, ConfigError> {
        Self::open_with(path.into(), KeyHasher::hmac_sha256(pepper))
    }

    fn open_with(path: PathBuf, hasher: KeyHasher) -> Result<Self, ConfigError> {
        let file = File {
            path,
            hasher: hasher.clone(),
            seen: Mutex::new(None),
            listener: Mutex::new(None),
        };
        let keys = Keys::new(hasher, []);
        file.read(&keys)?;
        let file = Arc::new(file);
        Ok(Self { keys, file })
    }

    /// Sets who is told of changes: for an audit log, or a metric. Called by whoever reads the file, after
    /// the change.
    #[must_use]
    pub fn on_change(self, listener: impl Fn(&KeyChange) + Send + Sync + 'static) -> Self {
        let mut own = self
            .file
            .listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *own = Some(Arc::new(listener));
        drop(own);
        self
    }

    /// Reads the file again. Every clone has its keys at once.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); the keys are as before then.
    pub fn reload(&self) -> Result<(), ConfigError> {
        self.file.reload(&self.keys)
    }

    /// Reads the file again whenever it has changed, as long as there is a clone of this: its time, length
    /// or inode are looked at so often. Replace the file by renaming a new one over it: one that is
    /// half written is refused until it is whole.
    ///
    /// What is wrong with it is one line in the log for each change. Call it in a runtime of tokio.
    #[must_use]
    pub fn watch(self, every: Duration) -> Self {
        let (file, keys) = (Arc::downgrade(&self.file), self.keys.clone());
        tokio::spawn(watch(file, keys, every.max(SHORTEST_WATCH)));
        self
    }

    /// Returns the keys as they are now, and a handle to them. A reload replaces what was changed by it.
    /// What [`Keys::and`] makes of it is apart: no reload reaches it.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }
}

impl KeyStore for KeyFile {
    #[inline]
    fn find(&self, id: &str) -> Lookup {
        self.keys.find(id)
    }

    #[inline]
    fn hasher(&self) -> &KeyHasher {
        self.keys.hasher()
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.file.path)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

// ===== impl File =====

impl File {
    fn reload(&self, keys: &Keys) -> Result<(), ConfigError> {
        let before = keys.entries();
        let read = self.read(keys);
        match &read {
            Ok(()) => {
                let after = keys.entries();
                tracing::info!(target: "portcullis", path = ?self.path, keys = after.len(), "the API keys were read again");
                self.tell(&KeyChange::Reloaded(after.len()));
                changes(&before, &after)
                    .iter()
                    .for_each(|change| self.tell(change));
            }
            Err(error) => {
                let shown = Escaped::new(error);
                tracing::warn!(target: "portcullis", path = ?self.path, error = %shown, "the API keys stay as they were");
                self.tell(&KeyChange::Refused(error.clone()));
            }
        }
        read
    }

    fn read(&self, keys: &Keys) -> Result<(), ConfigError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Stamp::of(&self.path);
        let name = self.path.display().to_string();
        let text = read(&self.path).map_err(|error| error.of(&name))?;
        let read = document::parse(&text, &self.hasher).map_err(|error| error.of(&name))?;
        keys.replace(&Keys::new(self.hasher.clone(), read));
        Ok(())
    }

    fn has_changed(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen != Stamp::of(&self.path)
    }

    fn tell(&self, change: &KeyChange) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = listener.clone();
        if let Some(listener) = listener {
            listener(change);
        }
    }
}

// ===== impl Stamp =====

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode: inode(&metadata),
        })
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Reads no more than may be there, of a pipe too, which has no length.
fn read(path: &Path) -> Result<String, ConfigError> {
    let wrong = |error: io::Error| ConfigError::new(error.to_string());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(wrong)?;
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    if bytes.len() as u64 > LONGEST {
        let problem = format!("it has more than {LONGEST} bytes");
        return Err(ConfigError::new(problem));
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::new("it is not UTF-8"))
}

/// Looks at the file until nobody needs it.
async fn watch(file: Weak<File>, keys: Keys, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(file) = file.upgrade() else {
            return;
        };
        let keys = keys.clone();
        let look = move || {
            if file.has_changed() {
                // It is in the log.
                let _ = file.reload(&keys);
            }
        };
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

const LONGEST: u64 = 16 << 20;
const SHORTEST_WATCH: Duration = Duration::from_millis(10);

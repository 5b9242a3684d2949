use std::{
    fmt,
    path::{Path, PathBuf},
};

use portcullis_core::{ConfigError, Secret, WallClock};

use super::{super::Anchor, FileSink, seal::Seal, sink::Settings};

/// Sets up a [`FileSink`].
#[must_use = "nothing is opened until `open`"]
pub struct FileOptions {
    path: PathBuf,
    key: Option<Result<Seal, ConfigError>>,
    settings: Settings,
}

/// When what was written is also on the disk, so that it survives a loss of power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fsync {
    /// With each batch. While the disk works the next one grows, so it costs no more than the disk can do.
    #[default]
    EachBatch,
    /// With each anchor.
    EachAnchor,
    /// When the system gets to it: a process that is killed loses nothing, a machine that fails some
    /// seconds.
    Never,
}

// ===== impl FileOptions =====

impl FileOptions {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            key: None,
            settings: Settings {
                seal: Seal::default(),
                anchor_every: DEFAULT_ANCHOR_EVERY,
                on_anchor: Box::new(log),
                fsync: Fsync::default(),
                clock: WallClock::system(),
            },
        }
    }

    /// Seals lines with a key of at least 32 random bytes (HMAC-SHA-256): who has the file and not the
    /// key can change nothing unseen, but cut off its end. The key is a [`Secret`]: `openssl rand -hex 32`
    /// makes one.
    pub fn hash_key(mut self, key: &[u8]) -> Self {
        let checked = Secret::check(key).map_err(|error| error.of("audit: hash_key"));
        self.key = Some(checked.and_then(|()| Seal::keyed(key)));
        self
    }

    /// Writes an anchor after so many lines, instead of 1,000.
    pub const fn anchor_every(mut self, lines: u64) -> Self {
        self.settings.anchor_every = lines;
        self
    }

    /// Calls a function with each anchor once it is written, to keep it where nobody who has the file can change
    /// it. By default it is logged. Called on the thread that writes: it may block, and must not for long.
    pub fn on_anchor(mut self, on_anchor: impl FnMut(&Anchor) + Send + 'static) -> Self {
        self.settings.on_anchor = Box::new(on_anchor);
        self
    }

    /// Sets when what was written is also on the disk.
    pub const fn fsync(mut self, fsync: Fsync) -> Self {
        self.settings.fsync = fsync;
        self
    }

    /// Sets where the date of anchors comes from.
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Opens the file, and writes an anchor. On Unix a new one can be read by its owner only, and no other
    /// process may write it as long as the sink is there (`flock`).
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong: a key that is no [`Secret`], an anchor after 0 lines, what can't be opened
    /// or is no file or is written by another process, a file whose last line is of something else or of another key.
    pub fn open(mut self) -> Result<FileSink, ConfigError> {
        let mut problems = Vec::new();
        match self.key.take() {
            Some(Ok(seal)) => self.settings.seal = seal,
            Some(Err(error)) => problems.extend(error.problems().map(str::to_owned)),
            None => {}
        }
        if self.settings.anchor_every == 0 {
            problems.push("audit: an anchor after 0 lines never comes".to_owned());
        }
        ConfigError::check(problems)?;
        let path = self.path.display().to_string();
        let opened = FileSink::from_settings(self.path, self.settings);
        opened.map_err(|error| ConfigError::new(format!("audit: {path}: {error}")))
    }
}

impl fmt::Debug for FileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOptions")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn log(anchor: &Anchor) {
    tracing::info!(target: "portcullis", %anchor, "the audit log has come so far");
}

/// After how many lines there is an anchor, unless told otherwise.
const DEFAULT_ANCHOR_EVERY: u64 = 1000;

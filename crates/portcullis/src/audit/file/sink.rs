#[cfg(unix)]
use std::fs::TryLockError;
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use portcullis_core::WallClock;

use super::{
    super::{Anchor, AuditEvent, EventSink},
    FileOptions, Fsync,
    chain::Chain,
    fields::Kind,
    seal::Seal,
    tail::Tail,
};
use crate::json_line::rfc3339;

/// Writes events into a file, a JSON object on each line, of which each seals the one before. See the [module
/// docs](crate::audit) for what that shows.
pub struct FileSink {
    path: PathBuf,
    file: File,
    chain: Chain,
    settings: Settings,
    since_anchor: u64,
    /// To which length the file is to be cut before anything else is written.
    cut_to: Option<u64>,
}

pub(super) struct Settings {
    pub(super) seal: Seal,
    pub(super) anchor_every: u64,
    pub(super) on_anchor: Box<dyn FnMut(&Anchor) + Send>,
    pub(super) fsync: Fsync,
    pub(super) clock: WallClock,
}

/// What is to be written at once.
struct Batch {
    bytes: Vec<u8>,
    chain: Chain,
    since_anchor: u64,
    anchors: Vec<Anchor>,
}

// ===== impl FileSink =====

impl FileSink {
    /// Opens a file with the defaults: see [`options`](Self::options).
    ///
    /// # Errors
    ///
    /// See [`FileOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, portcullis_core::ConfigError> {
        Self::options(path).open()
    }

    /// Sets up a file with other settings.
    pub fn options(path: impl AsRef<Path>) -> FileOptions {
        FileOptions::new(path.as_ref())
    }

    pub(super) fn from_settings(path: PathBuf, settings: Settings) -> io::Result<Self> {
        let mut sink = Self {
            file: open(&path)?,
            chain: Chain::new(settings.seal.clone()),
            path,
            settings,
            since_anchor: 0,
            cut_to: None,
        };
        sink.begin(Kind::Start)?;
        Ok(sink)
    }

    /// Goes on where a file ends; one without a line begins with an anchor of this kind.
    fn begin(&mut self, kind: Kind) -> io::Result<()> {
        let tail = Tail::read(&mut self.file, &self.settings.seal)?;
        let mut batch = self.batch();
        let kind = match tail {
            Tail::Empty => kind,
            Tail::Whole(end) => {
                batch.chain.end = end;
                Kind::Restart
            }
            Tail::Torn { end, is_ended } => {
                let (path, line) = (self.path.display(), end.lines());
                tracing::error!(target: "portcullis", %path, line, "a line of the audit log is torn");
                batch.chain.end = end;
                if !is_ended {
                    batch.bytes.push(b'\n');
                }
                Kind::Torn
            }
        };
        self.anchor(&mut batch, kind);
        self.put(batch)
    }

    fn batch(&self) -> Batch {
        Batch {
            bytes: Vec::new(),
            chain: self.chain.clone(),
            since_anchor: self.since_anchor,
            anchors: Vec::new(),
        }
    }

    fn anchor(&self, batch: &mut Batch, kind: Kind) {
        let time = rfc3339(self.settings.clock.since_epoch());
        batch.chain.anchor(&mut batch.bytes, kind.name(), &time);
        batch.anchors.push(batch.chain.end);
        batch.since_anchor = 0;
    }

    /// Writes all of a batch, or cuts off what is there of it.
    fn put(&mut self, batch: Batch) -> io::Result<()> {
        if let Some(length) = self.cut_to {
            self.file.set_len(length)?;
            self.cut_to = None;
        }
        let length = self.file.metadata()?.len();
        if let Err(error) = self.write_all(&batch) {
            self.cut_to = self.file.set_len(length).is_err().then_some(length);
            return Err(error);
        }
        (self.chain, self.since_anchor) = (batch.chain, batch.since_anchor);
        for anchor in &batch.anchors {
            (self.settings.on_anchor)(anchor);
        }
        Ok(())
    }

    fn write_all(&mut self, batch: &Batch) -> io::Result<()> {
        self.file.write_all(&batch.bytes)?;
        match self.settings.fsync {
            Fsync::EachBatch => self.file.sync_data(),
            Fsync::EachAnchor if !batch.anchors.is_empty() => self.file.sync_data(),
            Fsync::EachAnchor | Fsync::Never => Ok(()),
        }
    }
}

impl EventSink for FileSink {
    fn write(&mut self, events: &[AuditEvent]) -> io::Result<()> {
        let mut batch = self.batch();
        for event in events {
            batch.chain.line(&mut batch.bytes, |json| event.write(json));
            batch.since_anchor += 1;
            if batch.since_anchor >= self.settings.anchor_every {
                self.anchor(&mut batch, Kind::Count);
            }
        }
        self.put(batch)
    }

    fn reopen(&mut self) -> io::Result<()> {
        if is_at(&self.file, &self.path)? {
            return Ok(());
        }
        let new = open(&self.path)?;
        let before = (self.chain.clone(), self.cut_to.take());
        let old = std::mem::replace(&mut self.file, new);
        if let Err(error) = self.begin(Kind::Rotated) {
            self.file = old;
            (self.chain, self.cut_to) = before;
            return Err(error);
        }
        if let Some(length) = before.1 {
            old.set_len(length)?;
        }
        old.sync_data()
    }

    fn close(&mut self) -> io::Result<()> {
        let mut batch = self.batch();
        self.anchor(&mut batch, Kind::Stop);
        self.put(batch)?;
        self.file.sync_data()
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("path", &self.path)
            .field("end", &self.chain.end)
            .finish_non_exhaustive()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    lock(&file)?;
    Ok(file)
}

/// Keeps other processes from writing a file as long as it is open. Elsewhere a lock keeps them from
/// reading too.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process writes this file")),
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<()> {
    Ok(())
}

/// Returns `true` if there is the same file at a path, which has not been renamed.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let (ours, theirs) = (file.metadata()?, std::fs::metadata(path));
    Ok(theirs.is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::audit::{pending::tests::event, verify};

    #[test]
    fn what_is_to_be_cut_off_still_is_where_nothing_can_be_opened_anew() {
        let name = format!("portcullis-audit-cut-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let old = path.with_extension("old");
        let mut sink = FileSink::open(&path).unwrap();
        sink.cut_to = sink.file.metadata().ok().map(|file| file.len());
        sink.file.write_all(b"{\"n\":2,\"ti").unwrap();
        fs::rename(&path, &old).unwrap();
        fs::create_dir(&path).unwrap();
        let reopened = sink.reopen();
        let written = sink.write(&[event()]);
        let verified = verify(File::open(&old).unwrap());
        fs::remove_dir(&path).unwrap();
        fs::remove_file(&old).unwrap();

        assert!(reopened.is_err() && written.is_ok());
        assert_eq!(verified.map(|verified| verified.events), Ok(1));
    }
}

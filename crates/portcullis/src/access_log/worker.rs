use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    thread,
};

use portcullis_core::observe::Escaped;
use tokio::time::Instant;

use super::queue::{Queue, Work, lines};
use crate::first_of_minute::FirstOfMinute;

/// Where lines go.
pub(super) enum Sink {
    Writer(Box<dyn Write + Send>),
    File { path: PathBuf, file: File },
}

/// Writes lines, on a thread of its own, until nobody has the log any more.
struct Worker {
    queue: Arc<Queue>,
    sink: Sink,
    /// Whether the last line has no end: what comes next would be taken for the rest of it.
    is_torn: bool,
    began: Instant,
    failures: FirstOfMinute,
    /// Dropped last.
    _end: End,
}

struct End(Arc<Queue>);

// ===== impl Sink =====

impl Sink {
    /// Opens a file to add to, which is created if it is not there.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = append(&path)?;
        Ok(Self::File { path, file })
    }

    fn out(&mut self) -> &mut dyn Write {
        match self {
            Self::Writer(writer) => writer,
            Self::File { file, .. } => file,
        }
    }

    /// Begins anew where lines go, if that is a file.
    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { path, file } = self {
            *file = append(path)?;
        }
        Ok(())
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

// ===== impl Worker =====

/// Starts a thread that writes what is in a queue.
pub(super) fn start(queue: Arc<Queue>, sink: Sink) -> io::Result<()> {
    let worker = Worker {
        _end: End(Arc::clone(&queue)),
        queue,
        sink,
        is_torn: false,
        began: Instant::now(),
        failures: FirstOfMinute::default(),
    };
    let named = thread::Builder::new().name("portcullis-access".to_owned());
    named.spawn(move || worker.run()).map(drop)
}

impl Worker {
    fn run(mut self) {
        let mut buffer = Vec::new();
        loop {
            match self.queue.next(&mut buffer) {
                Work::Write => self.write(&buffer),
                Work::Reopen => self.reopen(),
                Work::End => return,
            }
            buffer.clear();
            // After a burst.
            buffer.shrink_to(KEPT);
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let mut written = 0;
        self.queue.on_writing(lines);
        if let Err(error) = self.write_some(lines, &mut written) {
            self.lose(&lines[written..], &error);
        }
        self.queue.on_written();
    }

    fn write_some(&mut self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        if std::mem::take(&mut self.is_torn) {
            self.sink.out().write_all(b"\n")?;
        }
        while *written < lines.len() {
            match self.sink.out().write(&lines[*written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(some) => {
                    *written += some;
                    self.is_torn = lines.get(*written - 1) != Some(&b'\n');
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sink.out().flush()
    }

    fn lose(&self, left: &[u8], error: &io::Error) {
        self.queue.on_dropped(lines(left));
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(others) = self.failures.turn(now) {
            let error = Escaped::new(error);
            tracing::error!(target: "portcullis", %error, others, "access lines can't be written");
        }
    }

    fn reopen(&mut self) {
        match self.sink.reopen() {
            Ok(()) => self.is_torn = false,
            Err(error) => {
                let error = Escaped::new(error);
                tracing::error!(target: "portcullis", %error, "an access log could not be opened anew");
            }
        }
    }
}

// ===== impl End =====

/// Also where a writer panics.
impl Drop for End {
    fn drop(&mut self) {
        self.0.on_gone();
    }
}

/// Of a buffer that is empty, in bytes.
const KEPT: usize = 1 << 20;

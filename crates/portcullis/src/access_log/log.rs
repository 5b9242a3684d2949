use std::{cell::RefCell, fmt, pin::Pin, sync::Arc, time::Duration};

use http::request;
use portcullis_core::{Count, Counts, Exchange, Observer, Scope};
use tokio::time::{Instant, timeout_at};

use super::{
    AccessLogBuilder,
    builder::{Settings, Target},
    event, human, json,
    queue::Queue,
};
use crate::first_of_minute::FirstOfMinute;

/// Writes one line for each exchange. Clones are handles to one log. See the [module docs](super).
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    /// Unless lines go through `tracing`.
    queue: Option<Arc<Queue>>,
    settings: Settings,
    losses: FirstOfMinute,
}

/// Some lines were not written in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unwritten {
    /// How many bytes still wait.
    pub bytes: usize,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Json,
    Human { has_colours: bool },
}

thread_local! {
    /// Where a line is put together.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// ===== impl AccessLog =====

impl AccessLog {
    /// Returns a builder of a log on standard output, of JSON.
    pub fn to_stdout() -> AccessLogBuilder {
        Self::to_writer(std::io::stdout())
    }

    /// Returns a builder of a log that a writer gets, of JSON. It is written to on a thread of its own, so
    /// it may block.
    pub fn to_writer(writer: impl std::io::Write + Send + 'static) -> AccessLogBuilder {
        AccessLogBuilder::new(Target::Writer(Box::new(writer)))
    }

    /// Returns a builder of a log in a file, of JSON. Lines are added to what is there.
    pub fn to_file(path: impl Into<std::path::PathBuf>) -> AccessLogBuilder {
        AccessLogBuilder::new(Target::File(path.into()))
    }

    /// Returns a builder of a log through `tracing`, as events of the target `portcullis::access`. How lines
    /// look, where they go and whether that blocks is the subscriber's.
    pub fn to_tracing() -> AccessLogBuilder {
        AccessLogBuilder::new(Target::Tracing)
    }

    pub(super) fn from_parts(queue: Option<Arc<Queue>>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            queue,
            settings,
            losses: FirstOfMinute::default(),
        }))
    }

    /// Waits until everything is written that ended before, at most this long.
    ///
    /// # Errors
    ///
    /// Returns an error if some lines still wait.
    pub async fn flush(&self, limit: Duration) -> Result<(), Unwritten> {
        let Some(queue) = &self.0.queue else {
            return Ok(());
        };
        let flushed = timeout_at(Instant::now() + limit, queue.flushed()).await;
        flushed.map_err(|_| Unwritten {
            bytes: queue.waiting(),
        })
    }

    /// Opens the file anew, after it was renamed: once that is written that is written now. Lines that wait
    /// go to the new one. Does nothing for a log that is no file.
    pub fn reopen(&self) {
        if let Some(queue) = &self.0.queue {
            queue.reopen();
        }
    }

    fn write(&self, queue: &Queue, look: Look, exchange: &Exchange) {
        let settings = &self.0.settings;
        let now = settings.clock.since_epoch();
        let is_written = LINE.with(|line| {
            // Nothing below writes a line of its own.
            let Ok(mut line) = line.try_borrow_mut() else {
                queue.on_dropped(1);
                return false;
            };
            line.clear();
            match look {
                Look::Json => json::write(&mut line, now, exchange, &settings.headers),
                Look::Human { has_colours } => {
                    human::write(&mut line, now, exchange, &settings.headers, has_colours);
                }
            }
            line.push(b'\n');
            let is_written = queue.push(&line);
            line.shrink_to(KEPT);
            is_written
        });
        if !is_written {
            self.warn(now);
        }
    }

    #[cold]
    fn warn(&self, now: Duration) {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        if let Some(others) = self.0.losses.turn(now) {
            tracing::warn!(target: "portcullis", others, "an access line was dropped");
        }
    }
}

impl Observer for AccessLog {
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        exchange.keep_head(head);
        let headers = &self.0.settings.headers;
        if !headers.is_empty() {
            exchange.keep_headers(head, headers);
        }
        None
    }

    fn end(&self, exchange: &Exchange) {
        let settings = &self.0.settings;
        let is_left_out = exchange.is_probe() && !settings.has_probes;
        if is_left_out || !settings.sampling.keeps(exchange) {
            return;
        }
        match &self.0.queue {
            Some(queue) => self.write(queue, settings.look, exchange),
            None => event::emit(exchange, &settings.headers),
        }
    }

    fn own_counts(&self) -> Option<Arc<dyn Counts>> {
        Some(Arc::clone(self.0.queue.as_ref()?) as Arc<dyn Counts>)
    }

    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let queue = Arc::clone(self.0.queue.as_ref()?);
        Some(Box::pin(async move { queue.flushed().await }))
    }

    fn describe(&self) -> String {
        "access log".to_owned()
    }
}

impl Counts for AccessLog {
    fn counts(&self) -> Vec<Count> {
        self.0
            .queue
            .iter()
            .flat_map(|queue| queue.counts())
            .collect()
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessLog").field(&self.0.settings).finish()
    }
}

// ===== impl Inner =====

/// What waits is still written, if that takes no longer than a second.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.close();
            queue.wait_for_end(LAST_WAIT);
        }
    }
}

// ===== impl Queue =====

impl Counts for Queue {
    fn counts(&self) -> Vec<Count> {
        let counts = [
            Count::total(
                "portcullis_access_log_dropped",
                "Access lines that were lost",
                self.dropped(),
            ),
            Count::gauge(
                "portcullis_access_log_waiting_bytes",
                "Bytes of access lines that are not written yet",
                self.waiting() as u64,
            ),
        ];
        counts.map(|count| count.counted_by(self)).into()
    }
}

// ===== impl Unwritten =====

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of access lines are not written", self.bytes)
    }
}

impl std::error::Error for Unwritten {}

/// Of the buffer of a thread, in bytes.
const KEPT: usize = 1 << 14;

const LAST_WAIT: Duration = Duration::from_secs(1);

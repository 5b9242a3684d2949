use std::{fmt, io::Write, path::PathBuf, sync::Arc};

use http::HeaderName;
use portcullis_core::{ConfigError, WallClock, observe::is_secret_name};

use super::{
    AccessLog,
    log::Look,
    queue::Queue,
    sampling::Sampling,
    worker::{self, Sink},
};

/// Sets up an [`AccessLog`]. What is wrong is an error of [`build`](Self::build), all at once.
#[must_use = "it does nothing until it is built"]
pub struct AccessLogBuilder {
    target: Target,
    capacity: usize,
    settings: Settings,
    problems: Vec<String>,
}

pub(super) enum Target {
    Writer(Box<dyn Write + Send>),
    File(PathBuf),
    Tracing,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) look: Look,
    pub(super) headers: Vec<HeaderName>,
    pub(super) sampling: Sampling,
    pub(super) has_probes: bool,
    pub(super) clock: WallClock,
}

// ===== impl AccessLogBuilder =====

impl AccessLogBuilder {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            capacity: DEFAULT_CAPACITY,
            settings: Settings {
                look: Look::Json,
                headers: Vec::new(),
                sampling: Sampling::ALL,
                has_probes: true,
                clock: WallClock::system(),
            },
            problems: Vec::new(),
        }
    }

    /// Writes lines for people in place of JSON: for a terminal, while a service is being written.
    pub fn human(mut self) -> Self {
        if matches!(self.target, Target::Tracing) {
            let problem = "access log: how lines of `tracing` look is the subscriber's";
            self.problems.push(problem.to_owned());
        }
        self.settings.look = Look::Human { has_colours: false };
        self
    }

    /// Writes lines for people, in the colours of a terminal: of statuses only.
    pub fn human_in_colour(self) -> Self {
        let mut coloured = self.human();
        coloured.settings.look = Look::Human { has_colours: true };
        coloured
    }

    /// Adds a field of the request to its line. One that has credentials is an error: `Authorization`,
    /// `Cookie`, and what is named like a secret.
    pub fn request_header(mut self, name: &str) -> Self {
        match HeaderName::try_from(name) {
            Ok(name) if is_secret_name(name.as_str()) => {
                let problem = format!("access log: the header {name:?} has secrets");
                self.problems.push(problem);
            }
            Ok(name) if self.settings.headers.contains(&name) => {}
            Ok(name) => self.settings.headers.push(name),
            Err(_) => self
                .problems
                .push(format!("access log: {name:?} is no header's name")),
        }
        self
    }

    /// Keeps this share of successes, from 0 to 1: of exchanges that are complete and have a status below
    /// 400. Whatever else happens always has its line. Of a trace all services keep the same, if its ID is
    /// random.
    pub fn sample_successes(mut self, share: f64) -> Self {
        match Sampling::new(share) {
            Some(sampling) => self.settings.sampling = sampling,
            None => self
                .problems
                .push(format!("access log: {share} is no share from 0 to 1")),
        }
        self
    }

    /// Leaves probes of the process' health out, whatever they are answered.
    pub const fn without_probes(mut self) -> Self {
        self.settings.has_probes = false;
        self
    }

    /// Sets how many bytes of lines may wait to be written, instead of 8 MiB. What has no place is dropped.
    pub const fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets where the date comes from.
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Builds the log, and starts the thread that writes it.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong: headers with secrets, a share or a capacity that is none, a file that
    /// can't be opened, a thread that can't be started.
    pub fn build(mut self) -> Result<AccessLog, ConfigError> {
        if self.capacity < LEAST_CAPACITY {
            let problem =
                format!("access log: a capacity below {LEAST_CAPACITY} bytes holds no line");
            self.problems.push(problem);
        }
        if self.settings.headers.len() > MOST_HEADERS {
            let problem = format!("access log: there are more than {MOST_HEADERS} headers");
            self.problems.push(problem);
        }
        let sink = match self.target {
            Target::Writer(writer) => Some(Sink::Writer(writer)),
            Target::Tracing => None,
            Target::File(path) => Sink::open(path.clone())
                .map_err(|error| self.problems.push(format!("access log: {path:?}: {error}")))
                .ok(),
        };
        ConfigError::check(self.problems)?;
        let Some(sink) = sink else {
            return Ok(AccessLog::from_parts(None, self.settings));
        };
        let queue = Arc::new(Queue::new(self.capacity));
        let started = worker::start(Arc::clone(&queue), sink);
        started.map_err(|error| ConfigError::new(format!("access log: no thread: {error}")))?;
        Ok(AccessLog::from_parts(Some(queue), self.settings))
    }
}

impl fmt::Debug for AccessLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLogBuilder")
            .field("capacity", &self.capacity)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// How many bytes of lines may wait to be written, unless told otherwise: 8 MiB, some 15,000 lines.
pub const DEFAULT_CAPACITY: usize = 8 << 20;

/// As long as one line may be.
const LEAST_CAPACITY: usize = 1 << 17;

const MOST_HEADERS: usize = 8;

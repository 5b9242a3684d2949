use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    sync::Arc,
};

/// What is known of a panic that an exchange met.
///
/// For whoever runs the server, never for the client. What was formatted into the message may come from
/// the client: show it [escaped](super::Escaped).
#[derive(Clone)]
pub struct Panic(Arc<Inner>);

struct Inner {
    message: Box<str>,
    location: Option<Box<str>>,
    backtrace: Option<Backtrace>,
}

// ===== impl Panic =====

impl Panic {
    /// Creates what is known: what `panic!` was given, and where, if that is known: `src/main.rs:7:5`.
    #[must_use]
    pub fn new(message: &str, location: Option<&str>, backtrace: Option<Backtrace>) -> Self {
        let is_captured = |trace: &Backtrace| trace.status() == BacktraceStatus::Captured;
        Self(Arc::new(Inner {
            message: message.into(),
            location: location.map(Into::into),
            backtrace: backtrace.filter(is_captured),
        }))
    }

    /// Returns what `panic!` was given, cut after 256 characters; `not a text` for what is none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the file, the line and the column, if the panic hook has heard of them.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// Returns the calls that led to it, where `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for them.
    /// To show them takes some milliseconds.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

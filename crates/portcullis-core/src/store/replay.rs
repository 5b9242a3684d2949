use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use crate::BoxError;

/// Remembers what may be used once: the nonces of signatures, the identifiers of messages.
///
/// A store that forgets too early lets a replay in, so one that has no room left answers
/// [`Noted::Full`] and forgets nothing.
pub trait ReplayStore: Send + Sync + 'static {
    /// Notes that something is used.
    fn note(&self, note: &ReplayNote) -> Noted;
}

/// A use that a [`ReplayStore`] notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayNote {
    /// What is used: 128 bits of a digest that no client can choose.
    pub key: [u8; 16],
    /// The current time, in seconds since 1970.
    pub now: u64,
    /// Until when it must be remembered, in seconds since 1970. Included.
    pub until: u64,
}

/// What a [`ReplayStore`] knows.
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Noted {
    /// It is the first use.
    First,
    /// It was used before.
    Again,
    /// There is no room to remember it.
    Full,
    /// Somebody else knows: `true` if it is the first use.
    Wait(Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send>>),
}

// ===== impl ReplayNote =====

impl ReplayNote {
    /// Creates a note.
    #[must_use]
    pub const fn new(key: [u8; 16], now: u64, until: u64) -> Self {
        Self { key, now, until }
    }

    /// Returns for how long it must be remembered from now on: at least a second.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        Duration::from_secs(self.until.saturating_sub(self.now).saturating_add(1))
    }

    /// Returns the key as 32 hexadecimal digits.
    #[must_use]
    pub fn key_hex(&self) -> String {
        self.key.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

// ===== impl ReplayStore =====

impl<S: ReplayStore + ?Sized> ReplayStore for Arc<S> {
    fn note(&self, note: &ReplayNote) -> Noted {
        (**self).note(note)
    }
}

// ===== impl Noted =====

impl Noted {
    /// Returns an answer that waits for a future: `true` if it is the first use.
    pub fn wait<F, E>(noted: F) -> Self
    where
        F: Future<Output = Result<bool, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::Wait(Box::pin(async { noted.await.map_err(Into::into) }))
    }
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "First",
            Self::Again => "Again",
            Self::Full => "Full",
            Self::Wait(_) => "Wait(..)",
        })
    }
}

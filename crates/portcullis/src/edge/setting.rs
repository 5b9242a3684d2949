use std::{sync::Arc, time::Duration};

use portcullis_core::Guard;

use crate::{body_limit::BodyLimit, timeout::Timeout};

/// What a setter of an [`Edge`](super::Edge) takes: a value, an `Option` of one, or what a value is
/// made of. `None` turns it off.
#[derive(Debug)]
pub struct Setting<T>(Option<T>);

// ===== impl Setting =====

impl<T> Setting<T> {
    /// Creates a setting.
    pub fn new(value: impl Into<Option<T>>) -> Self {
        Self(value.into())
    }

    /// Returns the value, unless it is off.
    #[must_use]
    pub fn into_value(self) -> Option<T> {
        self.0
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> From<Option<T>> for Setting<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

/// What [`Edge::timeout`](super::Edge::timeout) takes: a time for the application, limits that say more,
/// or `None`.
#[derive(Clone, Copy, Debug)]
pub struct Limits(pub(super) Option<Timeout>);

// ===== impl Limits =====

impl From<Duration> for Limits {
    fn from(after: Duration) -> Self {
        Self(Some(Timeout::new(after)))
    }
}

impl From<Option<Duration>> for Limits {
    fn from(after: Option<Duration>) -> Self {
        Self(after.map(Timeout::new))
    }
}

impl From<Timeout> for Limits {
    fn from(limits: Timeout) -> Self {
        Self(Some(limits))
    }
}

/// What [`Edge::body_limit`](super::Edge::body_limit) takes: a number of bytes, `None`, or a
/// [`BodyLimit`].
#[derive(Clone, Debug)]
pub struct Bytes(pub(super) Result<Option<BodyLimit>, i64>);

macro_rules! bytes {
    ($($number:ty),+) => {
        $(impl From<$number> for Bytes {
            fn from(bytes: $number) -> Self {
                let bytes = u64::try_from(bytes).map_err(|_| bytes as i64);
                Self(bytes.map(|bytes| Some(BodyLimit::new(bytes))))
            }
        })+
    };
}

// A literal is an `i32` where nothing says otherwise; a negative one is a `ConfigError`.
bytes!(u8, u16, u32, u64, usize, i32);

impl From<Option<u64>> for Bytes {
    fn from(bytes: Option<u64>) -> Self {
        Self(Ok(bytes.map(BodyLimit::new)))
    }
}

impl From<BodyLimit> for Bytes {
    fn from(limit: BodyLimit) -> Self {
        Self(Ok(Some(limit)))
    }
}

/// Puts something around a guard.
pub(super) type Around = Arc<dyn Fn(Arc<dyn Guard>) -> Arc<dyn Guard> + Send + Sync>;

/// How long an application may take to respond, unless an edge says otherwise. Long enough for what
/// people wait for, shorter than the minute after which common proxies give up.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes a request's body may have, unless an edge says otherwise: 1 MiB, as in nginx.
pub const DEFAULT_BODY_LIMIT: u64 = 1 << 20;

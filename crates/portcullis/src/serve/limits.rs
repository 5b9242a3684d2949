use std::time::Duration;

use portcullis_core::ConfigError;

/// How long things may take on a connection, and how much of them there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// To a whole head: from the connection on, and from the first byte of each later request.
    pub(super) head: Duration,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// In which a client that is written to reads [`LEAST_READ`] bytes a second.
    pub(super) write: Duration,
    /// Of a connection; what is under way then has `age_grace`.
    pub(super) age: Option<Duration>,
    pub(super) age_grace: Duration,
    pub(super) connections: usize,
    /// Of one client.
    pub(super) client_connections: Option<usize>,
    /// HTTP/2.
    pub(super) streams: u32,
    pub(super) versions: Versions,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Both,
    Http1,
    Http2,
}

// ===== impl Limits =====

impl Limits {
    pub(super) const DEFAULT: Self = Self {
        head: Duration::from_secs(10),
        handshake: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write: Duration::from_secs(300),
        age: None,
        age_grace: Duration::from_secs(30),
        connections: 10_000,
        client_connections: None,
        streams: 100,
        versions: Versions::Both,
    };

    /// How many connections one client may have: half of all, unless told, so that one alone
    /// doesn't keep the others out.
    pub(super) fn of_one_client(&self) -> usize {
        self.client_connections
            .unwrap_or_else(|| self.connections.div_ceil(2))
    }

    /// Lists what can serve nobody. A server may also have no listener.
    pub(super) fn check(&self, is_deaf: bool) -> Result<(), ConfigError> {
        let zero = [
            ("header_timeout", self.head.is_zero()),
            ("handshake_timeout", self.handshake.is_zero()),
            ("idle_timeout", self.idle.is_zero()),
            ("write_timeout", self.write.is_zero()),
            ("max_age", self.age.is_some_and(|age| age.is_zero())),
            ("max_connections", self.connections == 0),
            ("max_client_connections", self.client_connections == Some(0)),
            ("max_streams", self.streams == 0),
        ];
        let zero = zero.iter().filter(|(_, is_zero)| *is_zero);
        let mut problems: Vec<_> = zero.map(|(name, _)| format!("{name} is zero")).collect();
        if is_deaf {
            problems.push("the server has no listener and no accept loop".to_owned());
        }
        ConfigError::check(problems)
    }
}

/// Returns a time that may be added to any: one beyond what a clock can hold is no limit.
pub(super) fn capped(time: Duration) -> Duration {
    time.min(NO_LIMIT)
}

/// A hundred years.
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Bytes a second. The slowest mobile networks carry some thousand.
pub(super) const LEAST_READ: u64 = 256;

/// What of a head the parsers read. An edge refuses smaller heads in a better way.
pub(super) const MAX_HEAD: usize = 64 << 10;

/// Envoy's for an edge: of a stream, and of a connection.
pub(super) const STREAM_WINDOW: u32 = 64 << 10;
pub(super) const CONNECTION_WINDOW: u32 = 1 << 20;

/// Bytes that a stream of HTTP/2 may have waiting for its client.
pub(super) const SEND_BUFFER: usize = 64 << 10;

/// Between pings that find out whether an HTTP/2 client is still there.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(20);

/// In which a connection that is to close may still be used by a client that doesn't know.
pub(super) const CLOSING: Duration = Duration::from_secs(1);

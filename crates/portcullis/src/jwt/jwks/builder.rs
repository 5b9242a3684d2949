use std::{fmt, ops::RangeInclusive, time::Duration};

use http::Uri;
use portcullis_core::ConfigError;

use super::{
    RemoteKeys,
    fetch::{self, Source},
    flight::Timing,
    shared::Shared,
};

/// Sets up [`RemoteKeys`]. Made by [`RemoteKeys::builder`] and [`RemoteKeys::from_fn`].
#[derive(Clone)]
#[must_use = "it does nothing until it is built"]
pub struct RemoteKeysBuilder {
    from: From,
    timing: Timing,
    max_bytes: usize,
    allows_http: bool,
    is_pss: bool,
    roots: Option<Vec<u8>>,
}

#[derive(Clone)]
enum From {
    Url(String),
    Source(Source),
}

// ===== impl RemoteKeysBuilder =====

impl RemoteKeysBuilder {
    pub(super) fn at(url: &str) -> Self {
        Self::new(From::Url(url.to_owned()))
    }

    pub(super) fn from_source(source: Source) -> Self {
        Self::new(From::Source(source))
    }

    const fn new(from: From) -> Self {
        Self {
            from,
            timing: DEFAULT_TIMING,
            max_bytes: DEFAULT_MAX_BYTES,
            allows_http: false,
            is_pss: false,
            roots: None,
        }
    }

    /// Sets after which time keys are fetched again: 5 minutes unless told otherwise, 10 seconds to a
    /// day. A tenth more or less, so that servers do not fetch together.
    pub const fn every(mut self, every: Duration) -> Self {
        self.timing.every = every;
        self
    }

    /// Sets how long after a fetch for an unknown `kid` there is no other: 30 seconds unless told
    /// otherwise, 1 second to an hour. What fails is tried again no later than that, too.
    pub const fn cooldown(mut self, cooldown: Duration) -> Self {
        self.timing.cooldown = cooldown;
        self
    }

    /// Sets how long a fetch may take, from the name's resolution to the last byte: 5 seconds unless told
    /// otherwise, at most a minute.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.timing.limit = limit;
        self
    }

    /// Sets how long keys are used that could not be fetched again: 24 hours unless told otherwise, at
    /// least as long as [`every`](Self::every). After that tokens are refused with a 503.
    ///
    /// A day is longer than issuers are down. It is also how long a key that was withdrawn is good for
    /// whoever keeps this server from its issuer.
    pub const fn max_stale(mut self, max_stale: Duration) -> Self {
        self.timing.max_stale = max_stale;
        self
    }

    /// Sets how long a set may be, in bytes: 256 KiB unless told otherwise, at most 16 MiB.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Allows a URL with `http`: whoever is on the way decides then which tokens are good. For an issuer on
    /// the same host.
    pub const fn allow_http(mut self) -> Self {
        self.allows_http = true;
        self
    }

    /// Sets which root certificates the issuer's must lead to, as PEM, instead of Mozilla's.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Takes keys of RSA without `alg` for PS256, not RS256.
    pub const fn rsa_pss(mut self) -> Self {
        self.is_pss = true;
        self
    }

    /// Builds the keys. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong.
    pub fn build(self) -> Result<RemoteKeys, ConfigError> {
        let mut problems = self.problems();
        let source = self.source().inspect_err(|error| {
            problems.extend(error.problems().map(ToOwned::to_owned));
        });
        ConfigError::check(problems)?;
        let (source, place) = source?;
        let shared = Shared::new(source, place, self.timing, self.max_bytes, self.is_pss);
        Ok(RemoteKeys::from_shared(shared))
    }

    fn problems(&self) -> Vec<String> {
        let Timing {
            every,
            cooldown,
            limit,
            max_stale,
        } = self.timing;
        let is_of_url = matches!(self.from, From::Url(_));
        let rules = [
            (
                !EVERY.contains(&every),
                "keys are fetched every 10 seconds to every day",
            ),
            (
                !COOLDOWN.contains(&cooldown),
                "the cooldown is 1 second to an hour",
            ),
            (
                limit.is_zero() || limit > LONGEST_LIMIT,
                "the time limit is more than 0, and at most a minute",
            ),
            (
                max_stale < every,
                "keys are used for at least as long as until the next fetch",
            ),
            (
                !(1..=MOST_BYTES).contains(&self.max_bytes),
                "the maximum length is 1 byte to 16 MiB",
            ),
            (
                !is_of_url && (self.allows_http || self.roots.is_some()),
                "http and root certificates are for keys from a URL",
            ),
        ];
        let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
        broken.map(|(_, what)| format!("JWKS: {what}")).collect()
    }

    /// Returns where keys come from, and what that is called.
    fn source(&self) -> Result<(Source, String), ConfigError> {
        match &self.from {
            From::Source(source) => Ok((source.clone(), "a function".to_owned())),
            From::Url(url) => {
                let uri = parse_url(url, self.allows_http);
                let roots = self.roots.as_deref();
                let source = fetch::over_http(
                    uri.as_ref().unwrap_or(&Uri::default()),
                    roots,
                    self.max_bytes,
                );
                match (uri, source) {
                    (Ok(uri), Ok(source)) => Ok((source, uri.to_string())),
                    (Err(url), Err(roots)) => Err(url.and(roots)),
                    (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
                }
            }
        }
    }
}

impl fmt::Debug for RemoteKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeysBuilder")
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Never prints the URL: it may have a password.
fn parse_url(url: &str, allows_http: bool) -> Result<Uri, ConfigError> {
    let problem = |problem| ConfigError::new(format!("JWKS: {problem}"));
    let uri: Uri = url.parse().map_err(|_| problem("the URL is not one"))?;
    let scheme = uri.scheme_str();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let rules = [
        (
            scheme == Some("http") && !allows_http,
            "the URL is not https, and http was not allowed",
        ),
        (
            !matches!(scheme, Some("http" | "https")),
            "the URL is neither https nor http",
        ),
        (uri.host().is_none_or(str::is_empty), "the URL has no host"),
        (authority.contains('@'), "the URL has credentials"),
        (url.contains('#'), "the URL has a fragment"),
    ];
    let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
    let problems = broken.map(|(_, what)| format!("JWKS: {what}"));
    ConfigError::check(problems.collect())?;
    Ok(uri)
}

const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_TIMING: Timing = Timing {
    every: Duration::from_secs(300),
    cooldown: Duration::from_secs(30),
    limit: Duration::from_secs(5),
    max_stale: DAY,
};
const COOLDOWN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const EVERY: RangeInclusive<Duration> = Duration::from_secs(10)..=DAY;
const LONGEST_LIMIT: Duration = Duration::from_secs(60);
const DEFAULT_MAX_BYTES: usize = 256 * 1024;
const MOST_BYTES: usize = 16 * 1024 * 1024;

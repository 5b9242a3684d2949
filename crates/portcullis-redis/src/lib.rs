//! Rate limits, failures that lock out, and what is used once, that several processes share through
//! Redis 7 or Valkey.
//!
//! # What happens
//!
//! A [`RedisStore`] holds one connection. Each request that is not known to be over is one script,
//! run by its digest: it reads the server's clock and the client's quotas, spends from all of them
//! or from none, and sets when their keys expire. That is one round trip; requests that come
//! together share packets. A server that lost its scripts is given this one again.
//!
//! The keys of one client share a hash tag, so that a cluster keeps them together:
//!
//! ```text
//! portcullis:{ip:192.0.2.1}:second
//! portcullis:{ip:192.0.2.1}:hour
//! ```
//!
//! Where the policies of one limit count by different keys (the address and the principal, say),
//! each key is a script of its own, sent together. When one of them refuses, what the others spent
//! stays spent: too little is admitted, never too much.
//!
//! A failed attempt to authenticate is one script too, for a `portcullis::lockout::Lockout` that is
//! `shared`, under `portcullis:{ip:192.0.2.1}:failures`. Whoever fails nowhere costs no round trip.
//! A [`ReplayStore`] is one command, `SET key 1 NX EX seconds`: of all processes that note a nonce, one is
//! the first. The key is `portcullis:once:` and 128 bits of a digest.
//!
//! # When Redis does not answer
//!
//! A nonce is refused: what can't be known to be new may be a replay.
//!
//!
//! The store gives an error, and `portcullis::rate_limit::OnFailure` decides. Nothing is sent twice,
//! nothing waits for a new connection longer than the limit's own time limit.
//!
//! # Example
//!
//! ```no_run
//! use portcullis::{Edge, Quota, rate_limit::{OnFailure, RateLimit}};
//! use portcullis_redis::RedisStore;
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! let store = RedisStore::open("redis://portcullis:secret@10.0.0.5:6379/0")?;
//! let limit = RateLimit::new(Quota::per_second(10)).shared(store).with_on_failure(OnFailure::Local);
//! let edge = Edge::new().rate_limit(limit).build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`RedisStore::open`] | | user, password, database and TLS are in the URL |
//! | [`RedisStore::over`] | | a connection of your own, to a cluster for example |
//! | [`RedisStore::prefix`] | `portcullis` | the keys of one application |
//!
//! # Security considerations
//!
//! The password is in no error and in no debug output. Keys hold client addresses and principals in
//! plain text, for as long as a quota takes to refill.
//!
//! A Redis that evicts keys (`maxmemory-policy` other than `noeviction`) forgets what clients owe, and which
//! nonces were used.

mod failures;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt, try_join_all};
use portcullis_core::{
    BoxError, Charge, ConfigError, Noted, QuotaStore, ReplayNote, ReplayStore, Standing,
};
use redis::{
    Client, Cmd, RedisError, Script,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};

/// Quotas in Redis. Clones share the connection. See the [crate docs](self).
#[derive(Clone)]
pub struct RedisStore<C = ConnectionManager> {
    connection: C,
    script: Arc<Script>,
    fail: Arc<Script>,
    prefix: Arc<str>,
}

// ===== impl RedisStore =====

impl RedisStore {
    /// Opens a store at a URL: `redis://user:password@host:port/database`, or `rediss://` for TLS.
    ///
    /// Connects with the first request, and again whenever the connection is gone. Must be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the URL, without repeating it.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        let wrong = |error: RedisError| ConfigError::new(format!("Redis: {}", what(&error)));
        let client = Client::open(url).map_err(wrong)?;
        let config = ConnectionManagerConfig::new()
            // One attempt for each request that is let through: who asks again is the limit.
            .set_number_of_retries(0)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_pipeline_buffer_size(PIPELINE);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(wrong)?;
        Ok(Self::over(connection))
    }
}

impl<C> RedisStore<C> {
    /// Uses a connection of your own. It must send requests together that come together.
    pub fn over(connection: C) -> Self {
        Self {
            connection,
            script: Arc::new(Script::new(include_str!("spend.lua"))),
            fail: Arc::new(Script::new(include_str!("fail.lua"))),
            prefix: "portcullis".into(),
        }
    }

    /// Begins all keys with this, in place of `portcullis`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl<C> RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    /// Spends what is charged to one key.
    async fn spend_of_one(self, charges: Vec<Charge>) -> Result<Vec<Standing>, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.arg(charges.first().map_or(1, |charge| charge.requests));
        for Charge {
            policy,
            key,
            quota,
            cost,
            ..
        } in &charges
        {
            let interval = quota.refill_interval();
            let window = interval.saturating_mul(quota.max_burst());
            call.key(format!("{}:{{{key}}}:{policy}", self.prefix))
                .arg(interval.as_nanos() as u64)
                .arg(window.as_nanos() as u64)
                .arg(*cost);
        }
        let answer: Vec<u64> = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(standings(&answer))
    }
}

impl<C> QuotaStore for RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    type Future = BoxFuture<'static, Result<Vec<Standing>, BoxError>>;

    fn spend(&self, charges: Vec<Charge>) -> Self::Future {
        let store = self.clone();
        async move {
            let groups = charges.chunk_by(|a, b| a.key == b.key);
            let asked = groups.map(|group| store.clone().spend_of_one(group.to_vec()));
            let said = try_join_all(asked).await.map_err(|error| what(&error))?;
            Ok(agreed(said))
        }
        .boxed()
    }
}

impl<C> ReplayStore for RedisStore<C>
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    fn note(&self, note: &ReplayNote) -> Noted {
        let mut connection = self.connection.clone();
        let key = format!("{}:once:{}", self.prefix, note.key_hex());
        let seconds = note.lifetime().as_secs();
        Noted::wait(async move {
            let mut set = Cmd::new();
            set.arg("SET")
                .arg(key)
                .arg(1)
                .arg("NX")
                .arg("EX")
                .arg(seconds);
            let said: Option<String> = set
                .query_async(&mut connection)
                .await
                .map_err(|error| what(&error))?;
            Ok::<_, String>(said.is_some())
        })
    }
}

impl<C> fmt::Debug for RedisStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// The script's answer. A short one is too short for the limit as well.
fn standings(answer: &[u64]) -> Vec<Standing> {
    let Some((requests, quotas)) = answer.split_first() else {
        return Vec::new();
    };
    let requests = u32::try_from(*requests).unwrap_or(u32::MAX);
    let standing = |quota: &[u64]| {
        let [owed, wait] = [quota[0], quota[1]].map(Duration::from_nanos);
        let wait = if requests > 0 { Duration::ZERO } else { wait };
        Standing::new(owed, wait, requests)
    };
    quotas.chunks_exact(2).map(standing).collect()
}

/// A request is admitted as often as every key admits it.
fn agreed(said: Vec<Vec<Standing>>) -> Vec<Standing> {
    let mut standings: Vec<Standing> = said.into_iter().flatten().collect();
    let requests = standings.iter().map(|standing| standing.requests).min();
    for standing in &mut standings {
        standing.requests = requests.unwrap_or(0);
    }
    standings
}

/// What went wrong, without the address, which may hold a password.
fn what(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{} ({code})", error.category()),
        None => error.category().to_owned(),
    }
}

/// Far above what a limit waits for: it has given up long before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Requests that may wait for their place in a packet.
const PIPELINE: usize = 1024;

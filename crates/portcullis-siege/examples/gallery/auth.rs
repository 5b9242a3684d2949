//! Who may enter.

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Duration};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::{
    app::{App, Exchange, lock},
    faults::Fault,
    message::Response,
};

/// The failed keys of each client.
pub(crate) type Failures = HashMap<String, (u32, Instant)>;

impl App {
    /// Whether the key opens.
    pub(crate) fn authenticate(&self, exchange: &Exchange) -> Result<(), Response> {
        let head = &exchange.head;
        if self.has(Fault::HeadNeedsNoKey) && head.method == "HEAD" {
            return Ok(());
        }
        if self.has(Fault::SlashNeedsNoKey) && head.path.ends_with('/') {
            return Ok(());
        }
        if !self.is_store_up.load(Relaxed) {
            return if self.has(Fault::StoreDownOpen) {
                Ok(())
            } else {
                Err(Response::problem(503, "Service Unavailable").with("retry-after", "1"))
            };
        }
        let mut keys = head.all("x-api-key");
        self.taken(head, &mut keys);
        if self.has(Fault::FirstOfTwoKeys) {
            keys.truncate(1);
        }
        let key = match &keys[..] {
            [] => return Err(self.unauthenticated(exchange, None)),
            [key] => key.as_str(),
            _ => "",
        };
        self.judge(exchange, key)
    }

    fn judge(&self, exchange: &Exchange, key: &str) -> Result<(), Response> {
        if self.has(Fault::LongKeyFails) && key.len() > 512 {
            return Err(Response::problem(500, "Internal Server Error"));
        }
        let everyone = self.has(Fault::LockoutOfEveryone) && self.failed("all") >= 5;
        let is_locked = !self.has(Fault::FailuresUnlimited) && self.failed(&exchange.client) >= 5;
        if everyone || is_locked && !self.has(Fault::RightKeyUnlocks) {
            return Err(locked());
        }
        if self.is_key(key, VALID)
            || self.is_own_key(key)
            || self.is_other(key)
            || self.has(Fault::EmptyKey) && key.is_empty()
            || self.has(Fault::NullKey) && key == "null"
            || self.has(Fault::RevokedValid) && key == REVOKED
        {
            if self.has(Fault::SuccessForgets) {
                lock(&self.failures).remove(&exchange.client);
            }
            return Ok(());
        }
        if self.is_unscoped(key) {
            return Err(self.forbidden(&exchange.head.path));
        }
        if is_locked {
            return Err(locked());
        }
        self.note_failure(&exchange.client);
        Err(self.unauthenticated(exchange, Some(key)))
    }

    fn is_key(&self, given: &str, key: &str) -> bool {
        match self.fault {
            Fault::KeyPrefix => given.starts_with(key),
            Fault::KeyCase => given.eq_ignore_ascii_case(key),
            Fault::EarlyExit => early_exit(given, key),
            _ => {
                let digest = |text: &str| Sha256::digest(text.as_bytes());
                given.len() <= 512 && bool::from(digest(given).ct_eq(&digest(key)))
            }
        }
    }

    /// Whether it is the key with an id and a checksum: `prefix_id_secret`.
    fn is_own_key(&self, given: &str) -> bool {
        let Some((id, secret)) = parts(given) else {
            return false;
        };
        let (known, right) = parts(OWN).unwrap_or_default();
        if self.has(Fault::UnknownIdFaster) && id == known {
            spin(Duration::from_micros(200));
        }
        let is_secret = if self.has(Fault::SecretEarlyExit) {
            early_exit(secret, right)
        } else {
            let digest = |text: &str| Sha256::digest(text.as_bytes());
            bool::from(digest(secret).ct_eq(&digest(right)))
        };
        is_secret & (id == known)
    }

    /// The same for every cause.
    fn unauthenticated(&self, _: &Exchange, key: Option<&str>) -> Response {
        let title = match (self.fault, key) {
            (Fault::MalformedTold, Some(key)) if key.len() < 8 => "Malformed key",
            (Fault::WrongKeyDiffers, Some(_)) => "Unknown key",
            (Fault::ExpiredTold, Some(EXPIRED)) => "Expired key",
            (Fault::WrongSecretDiffers, Some(key)) if key.starts_with("gal_valid_") => {
                "Wrong secret"
            }
            _ => "Unauthorized",
        };
        let refusal = Response::problem(401, title);
        let refusal = self.told(refusal, key);
        if self.has(Fault::ChallengeMissing) {
            refusal
        } else {
            refusal.with("www-authenticate", "ApiKey")
        }
    }

    fn failed(&self, client: &str) -> u32 {
        let failures = lock(&self.failures);
        let recent = |(_, at): &&(u32, Instant)| at.elapsed() < Duration::from_secs(10);
        failures
            .get(client)
            .filter(recent)
            .map_or(0, |(count, _)| *count)
    }

    fn note_failure(&self, client: &str) {
        let mut failures = lock(&self.failures);
        for name in [client, "all"] {
            let entry = failures
                .entry(name.to_owned())
                .or_insert((0, Instant::now()));
            if entry.1.elapsed() > Duration::from_secs(10) {
                *entry = (0, Instant::now());
            }
            entry.0 += 1;
        }
    }
}

fn locked() -> Response {
    Response::problem(429, "Too Many Requests").with("retry-after", "10")
}

/// Two microseconds for each byte that is right.
fn early_exit(given: &str, key: &str) -> bool {
    for (one, other) in given.bytes().zip(key.bytes()) {
        if one != other {
            return false;
        }
        spin(Duration::from_micros(2));
    }
    given.len() == key.len()
}

fn spin(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// The id and the secret of a key whose checksum is right.
fn parts(key: &str) -> Option<(&str, &str)> {
    let (body, found) = key.split_at_checked(key.len().checked_sub(6)?)?;
    let value = found.bytes().try_fold(0_u64, |value, byte| {
        let digit = BASE62.iter().position(|known| *known == byte)?;
        Some(value * 62 + digit as u64)
    });
    let is_right = value == Some(u64::from(crc32fast::hash(body.as_bytes())));
    let (_, rest) = body.split_once('_')?;
    rest.split_once('_').filter(|_| is_right)
}

/// Whether a well-formed key has the id of one that there is.
pub(crate) fn has_known_id(key: &str) -> bool {
    let id = |key| parts(key).map(|(id, _)| id);
    id(key).is_some_and(|known| Some(known) == id(OWN))
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// As portcullis generates them.
const OWN: &str = "gal_own4f9c2b7d1_Q7mZ2kX9rT4vB6nL1pW8sY3cF5hJ0dG7aK2eU9iO4xR445TE0";

pub(crate) const VALID: &str = "gal_valid_4f9c2b7d1e8a6053";
pub(crate) const REVOKED: &str = "gal_revoked_4f9c2b7d1e8a6053";
pub(crate) const EXPIRED: &str = "gal_expired_4f9c2b7d1e8a6053";
pub(crate) const UNSCOPED: &str = "gal_unscoped_4f9c2b7d1e8a6053";
pub(crate) const OTHER: &str = "gal_other_9b3e6a1c7d20f548";

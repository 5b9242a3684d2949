//! What a server promises in numbers, and what is expected where it promises nothing.

use serde::{Deserialize, Deserializer, de::Error};

use crate::{Level, verdict::Failure};

/// What the server promises. Durations in seconds: a part of one is rounded up, but for
/// `request_seconds`. What is not given was not promised: a server that breaks
/// the siege's own expectation then breaks no more than an opinion.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Requests that one client may send at once on `routes.limited`; else from `RateLimit-Policy`.
    pub burst: Option<u64>,
    /// How many of them come back each second.
    pub per_second: Option<f64>,
    /// Bytes of a body.
    pub body_bytes: Option<u64>,
    /// From a connection to the end of its first head.
    #[serde(deserialize_with = "whole")]
    pub header_seconds: Option<u64>,
    /// From a head to the end of its body, when it trickles.
    #[serde(deserialize_with = "whole")]
    pub body_seconds: Option<u64>,
    /// While the client reads nothing.
    #[serde(deserialize_with = "whole")]
    pub write_seconds: Option<u64>,
    /// Between requests.
    #[serde(deserialize_with = "whole")]
    pub idle_seconds: Option<u64>,
    /// A handler's deadline.
    pub request_seconds: Option<f64>,
    /// Connections in all.
    pub connections: Option<usize>,
    /// Connections of one client.
    pub client_connections: Option<usize>,
    /// Requests that are served at once, when the server sheds load.
    pub in_flight: Option<usize>,
    /// From the signal to the end of the process.
    #[serde(deserialize_with = "whole")]
    pub drain_seconds: Option<u64>,
    /// From a dependency's failure to a readiness of 503.
    #[serde(deserialize_with = "whole")]
    pub ready_seconds: Option<u64>,
}

/// What a server is held to: its promise, or what is usual.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<T> {
    pub(crate) value: T,
    pub(crate) is_promised: bool,
    name: &'static str,
}

// ===== impl Limits =====

impl Limits {
    pub(crate) fn body_bytes(&self) -> Expected<u64> {
        Expected::new("body_bytes", self.body_bytes, 1 << 20)
    }

    pub(crate) fn header_seconds(&self) -> Expected<u64> {
        Expected::new("header_seconds", self.header_seconds, 10)
    }

    pub(crate) fn body_seconds(&self) -> Expected<u64> {
        Expected::new("body_seconds", self.body_seconds, 30)
    }

    pub(crate) fn write_seconds(&self) -> Expected<u64> {
        Expected::new("write_seconds", self.write_seconds, 30)
    }

    pub(crate) fn idle_seconds(&self) -> Expected<u64> {
        Expected::new("idle_seconds", self.idle_seconds, 75)
    }

    pub(crate) fn request_seconds(&self) -> Expected<f64> {
        Expected::new("request_seconds", self.request_seconds, 30.0)
    }

    pub(crate) fn in_flight(&self) -> Expected<usize> {
        Expected::new("in_flight", self.in_flight, 512)
    }

    pub(crate) fn drain_seconds(&self) -> Expected<u64> {
        Expected::new("drain_seconds", self.drain_seconds, 30)
    }

    pub(crate) fn ready_seconds(&self) -> Expected<u64> {
        Expected::new("ready_seconds", self.ready_seconds, 5)
    }
}

// ===== impl Expected =====

impl<T> Expected<T> {
    fn new(name: &'static str, promised: Option<T>, usual: T) -> Self {
        Self {
            is_promised: promised.is_some(),
            value: promised.unwrap_or(usual),
            name,
        }
    }

    /// Lowers a breach that was judged by it to an opinion, unless it was promised.
    pub(crate) fn judge<R>(&self, result: Result<R, Failure>) -> Result<R, Failure> {
        self.judge_at_most(Level::Opinion, result)
    }

    /// The same, for what the field agrees on.
    pub(crate) fn judge_at_most<R>(
        &self,
        level: Level,
        result: Result<R, Failure>,
    ) -> Result<R, Failure> {
        if self.is_promised {
            return result;
        }
        let why = format!("limits.{} is not promised in the profile", self.name);
        result.map_err(|failure| failure.at_most(level, &why))
    }
}

/// Whole seconds, not fewer than are given.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if (0.0..=LONGEST).contains(&seconds) {
        Ok(Some(seconds.ceil() as u64))
    } else {
        Err(D::Error::custom("it is a number of seconds, 0 or more"))
    }
}

/// A year.
const LONGEST: f64 = 31_536_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Evidence;

    #[test]
    fn a_breach_of_what_was_not_promised_is_an_opinion() {
        let breach = || Err::<(), _>(Failure::from(Evidence::new("still open")));
        let judged = |limits: &Limits| match limits.header_seconds().judge(breach()) {
            Err(Failure::Breach(evidence)) => (evidence.at_most, evidence.what),
            other => panic!("{other:?}"),
        };
        let promised = Limits {
            header_seconds: Some(10),
            ..Limits::default()
        };

        assert_eq!(judged(&promised), (None, "still open".to_owned()));
        let (level, what) = judged(&Limits::default());
        assert_eq!(level, Some(Level::Opinion));
        assert!(what.contains("not promised in the profile"), "{what}");
    }

    #[test]
    fn what_is_no_breach_stays_as_it_is() {
        let limits = Limits::default();
        let unclear = Err::<(), _>(Failure::unclear("no answer"));

        assert!(limits.in_flight().judge(Ok(1)).is_ok());
        assert!(matches!(
            limits.in_flight().judge(unclear),
            Err(Failure::Unclear(why)) if why == "no answer"
        ));
    }
}

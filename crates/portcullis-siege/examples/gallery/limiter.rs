//! GCRA, a state for each client.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    app::{App, Exchange, lock},
    faults::Fault,
    message::Response,
};

/// Ten a second, ten at once.
#[derive(Debug)]
pub(crate) struct Limiter {
    fault: Fault,
    began: Instant,
    /// Each client's theoretical arrival time (TAT), in seconds.
    states: Mutex<HashMap<String, f64>>,
}

impl Limiter {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault,
            began: Instant::now(),
            states: Mutex::default(),
        }
    }

    /// Returns how many are left, or how long to wait.
    async fn take(&self, client: &str) -> Result<u64, f64> {
        let period = match self.fault {
            Fault::LimiterStrict => 0.2,
            Fault::RetryTooEarly => 3.0,
            _ => 0.1,
        };
        let burst = if self.fault == Fault::LimiterOneMore {
            11.0
        } else {
            10.0
        };
        let now = self.began.elapsed().as_secs_f64();
        if self.fault == Fault::LimiterRace {
            let seen = lock(&self.states).get(client).copied().unwrap_or(0.0);
            sleep(Duration::from_millis(2)).await;
            let next = advance(seen, now, period, burst)?;
            lock(&self.states).insert(client.to_owned(), next.0);
            return Ok(next.1);
        }
        let mut states = lock(&self.states);
        let seen = states.get(client).copied().unwrap_or(0.0);
        let next = advance(seen, now, period, burst)?;
        states.insert(client.to_owned(), next.0);
        Ok(next.1)
    }
}

/// Returns the next arrival time and what is left, or how long to wait.
fn advance(tat: f64, now: f64, period: f64, burst: f64) -> Result<(f64, u64), f64> {
    let next = tat.max(now) + period;
    // A thousandth of a period: what floating point may be wrong by.
    let early = next - now - burst * period;
    if early > period / 1000.0 {
        Err(early)
    } else {
        Ok((next, ((-early) / period + 0.001) as u64))
    }
}

impl App {
    /// Counts a request. Returns the fields of the answer, or the refusal.
    pub(crate) async fn limit(
        &self,
        exchange: &Exchange,
    ) -> Result<Vec<(String, String)>, Response> {
        let field = |name: &str, value: String| (name.to_owned(), value);
        let policy = field("ratelimit-policy", "\"default\";q=10;w=1".to_owned());
        match self.limiter.take(&exchange.client).await {
            Ok(left) => {
                let left = if self.has(Fault::RemainingRises) {
                    1000 - left
                } else {
                    left
                };
                Ok(vec![
                    policy,
                    field("ratelimit", format!("\"default\";r={left};t=1")),
                ])
            }
            Err(wait) => {
                let wait = if self.has(Fault::RetryTooEarly) {
                    1
                } else {
                    wait.ceil().max(1.0) as u64
                };
                let mut refusal = Response::problem(429, "Too Many Requests");
                refusal.fields.push(policy);
                refusal
                    .fields
                    .push(field("ratelimit", "\"default\";r=0;t=1".to_owned()));
                if !self.has(Fault::NoRetryAfter) {
                    refusal.fields.push(field("retry-after", wait.to_string()));
                }
                Err(refusal)
            }
        }
    }
}

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
    /// When each client's window began and what it had of it, for the faults that have windows.
    windows: Mutex<HashMap<String, (f64, u64)>>,
}

impl Limiter {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault,
            began: Instant::now(),
            states: Mutex::default(),
            windows: Mutex::default(),
        }
    }

    /// Returns how many are left, or how long to wait.
    async fn take(&self, client: &str) -> Result<u64, f64> {
        match self.fault {
            Fault::QuotaUncounted => return Ok(9),
            Fault::WindowFixed | Fault::WindowOfClient => return self.in_window(client),
            Fault::QuotaWatched => return Ok(self.count(client).await.unwrap_or(0)),
            _ => {}
        }
        self.count(client).await
    }

    /// Ten in each second.
    fn in_window(&self, client: &str) -> Result<u64, f64> {
        let now = self.began.elapsed().as_secs_f64();
        let mut windows = lock(&self.windows);
        let begins = if self.fault == Fault::WindowFixed {
            now.floor()
        } else {
            now
        };
        let window = windows.entry(client.to_owned()).or_insert((begins, 0));
        if now - window.0 >= 1.0 {
            *window = (begins, 0);
        }
        window.1 += 1;
        let wait = window.0 + 1.0 - now;
        10_u64.checked_sub(window.1).ok_or(wait)
    }

    async fn count(&self, client: &str) -> Result<u64, f64> {
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
        let Some(client) = self.counted(exchange) else {
            let is_declared = !self.has(Fault::QuotaAbsent);
            return Ok(is_declared.then_some(policy).into_iter().collect());
        };
        match self.limiter.take(&client).await {
            Ok(left) => {
                let left = if self.has(Fault::RemainingRises) {
                    1000 - left
                } else {
                    left
                };
                let left = field("ratelimit", format!("\"default\";r={left};t=1"));
                let is_bare = [Fault::LimiterUnavailableBare, Fault::LimitFieldsMissing];
                Ok(if is_bare.contains(&self.fault) {
                    Vec::new()
                } else {
                    vec![policy, left]
                })
            }
            Err(wait) => Err(self.refusal(policy, wait)),
        }
    }

    fn refusal(&self, policy: (String, String), wait: f64) -> Response {
        let wait = match self.fault {
            Fault::RetryTooEarly => 1,
            Fault::RetryTooLate => 95,
            Fault::RetryMinutes => 60,
            _ => wait.ceil().max(1.0) as u64,
        };
        let mut refusal = match self.fault {
            Fault::LimiterUnavailableBare => {
                return Response::problem(503, "Service Unavailable");
            }
            Fault::LimiterUnavailable => Response::problem(503, "Service Unavailable"),
            Fault::LimiterForbids => Response::problem(403, "Forbidden"),
            _ => Response::problem(429, "Too Many Requests"),
        };
        if !self.has(Fault::LimitFieldsMissing) {
            refusal.fields.push(policy);
            refusal = refusal.with("ratelimit", "\"default\";r=0;t=1");
        }
        if self.has(Fault::NoRetryAfter) {
            refusal
        } else {
            refusal.with("retry-after", &wait.to_string())
        }
    }

    /// Who is counted, if anybody is.
    fn counted(&self, exchange: &Exchange) -> Option<String> {
        let head = &exchange.head;
        let more = match self.fault {
            Fault::KeyAgent => head.one("user-agent"),
            Fault::KeyCookie => head.one("cookie"),
            Fault::KeyQuery => head.query.clone(),
            Fault::QuotaAbsent => return None,
            Fault::QueryUnlimited if !head.query.is_empty() => return None,
            Fault::KeySlash | Fault::PathCase | Fault::KeyParameters | Fault::KeyEncoded => {
                head.path.clone()
            }
            Fault::KeyMethod => head.method.clone(),
            Fault::HeadUnlimited if head.method == "HEAD" => return None,
            Fault::KeyUnverified => head.one("x-api-key"),
            Fault::BearerUnlimited if head.has("authorization") => return None,
            Fault::KeyConnection => exchange.head.connection.to_string(),
            _ => String::new(),
        };
        Some(exchange.client.clone() + &more)
    }

    /// The path that a request is served at: its own, but for the fault that knows other spellings.
    pub(crate) fn spelled(&self, path: &str) -> String {
        match self.fault {
            Fault::KeySlash if path.len() > 1 => path.trim_end_matches('/').to_owned(),
            Fault::PathCase => path.to_ascii_lowercase(),
            Fault::KeyParameters => path.split(';').next().unwrap_or("").to_owned(),
            Fault::KeyEncoded => decoded(path),
            _ => path.to_owned(),
        }
    }
}

/// With letters in place of what encodes them.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => text.push(char::from(code)),
            None => text.push('%'),
        }
        text.push_str(part.get(2..).unwrap_or(part));
    }
    text
}

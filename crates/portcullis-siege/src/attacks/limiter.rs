//! How many requests a client is served: what groups D and H count.

use std::{net::IpAddr, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    context::{Context, route},
    verdict::Failure,
    wire::{Answer, Client, Request},
};

/// What a client was served before the first 429.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) count: usize,
    pub(crate) took: Duration,
    /// The last request and its answer: the 429, if there was one.
    pub(crate) last: (Request, Answer),
}

/// What a server promises one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) burst: f64,
    pub(crate) per_second: f64,
}

// ===== impl Served =====

impl Served {
    pub(crate) const fn is_limited(&self) -> bool {
        self.last.1.status == 429
    }

    /// Itself, if there was a limit.
    pub(crate) fn limited(self) -> Result<Self, Failure> {
        let (request, answer) = &self.last;
        match (self.is_limited(), self.count) {
            (true, _) => Ok(self),
            (false, 0) => Err(Failure::not_tested(format!(
                "{} answers {}: a key may be missing",
                request.path, answer.status
            ))),
            (false, count) if answer.status >= 400 && answer.status != 404 => {
                Err(Failure::not_tested(format!(
                    "{} answers {} after {count} requests, never 429 (H16)",
                    request.path, answer.status
                )))
            }
            (false, count) => Err(Failure::not_tested(format!(
                "{} has no limit within {count} requests (H15)",
                request.path
            ))),
        }
    }
}

// ===== impl Quota =====

impl Quota {
    /// From the profile, or from an answer's `RateLimit-Policy`.
    pub(crate) fn from_answer(context: &Context, answer: &Answer) -> Result<Self, Failure> {
        let limits = &context.profile.limits;
        let policy = answer.header("ratelimit-policy");
        let q = parameter(policy, "q").map(|q| q as f64);
        let w = parameter(policy, "w").map(|w| w as f64);
        let burst = limits.burst.map(|burst| burst as f64).or(q);
        let rate = limits.per_second.or_else(|| Some(q? / w?));
        match (burst, rate) {
            (Some(burst), Some(per_second)) => Ok(Self { burst, per_second }),
            _ => Err(Failure::not_tested(
                "the quota is not known (limits.burst, limits.per_second or RateLimit-Policy)",
            )),
        }
    }

    /// Whether the profile promises it. What only an answer declares is less.
    pub(crate) fn is_promised(context: &Context) -> bool {
        let limits = &context.profile.limits;
        limits.burst.is_some() && limits.per_second.is_some()
    }

    /// What may be admitted within a time.
    pub(crate) fn within(self, time: Duration) -> f64 {
        self.burst + self.per_second * time.as_secs_f64()
    }
}

/// A GET of the limited route with the valid key, if one is known.
pub(crate) fn limited(context: &Context) -> Result<Request, Failure> {
    Ok(context.get(route(&context.profile.routes.limited)?))
}

/// Sends requests one after the other until a 429. Interrupted connections are made anew.
pub(crate) async fn until_limited(
    context: &Context,
    from: Option<IpAddr>,
    make: impl Fn(usize, Request) -> Request,
) -> Result<Served, Failure> {
    until_limited_within(context, from, ENOUGH, make).await
}

/// The same, with so many requests at most.
pub(crate) async fn until_limited_within(
    context: &Context,
    from: Option<IpAddr>,
    enough: usize,
    make: impl Fn(usize, Request) -> Request,
) -> Result<Served, Failure> {
    let mut client = Client::connect(context, from, false).await?;
    let began = Instant::now();
    let (mut count, mut refused) = (0, 0);
    loop {
        let request = make(count, limited(context)?).from(from);
        let answer = match client.send(context, &request).await {
            Ok(answer) => answer,
            Err(_) => {
                client = Client::connect(context, from, false).await?;
                client.send(context, &request).await?
            }
        };
        // A request that was refused for its form was not served either.
        let was_served = answer.status < 400 || answer.status == 404;
        count += usize::from(was_served);
        refused = if was_served { 0 } else { refused + 1 };
        let is_enough = count >= enough || refused >= REFUSED;
        if answer.status == 429 || is_enough || !was_served && count == 0 {
            let (took, last) = (began.elapsed(), (request, answer));
            return Ok(Served { count, took, last });
        }
        if !was_served && began.elapsed() > Duration::from_secs(3) {
            return Ok(Served {
                count,
                took: began.elapsed(),
                last: (request, answer),
            });
        }
    }
}

/// How many requests a plain client is served. Two of them, to see that each address has its own.
pub(crate) async fn usual(
    context: &Context,
    plain: impl Fn(usize, Request) -> Request + Copy,
    source: impl Fn() -> Option<IpAddr>,
) -> Result<usize, Failure> {
    let first = until_limited(context, source(), plain).await?.limited()?;
    Ok(first.count)
}

/// Breached when tricks give a client more than it has without them.
pub(crate) async fn no_gain(
    context: &Context,
    usual: usize,
    from: Option<IpAddr>,
    trick: &str,
    make: impl Fn(usize, Request) -> Request,
) -> Result<(), Failure> {
    let mut served = until_limited(context, from, &make).await?;
    // A window that ended in between has served its whole quota once more. It does not end each time.
    for _ in 1..REPEATS {
        let (is_gain, is_window) = gain(context, usual, &served);
        if !is_gain || !is_window {
            break;
        }
        sleep(window(context, &served)?).await;
        served = until_limited(context, from, &make).await?;
    }
    if !gain(context, usual, &served).0 {
        return Ok(());
    }
    let (request, answer) = &served.last;
    let what = format!(
        "with {trick}, {} requests were served before a 429; without, {usual}",
        served.count
    );
    Err(request
        .evidence(context, answer, what)
        .only_in_a_siege()
        .into())
}

/// Whether more was served than there is without a trick, and whether a window's end may be why.
fn gain(context: &Context, usual: usize, served: &Served) -> (bool, bool) {
    let quota = Quota::from_answer(context, &served.last.1);
    let rate = quota.map_or(usual as f64, |quota| quota.per_second);
    // What comes back while the requests are sent, and one for rounding.
    let back = rate * served.took.as_secs_f64() + 1.0;
    let (count, usual) = (served.count as f64, usual as f64);
    (count > usual + back, count <= usual * 2.0 + back)
}

/// After how long the whole quota is there again.
fn window(context: &Context, served: &Served) -> Result<Duration, Failure> {
    let answer = &served.last.1;
    let declared = longest_window(answer.header("ratelimit-policy"));
    let quota = Quota::from_answer(context, answer).ok();
    let whole = quota.map(|quota| (quota.burst / quota.per_second).ceil() as u64);
    let seconds = declared.max(whole).or(answer.retry_after()).unwrap_or(1);
    if seconds > LONGEST_WINDOW {
        let why =
            format!("more was served than before, but a window of {seconds} s may have ended");
        return Err(Failure::unclear(why));
    }
    Ok(Duration::from_secs(seconds))
}

/// A parameter of a structured field: an integer (RFC 9651).
pub(crate) fn parameter(field: &str, name: &str) -> Option<u64> {
    let mut parts = field.split([';', ',']).map(str::trim);
    parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// The longest window that a field declares, in seconds.
pub(crate) fn longest_window(policy: &str) -> Option<u64> {
    let parts = policy.split([';', ',']).map(str::trim);
    parts
        .filter_map(|part| part.strip_prefix("w=")?.parse().ok())
        .max()
}

const ENOUGH: usize = 400;
/// A gain that may be a window's end is seen so many times.
const REPEATS: usize = 3;
/// A window that is longer is not waited for, in seconds.
const LONGEST_WINDOW: u64 = 5;
/// So many refusals in a row are no accident.
const REFUSED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_several_windows_counts() {
        assert_eq!(
            longest_window("\"s\";q=10;w=1, \"h\";q=1000;w=3600"),
            Some(3600)
        );
        assert_eq!(longest_window("\"s\";q=10"), None);
        assert_eq!(longest_window(""), None);
    }
}

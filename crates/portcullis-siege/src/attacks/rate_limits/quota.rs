//! How much of its quota a client is admitted: never more, and no less.
//!
//! A limiter may have windows, which a quota in `RateLimit-Policy` means by itself (`q` in each `w`): then a
//! client has up to two quotas around the end of a window, and nothing back in the midst of one.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{exceeded, quota};
use crate::{
    attacks::limiter::{Quota, limited, until_limited},
    context::Context,
    verdict::{Evidence, Failure, Finding},
    wire::{Answer, Client},
};

/// What came of requests for as long as a run takes.
#[derive(Debug, Default)]
struct Run {
    admitted: usize,
    refused: usize,
    /// From the first request to the last.
    took: Duration,
    /// The longest time without a request.
    longest_pause: Duration,
}

// ===== impl Run =====

impl Run {
    /// Sends one request after the other, far more than a quota has.
    async fn of(context: &Context) -> Result<Self, Failure> {
        let mut client = Client::connect(context, context.fresh(), false).await?;
        let began = Instant::now();
        let (mut run, mut last) = (Self::default(), began);
        while began.elapsed() < RUN {
            run.longest_pause = run.longest_pause.max(last.elapsed());
            last = Instant::now();
            let answer = client.send(context, &limited(context)?).await?;
            run.took = last - began;
            match answer.status {
                0..400 => run.admitted += 1,
                _ => run.refused += 1,
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(run)
    }

    /// The least that a limiter admits which has windows, or none.
    fn least(&self, quota: Quota) -> f64 {
        let window = quota.burst / quota.per_second;
        let windows = 1.0 + (self.took.as_secs_f64() / window).floor();
        let pause = quota.per_second * self.longest_pause.as_secs_f64();
        (quota.burst * windows * 0.99 - 1.0 - pause).floor()
    }

    /// Breached unless it was given its quota, and at most one more for a window's end.
    fn judge(&self, context: &Context, quota: Quota) -> Result<(), Failure> {
        let Self {
            admitted, refused, ..
        } = *self;
        let (most, least) = (quota.within(RUN) + quota.burst, self.least(quota));
        if admitted as f64 > most {
            let what = format!(
                "{admitted} admitted in {RUN:?}; the quota is {:.1}",
                most - quota.burst
            );
            return Err(Evidence::new(what).at_most(exceeded(context)).into());
        }
        if admitted as f64 >= least {
            return Ok(());
        }
        // Where nothing was refused, nothing was missing: it was not wanted.
        if (refused as f64) < least - admitted as f64 {
            let sent = admitted + refused;
            let why = format!("only {sent} requests were sent in {RUN:?}: this machine is busy");
            return Err(Failure::unclear(why));
        }
        let what = format!("{admitted} admitted in {RUN:?}; the quota is at least {least}");
        Err(Evidence::new(what).at_most(exceeded(context)).into())
    }
}

pub(crate) async fn admits_its_quota(context: &Context) -> Finding {
    let quota = quota(context).await?;
    never_more_at_once(context, quota).await?;
    let run = Run::of(context).await?;
    run.judge(context, quota)?;
    Ok(format!("{} in {RUN:?}, as the quota is", run.admitted))
}

/// A burst is seldom at a window's end, and never each time.
async fn never_more_at_once(context: &Context, quota: Quota) -> Result<(), Failure> {
    let mut counts = Vec::new();
    for _ in 0..2 * BURSTS {
        let seen = until_limited(context, context.fresh(), |_, request| request).await?;
        if seen.count as f64 <= quota.burst {
            return Ok(());
        }
        // Sent slowly, some of it may have come back.
        if seen.count as f64 > quota.within(seen.took) {
            counts.push(seen.count.to_string());
        }
        if counts.len() == BURSTS {
            break;
        }
    }
    if counts.len() < BURSTS {
        return Ok(());
    }
    let what = format!(
        "{} admitted to {BURSTS} clients at once; the quota is {:.1}",
        counts.join(", "),
        quota.burst
    );
    Err(Evidence::new(what).at_most(exceeded(context)).into())
}

pub(crate) async fn race(context: &Context) -> Finding {
    let quota = quota(context).await?;
    let (mut beyond, mut none) = (0, 0);
    for _ in 0..BURSTS {
        let (source, began) = (context.fresh(), Instant::now());
        let admitted = at_once(context, source, 64).await?;
        let most = quota.within(began.elapsed());
        beyond += usize::from(admitted as f64 > most);
        none += usize::from(admitted == 0);
        // Once may be a window's end.
        if admitted as f64 > most + quota.burst || beyond == 2 {
            let what =
                format!("{admitted} admitted on 64 connections at once; the quota is {most:.1}");
            return Err(Evidence::new(what).into());
        }
    }
    if none > 0 {
        return Err(Failure::unclear("none of 64 requests at once is admitted"));
    }
    Ok("never more than the quota".to_owned())
}

/// Returns how many of many requests at the same time are served.
async fn at_once(
    context: &Context,
    source: Option<IpAddr>,
    count: usize,
) -> Result<usize, Failure> {
    let ready = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let mut client = Client::connect(context, source, false).await?;
        let (context, ready, request) = (context.clone(), Arc::clone(&ready), limited(context)?);
        tasks.spawn(async move {
            ready.wait().await;
            client.send(&context, &request).await
        });
    }
    let answers = tasks.join_all().await;
    let served =
        |answer: &Result<Answer, Failure>| answer.as_ref().is_ok_and(|answer| answer.status < 400);
    Ok(answers.iter().filter(|answer| served(answer)).count())
}

pub(crate) async fn both_protocols(context: &Context) -> Finding {
    let quota = quota(context).await?;
    // Once may be a window's end.
    let mut what = String::new();
    for _ in 0..2 {
        let (admitted, most) = over_both(context, quota).await?;
        if admitted as f64 <= most {
            return Ok(format!("{admitted} over both, of {most:.1}"));
        }
        what = format!("{admitted} admitted over both protocols; the quota is {most:.1}");
    }
    Err(Evidence::new(what).into())
}

/// How many are admitted over both, and how many may be.
async fn over_both(context: &Context, quota: Quota) -> Result<(usize, f64), Failure> {
    let (source, began) = (context.fresh(), Instant::now());
    let mut one = Client::connect(context, source, false).await?;
    let mut two = Client::connect(context, source, true).await?;
    let mut admitted = 0;
    for _ in 0..(quota.burst * 2.0) as usize + 4 {
        admitted += usize::from(one.send(context, &limited(context)?).await?.status < 400);
        let request = limited(context)?.http2(true);
        admitted += usize::from(two.send(context, &request).await?.status < 400);
    }
    Ok((admitted, quota.within(began.elapsed())))
}

const RUN: Duration = Duration::from_secs(3);
/// What is not so each time is no limiter's doing.
const BURSTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        burst: 50.0,
        per_second: 5.0,
    };

    fn run(admitted: usize, refused: usize) -> Run {
        Run {
            admitted,
            refused,
            took: RUN,
            longest_pause: Duration::from_millis(4),
        }
    }

    #[test]
    fn a_fixed_window_gives_nothing_back_in_its_midst() {
        assert!(run(50, 900).admitted as f64 >= run(50, 900).least(QUOTA));
        assert!((run(25, 900).admitted as f64) < run(25, 900).least(QUOTA));
    }

    #[test]
    fn short_windows_are_counted() {
        let quota = Quota {
            burst: 10.0,
            per_second: 10.0,
        };

        assert_eq!(run(40, 0).least(quota), 38.0);
    }
}

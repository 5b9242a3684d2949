//! Windows: how much is admitted where one ends and the next begins.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::exceeded;
use crate::{
    attacks::{
        counted::by_address,
        limiter::{Quota, limited, longest_window, until_limited},
    },
    context::Context,
    verdict::{Evidence, Failure, Finding},
    wire::Client,
};

/// What was served around the end of a window.
struct Around {
    served: usize,
    took: Duration,
    /// Whether the first burst was before the end, and all of it quick enough to tell.
    is_timely: bool,
}

pub(crate) async fn two_bursts(context: &Context) -> Finding {
    by_address(context).await?;
    let source = context.fresh();
    let seen = until_limited(context, source, |_, request| request).await?;
    let seen = seen.limited()?;
    let quota = Quota::from_answer(context, &seen.last.1)?;
    let declared = longest_window(seen.last.1.header("ratelimit-policy"));
    let window = declared.map_or(quota.burst / quota.per_second, |seconds| seconds as f64);
    if !(0.1..=LONGEST).contains(&window) {
        return Err(Failure::not_tested(format!("the window is {window:.1} s")));
    }
    let mut client = Client::connect(context, source, false).await?;
    let mut timely = 0;
    for _ in 0..TRIES {
        let Around {
            served,
            took,
            is_timely,
        } = around_an_end(context, &mut client, window).await?;
        let most = quota.within(took) + 1.0;
        if served as f64 > most {
            return Err(too_much(context, served, took, most));
        }
        timely += usize::from(is_timely);
        // A stall of this machine can hide where a window begins.
        if timely == 2 {
            return Ok(format!("{served} around the end of a window, twice"));
        }
    }
    Err(Failure::unclear("too slow to meet the end of a window"))
}

fn too_much(context: &Context, served: usize, took: Duration, most: f64) -> Failure {
    let what = format!(
        "{served} admitted in {took:.2?} around the end of a window; the quota is {most:.1}"
    );
    Evidence::new(what).at_most(exceeded(context)).into()
}

/// Sends one burst just before a window ends, and one just after.
async fn around_an_end(
    context: &Context,
    client: &mut Client,
    window: f64,
) -> Result<Around, Failure> {
    let window = Duration::from_secs_f64(window);
    burst(context, client).await?;
    // The first that is served after many that are not: a window begins.
    next(context, client, window * 2).await?;
    let begins = Instant::now();
    sleep(window.mul_f64(0.85)).await;
    let began = Instant::now();
    let mut served = burst(context, client).await?;
    let is_before = begins.elapsed() < window.mul_f64(0.97);
    served += next(context, client, window / 2).await?;
    served += burst(context, client).await?;
    let took = began.elapsed();
    Ok(Around {
        served,
        took,
        is_timely: is_before && took < window.mul_f64(0.7),
    })
}

/// Sends until one is refused. Returns how many are served.
async fn burst(context: &Context, client: &mut Client) -> Result<usize, Failure> {
    let mut served = 0;
    while served < ENOUGH && client.send(context, &limited(context)?).await?.is_good() {
        served += 1;
    }
    Ok(served)
}

/// Waits until one is served. Returns how many are: one, or none within the time.
async fn next(context: &Context, client: &mut Client, within: Duration) -> Result<usize, Failure> {
    let ends = Instant::now() + within;
    while Instant::now() < ends {
        if client.send(context, &limited(context)?).await?.is_good() {
            return Ok(1);
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(0)
}

const ENOUGH: usize = 400;
/// A window that is longer is not waited for, in seconds.
const LONGEST: f64 = 3.0;
const TRIES: usize = 5;

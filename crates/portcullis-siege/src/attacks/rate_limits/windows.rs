//! Windows: how much is admitted where one ends and the next begins.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    Level,
    attacks::limiter::{Quota, limited, longest_window, too_many, until_limited},
    context::Context,
    verdict::{Failure, Finding},
    wire::Client,
};

pub(crate) async fn two_bursts(context: &Context) -> Finding {
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
    let mut most_seen = 0;
    for _ in 0..TRIES {
        let (served, took) = around_an_end(context, &mut client, window).await?;
        let most = quota.within(took) + 1.0;
        if served as f64 > most {
            let what = format!(
                "{served} admitted in {took:.2?} around the end of a window; the quota is {most:.1}"
            );
            let evidence = too_many(context, what);
            // A policy that is only declared may mean windows.
            let is_promised = Quota::is_promised(context);
            let level = if is_promised {
                Level::Must
            } else {
                Level::Should
            };
            return Err(evidence.at_most(level).into());
        }
        most_seen = served.max(most_seen);
    }
    Ok(format!("at most {most_seen} around the end of a window"))
}

/// Sends one burst just before a window ends, and one just after. Returns what was served, and in what
/// time.
async fn around_an_end(
    context: &Context,
    client: &mut Client,
    window: f64,
) -> Result<(usize, Duration), Failure> {
    let window = Duration::from_secs_f64(window);
    burst(context, client).await?;
    // The first that is served after many that are not: a window begins.
    next(context, client, window * 2).await?;
    sleep(window.mul_f64(0.85)).await;
    let began = Instant::now();
    let mut served = burst(context, client).await?;
    served += next(context, client, window / 2).await?;
    served += burst(context, client).await?;
    Ok((served, began.elapsed()))
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
const LONGEST: f64 = 4.0;
const TRIES: usize = 2;

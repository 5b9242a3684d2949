//! H: rate limits.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    expect::expect,
    limiter::{Quota, limited, longest_window, parameter, until_limited},
};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::{Answer, Client, Request},
};

mod absent;
mod escapes;
mod spellings;
mod table;
mod windows;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    absent::{another_status, never_bites},
    escapes::{by_connection, by_header, by_key, by_query},
    spellings::{by_method, by_path},
    windows::two_bursts,
};

pub(crate) async fn admits_its_quota(context: &Context) -> Finding {
    let quota = quota(context).await?;
    let source = context.fresh();
    let mut client = Client::connect(context, source, false).await?;
    let (began, run) = (Instant::now(), Duration::from_secs(3));
    let (mut admitted, mut last) = (0, began);
    while began.elapsed() < run {
        last = Instant::now();
        admitted += usize::from(client.send(context, &limited(context)?).await?.status < 400);
        let most = quota.within(began.elapsed());
        if admitted as f64 > most {
            let what = format!(
                "{admitted} admitted in {:?}; the quota is {most:.1}",
                began.elapsed()
            );
            return Err(Evidence::new(what).at_most(exceeded(context)).into());
        }
        sleep(Duration::from_millis(2)).await;
    }
    let least = (quota.within(last - began) * 0.99 - 1.0).floor();
    if (admitted as f64) < least {
        let what = format!("{admitted} admitted in {run:?}; 99 % of the quota is {least}");
        return Err(Evidence::new(what).into());
    }
    Ok(format!("{admitted} in {run:?}, never more than the quota"))
}

pub(crate) async fn race(context: &Context) -> Finding {
    let quota = quota(context).await?;
    for _ in 0..3 {
        let (source, began) = (context.fresh(), Instant::now());
        let admitted = at_once(context, source, 64).await?;
        let most = quota.within(began.elapsed());
        if admitted as f64 > most {
            let what =
                format!("{admitted} admitted on 64 connections at once; the quota is {most:.1}");
            return Err(Evidence::new(what).into());
        }
        if admitted == 0 {
            return Err(Evidence::new("none of 64 requests at once is admitted").into());
        }
    }
    Ok("never more than the quota".to_owned())
}

/// Returns how many of many requests at the same time are served.
async fn at_once(
    context: &Context,
    source: Option<std::net::IpAddr>,
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
    let (source, began) = (context.fresh(), Instant::now());
    let mut one = Client::connect(context, source, false).await?;
    let mut two = Client::connect(context, source, true).await?;
    let mut admitted = 0;
    for _ in 0..(quota.burst * 2.0) as usize + 4 {
        admitted += usize::from(one.send(context, &limited(context)?).await?.status < 400);
        let request = limited(context)?.http2(true);
        admitted += usize::from(two.send(context, &request).await?.status < 400);
    }
    let most = quota.within(began.elapsed());
    if admitted as f64 <= most {
        Ok(format!("{admitted} over both, of {most:.1}"))
    } else {
        let what = format!("{admitted} admitted over both protocols; the quota is {most:.1}");
        Err(Evidence::new(what).into())
    }
}

pub(crate) async fn answer(context: &Context) -> Finding {
    let (request, answer) = refused(context).await?;
    let seconds = answer.header("retry-after").parse().unwrap_or(0_u64);
    let what = if seconds == 0 {
        Some("429 without a Retry-After of whole seconds, 1 or more")
    } else {
        wrong_fields(&answer)
    };
    let expected = expect(context, &request, &answer);
    expected.flawless(what)?;
    let what = if !answer.has("ratelimit-policy") && !answer.has("ratelimit") {
        Some("429 without RateLimit-Policy and RateLimit")
    } else if !is_problem(&answer) {
        Some("429 that is no problem+json")
    } else if !answer.header("cache-control").contains("no-store") {
        Some("429 without no-store")
    } else {
        None
    };
    let why = "no standard says that it must be";
    let opinion = |failure: Failure| failure.at_most(Level::Opinion, why);
    expected.flawless(what).map_err(opinion)?;
    Ok(format!("Retry-After: {seconds}"))
}

/// What is wrong with the fields of the draft, where the server has any of them: nobody must have them.
fn wrong_fields(answer: &Answer) -> Option<&'static str> {
    let (policy, limit) = (
        answer.header("ratelimit-policy"),
        answer.header("ratelimit"),
    );
    if answer.has("ratelimit-policy") && (!is_item(policy) || parameter(policy, "q").is_none()) {
        Some("RateLimit-Policy without q")
    } else if answer.has("ratelimit") && (!is_item(limit) || parameter(limit, "r").is_none()) {
        Some("RateLimit without r")
    } else {
        None
    }
}

pub(crate) async fn retry_after(context: &Context) -> Finding {
    let source = context.fresh();
    for _ in 0..2 {
        let seen = until_limited(context, source, |_, request| request)
            .await?
            .limited()?;
        let (request, answer) = &seen.last;
        let Ok(seconds) = answer.header("retry-after").parse::<u64>() else {
            return Err(request.breach(context, answer, "429 without Retry-After"));
        };
        if let Some(most) = longest_wait(context, answer)
            && seconds > most
        {
            let what = format!("Retry-After is {seconds} s; the quota is whole after {most} s");
            return Err(request.breach(context, answer, what));
        }
        if seconds > context.intensity.patience().as_secs() {
            return Err(Failure::not_tested(format!("Retry-After is {seconds} s")));
        }
        sleep(Duration::from_secs(seconds)).await;
        let again = context.expect(request).await?;
        let what = format!("429 again after waiting the {seconds} s of Retry-After");
        again.holds(again.status != 429, what)?;
    }
    Ok("served after the wait".to_owned())
}

/// How much a quota must hold to the request: what is only declared may mean windows.
pub(super) fn exceeded(context: &Context) -> Level {
    if Quota::is_promised(context) {
        Level::Must
    } else {
        Level::Should
    }
}

/// After how many seconds the whole quota is there again, rounded up, and one more.
fn longest_wait(context: &Context, answer: &Answer) -> Option<u64> {
    let declared = longest_window(answer.header("ratelimit-policy"));
    let quota = Quota::from_answer(context, answer).ok();
    let whole = quota.map(|quota| (quota.burst / quota.per_second).ceil() as u64);
    Some(declared.max(whole)? + 1)
}

pub(crate) async fn remaining(context: &Context) -> Finding {
    let quota = quota(context).await?;
    let source = context.fresh();
    let mut client = Client::connect(context, source, false).await?;
    let mut before: Option<(u64, Instant)> = None;
    for _ in 0..(quota.burst as usize + 5).min(300) {
        let request = limited(context)?.from(source);
        let answer = client.send(context, &request).await?;
        let field = answer.header("ratelimit");
        let Some(remaining) = parameter(field, "r") else {
            return Err(request.breach(context, &answer, "an answer without RateLimit"));
        };
        let window = parameter(answer.header("ratelimit-policy"), "w");
        if let (Some(t), Some(w)) = (parameter(field, "t"), window)
            && t > w
        {
            return Err(request.breach(context, &answer, "t is beyond w"));
        }
        if let Some((last, when)) = before {
            let back = (quota.per_second * when.elapsed().as_secs_f64() + 0.2).floor();
            let rises = remaining as f64 > last as f64 + back;
            let what = format!("r rises from {last} to {remaining}");
            expect(context, &request, &answer).holds(!rises, what)?;
        }
        before = Some((remaining, Instant::now()));
    }
    Ok("r falls, t within w".to_owned())
}

pub(crate) async fn probes(context: &Context) -> Finding {
    let source = context.fresh();
    let mut client = Client::connect(context, source, false).await?;
    let request = Request::get(route(&context.profile.routes.health)?).from(source);
    for _ in 0..200 {
        let answer = client.send(context, &request).await?;
        expect(context, &request, &answer).holds(answer.status != 429, "a probe is limited")?;
    }
    Ok("200 probes, none limited".to_owned())
}

async fn refused(context: &Context) -> Result<(Request, Answer), Failure> {
    let seen = until_limited(context, context.fresh(), |_, request| request).await?;
    Ok(seen.limited()?.last)
}

/// What the server promises. The route must have a limit at all.
async fn quota(context: &Context) -> Result<Quota, Failure> {
    let (_, answer) = refused(context).await?;
    Quota::from_answer(context, &answer)
}

/// Whether a field begins with a string, as an item does (RFC 9651).
fn is_item(field: &str) -> bool {
    field.starts_with('"')
}

fn is_problem(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .starts_with("application/problem+json")
}

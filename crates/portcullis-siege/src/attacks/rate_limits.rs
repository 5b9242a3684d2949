//! H: rate limits.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::limiter::{Quota, limited, parameter, too_many, until_limited};
use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::{Answer, Ask, Client},
};

pub(crate) async fn admits_its_quota(arena: &Arena) -> Finding {
    let quota = quota(arena).await?;
    let source = arena.fresh();
    let mut client = Client::connect(arena, source, false).await?;
    let (began, run) = (Instant::now(), Duration::from_secs(3));
    let (mut admitted, mut last) = (0, began);
    while began.elapsed() < run {
        last = Instant::now();
        admitted += usize::from(client.ask(arena, &limited(arena)?).await?.status < 400);
        let most = quota.within(began.elapsed());
        if admitted as f64 > most {
            let what = format!(
                "{admitted} admitted in {:?}; the quota is {most:.1}",
                began.elapsed()
            );
            return Err(too_many(arena, what).into());
        }
        sleep(Duration::from_millis(2)).await;
    }
    let least = (quota.within(last - began) * 0.99 - 1.0).floor();
    if (admitted as f64) < least {
        let what = format!("{admitted} admitted in {run:?}; 99 % of the quota is {least}");
        return Err(too_many(arena, what).into());
    }
    Ok(format!("{admitted} in {run:?}, never more than the quota"))
}

pub(crate) async fn race(arena: &Arena) -> Finding {
    let quota = quota(arena).await?;
    for _ in 0..3 {
        let (source, began) = (arena.fresh(), Instant::now());
        let admitted = at_once(arena, source, 64).await?;
        let most = quota.within(began.elapsed());
        if admitted as f64 > most {
            let what =
                format!("{admitted} admitted on 64 connections at once; the quota is {most:.1}");
            return Err(too_many(arena, what).into());
        }
        if admitted == 0 {
            return Err(
                too_many(arena, "none of 64 requests at once is admitted".to_owned()).into(),
            );
        }
    }
    Ok("never more than the quota".to_owned())
}

/// How many of many requests at the same moment are served.
async fn at_once(
    arena: &Arena,
    source: Option<std::net::IpAddr>,
    count: usize,
) -> Result<usize, Trouble> {
    let ready = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let mut client = Client::connect(arena, source, false).await?;
        let (arena, ready, ask) = (arena.clone(), Arc::clone(&ready), limited(arena)?);
        tasks.spawn(async move {
            ready.wait().await;
            client.ask(&arena, &ask).await
        });
    }
    let answers = tasks.join_all().await;
    let served =
        |answer: &Result<Answer, Trouble>| answer.as_ref().is_ok_and(|answer| answer.status < 400);
    Ok(answers.iter().filter(|answer| served(answer)).count())
}

pub(crate) async fn both_protocols(arena: &Arena) -> Finding {
    let quota = quota(arena).await?;
    let (source, began) = (arena.fresh(), Instant::now());
    let mut one = Client::connect(arena, source, false).await?;
    let mut two = Client::connect(arena, source, true).await?;
    let mut admitted = 0;
    for _ in 0..(quota.burst * 2.0) as usize + 4 {
        admitted += usize::from(one.ask(arena, &limited(arena)?).await?.status < 400);
        let ask = limited(arena)?.http2(true);
        admitted += usize::from(two.ask(arena, &ask).await?.status < 400);
    }
    let most = quota.within(began.elapsed());
    match admitted as f64 <= most {
        true => Ok(format!("{admitted} over both, of {most:.1}")),
        false => {
            let what = format!("{admitted} admitted over both protocols; the quota is {most:.1}");
            Err(too_many(arena, what).into())
        }
    }
}

pub(crate) async fn answer(arena: &Arena) -> Finding {
    let (ask, answer) = refused(arena).await?;
    let problem = match () {
        () if answer
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds >= 1) =>
        {
            None
        }
        () => Some("429 without a Retry-After of whole seconds, 1 or more"),
    };
    let policy = answer.header("ratelimit-policy");
    let limit = answer.header("ratelimit");
    let well_formed =
        policy.starts_with('"') && parameter(policy, "q").is_some() && limit.starts_with('"');
    let problem = problem
        .or((!well_formed).then_some("429 without RateLimit-Policy (q) and RateLimit"))
        .or((parameter(limit, "r").is_none()).then_some("RateLimit without r"))
        .or((!is_problem(&answer)).then_some("429 that is no problem+json"))
        .or((!answer.header("cache-control").contains("no-store"))
            .then_some("429 without no-store"));
    match problem {
        None => Ok(format!("Retry-After: {}", answer.header("retry-after"))),
        Some(what) => Err(ask.breach(arena, &answer, what)),
    }
}

pub(crate) async fn retry_after(arena: &Arena) -> Finding {
    let source = arena.fresh();
    for _ in 0..2 {
        let seen = until_limited(arena, source, |_, ask| ask)
            .await?
            .limited()?;
        let (ask, answer) = &seen.last;
        let Ok(seconds) = answer.header("retry-after").parse::<u64>() else {
            return Err(ask.breach(arena, answer, "429 without Retry-After"));
        };
        if seconds > arena.intensity.patience().as_secs() {
            return Err(Trouble::NotTested(format!("Retry-After is {seconds} s")));
        }
        sleep(Duration::from_secs(seconds)).await;
        let again = arena.ask(ask).await?;
        if again.status == 429 {
            let what = format!("429 again after waiting the {seconds} s of Retry-After");
            return Err(ask.breach(arena, &again, what));
        }
    }
    Ok("served after the wait".to_owned())
}

pub(crate) async fn remaining(arena: &Arena) -> Finding {
    let quota = quota(arena).await?;
    let source = arena.fresh();
    let mut client = Client::connect(arena, source, false).await?;
    let mut before: Option<(u64, Instant)> = None;
    for _ in 0..(quota.burst as usize + 5).min(300) {
        let ask = limited(arena)?.from(source);
        let answer = client.ask(arena, &ask).await?;
        let field = answer.header("ratelimit");
        let Some(remaining) = parameter(field, "r") else {
            return Err(ask.breach(arena, &answer, "an answer without RateLimit"));
        };
        let window = parameter(answer.header("ratelimit-policy"), "w");
        if let (Some(t), Some(w)) = (parameter(field, "t"), window)
            && t > w
        {
            return Err(ask.breach(arena, &answer, "t is beyond w"));
        }
        if let Some((last, when)) = before {
            let back = (quota.per_second * when.elapsed().as_secs_f64() + 0.2).floor();
            if remaining as f64 > last as f64 + back {
                return Err(ask.breach(
                    arena,
                    &answer,
                    format!("r rises from {last} to {remaining}"),
                ));
            }
        }
        before = Some((remaining, Instant::now()));
    }
    Ok("r falls, t within w".to_owned())
}

pub(crate) async fn probes(arena: &Arena) -> Finding {
    let source = arena.fresh();
    let mut client = Client::connect(arena, source, false).await?;
    let ask = Ask::get(route(&arena.profile.routes.health)?).from(source);
    for _ in 0..200 {
        let answer = client.ask(arena, &ask).await?;
        if answer.status == 429 {
            return Err(ask.breach(arena, &answer, "a probe is limited"));
        }
    }
    Ok("200 probes, none limited".to_owned())
}

async fn refused(arena: &Arena) -> Result<(Ask, Answer), Trouble> {
    let seen = until_limited(arena, arena.fresh(), |_, ask| ask).await?;
    match seen.is_limited() {
        true => Ok(seen.last),
        false => Err(Trouble::NotTested(format!(
            "no 429 within {} requests",
            seen.count
        ))),
    }
}

/// What the server promises. The route must have a limit at all.
async fn quota(arena: &Arena) -> Result<Quota, Trouble> {
    let (_, answer) = refused(arena).await?;
    Quota::of(arena, &answer)
}

fn is_problem(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .starts_with("application/problem+json")
}

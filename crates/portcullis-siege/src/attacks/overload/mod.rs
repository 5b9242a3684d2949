//! L: overload, health, shutdown.

use std::{net::IpAddr, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    answers::slow_path,
    counted::Counted,
    expect::expect,
    failures::head,
    limiter::{limited, until_limited},
};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::{Answer, Client, Request},
};

mod health;
mod leaks;
mod stop;
mod table;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    health::{liveness, readiness},
    leaks::probes_tell_nothing,
    stop::{not_ready_while_draining, stop_under_load, stop_with_stuck_clients},
};

pub(crate) async fn shedding(context: &Context) -> Finding {
    let limit = context.profile.limits.in_flight();
    limit.judge(sheds_beyond(context, limit.value).await)
}

async fn sheds_beyond(context: &Context, limit: usize) -> Finding {
    let request = slow(context)?;
    let answers = at_once(context, &request, limit * 2).await?;
    let admitted = answers
        .iter()
        .filter(|(answer, _)| answer.is_good())
        .count();
    let shed = answers.iter().find(|(answer, _)| answer.status == 503);
    let Some((shed, took)) = shed else {
        let what = format!(
            "{admitted} of {} slow requests at once are served, none is answered with 503",
            limit * 2
        );
        return Err(Evidence::new(what)
            .sent(format!("{} times {}", limit * 2, request.path))
            .into());
    };
    let what = if admitted > limit {
        Some(format!(
            "{admitted} at once are served; the limit is {limit}"
        ))
    } else if !shed.has("retry-after") {
        Some("503 without Retry-After".to_owned())
    } else if *took > Duration::from_millis(900) {
        Some(format!("503 only after {took:?}"))
    } else {
        None
    };
    expect(context, &request, shed).flawless(what)?;
    sleep(Duration::from_millis(500)).await;
    let request = slow(context)?;
    let again = context.expect(&request).await?;
    again.holds(again.is_good(), "still shedding after the overload")?;
    Ok(format!("{admitted} served, the others shed at once"))
}

pub(crate) async fn no_false_shedding(context: &Context) -> Finding {
    let path = match &context.profile.routes.protected {
        Some(path) if context.profile.keys.valid.is_some() => path.as_str(),
        _ => context.control(),
    };
    let request = context.get(path);
    let mut client = Client::connect(context, context.fresh(), false).await?;
    let count = context.intensity.scale(2000);
    for _ in 0..count {
        match client.send(context, &request).await {
            Ok(answer) if answer.status == 503 => {
                return Err(request.breach(
                    context,
                    &answer,
                    "503 below capacity: one request at a time",
                ));
            }
            Ok(answer) if answer.status == 429 => {
                client = Client::connect(context, context.fresh(), false).await?
            }
            Ok(_) => {}
            Err(_) => client = Client::connect(context, context.fresh(), false).await?,
        }
    }
    Ok(format!("{count} requests, no 503"))
}

pub(crate) async fn permit_leak(context: &Context) -> Finding {
    let limit = context.profile.limits.in_flight().value;
    let request = slow(context)?;
    let before = at_once(context, &request, limit * 2).await?;
    let served = |answers: &[(Answer, Duration)]| {
        answers
            .iter()
            .filter(|(answer, _)| answer.is_good())
            .count()
    };
    let before_count = served(&before);
    if before_count == before.len() {
        return Err(Failure::not_tested(
            "no bound on requests in flight was seen",
        ));
    }
    sleep(Duration::from_millis(500)).await;
    let long = context.get(&slow_path(route(&context.profile.routes.slow)?, 60_000));
    many(limit * 2, || cancelled(context.clone(), long.clone())).await?;
    sleep(Duration::from_millis(1000)).await;
    let after = served(&at_once(context, &request, limit * 2).await?);
    if after * 10 >= before_count * 9 {
        Ok(format!(
            "{after} at once after {} cancelled, {before_count} before",
            limit * 2
        ))
    } else {
        let what = format!("{after} at once after cancelled requests, {before_count} before");
        Err(Evidence::new(what).into())
    }
}

/// A request, and the end of its connection.
async fn cancelled(context: Context, request: Request) -> Result<(), Failure> {
    let mut raw = context.raw().await?;
    raw.send(head(&context, &request)).await?;
    raw.read(Duration::from_millis(2)).await;
    Ok(())
}

pub(crate) async fn fairness(context: &Context) -> Finding {
    let polite = polite_client(context).await?;
    let alone = until_limited(context, context.fresh(), |_, request| request).await?;
    let alone = alone.limited()?;
    let mut hogs = JoinSet::new();
    let hog = context.fresh();
    for _ in 0..4 {
        hogs.spawn(flood(context.clone(), hog));
    }
    // Half of what a client may have, over two seconds.
    let count = (alone.count / 2).clamp(4, 40);
    let (mut served, mut last) = (0, None);
    for _ in 0..count {
        let answer = context.send(&polite).await;
        served += usize::from(answer.as_ref().is_ok_and(|answer| answer.status < 400));
        last = answer.ok().map(|answer| (polite.clone(), answer)).or(last);
        sleep(Duration::from_secs(2) / count as u32).await;
    }
    hogs.shutdown().await;
    let note = format!("{served} of {count} polite requests served beside a flood");
    let unfair = match (served * 100 >= count * 95, last) {
        (true, _) => return Ok(note),
        (false, Some((request, answer))) => request.breach(context, &answer, note),
        (false, None) => Evidence::new(note).into(),
    };
    Err(match Counted::of(context).await? {
        Counted::OneForAll => unfair.at_most(Level::Should, ONE_FOR_ALL),
        _ => unfair,
    })
}

/// Another client than the one that floods: at another address, or with another key where keys are counted.
async fn polite_client(context: &Context) -> Result<Request, Failure> {
    let request = match Counted::of(context).await? {
        Counted::Addresses | Counted::OneForAll => limited(context)?,
        counted => {
            let other = context.profile.keys.other.as_deref();
            let known = other.filter(|_| counted == Counted::Keys);
            let Some(key) = known else {
                counted.by_address()?;
                return limited(context);
            };
            Request::get(route(&context.profile.routes.limited)?).with_key(context, key)
        }
    };
    Ok(request.from(context.fresh()))
}

async fn flood(context: Context, from: Option<IpAddr>) {
    while let Ok(mut client) = Client::connect(&context, from, false).await {
        while let Ok(request) = limited(&context) {
            if client.send(&context, &request).await.is_err() {
                break;
            }
        }
    }
}

/// Sends many requests at the same time, each from an address of its own.
pub(crate) async fn at_once(
    context: &Context,
    request: &Request,
    count: usize,
) -> Result<Vec<(Answer, Duration)>, Failure> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let mut client = Client::connect(context, context.fresh(), false).await?;
        let (context, request) = (context.clone(), request.clone());
        tasks.spawn(async move {
            let began = Instant::now();
            let answer = client.send(&context, &request).await;
            answer.map(|answer| (answer, began.elapsed()))
        });
    }
    Ok(tasks.join_all().await.into_iter().flatten().collect())
}

/// Does something so many times, a few at the same time: fewer than any server has places.
pub(crate) async fn many<T>(count: usize, mut once: impl FnMut() -> T) -> Result<(), Failure>
where
    T: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut left = count;
    while left > 0 {
        let batch: JoinSet<_> = (0..left.min(FEW)).map(|_| once()).collect();
        left -= batch.len();
        for result in batch.join_all().await {
            result?;
        }
    }
    Ok(())
}

/// A request that takes most of a second, but not longer than it may.
pub(crate) fn slow(context: &Context) -> Result<Request, Failure> {
    let ms = (context.profile.limits.request_seconds().value * 700.0).min(900.0) as u64;
    Ok(context.get(&slow_path(route(&context.profile.routes.slow)?, ms)))
}

const FEW: usize = 16;
/// From outside the two are one.
const ONE_FOR_ALL: &str =
    "or the server sees one address for all of ours: a NAT, a published port, a proxy";

//! L: overload, health, shutdown.

use std::{net::IpAddr, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    answers::slow_path,
    api_keys::flip,
    failures::head,
    limiter::{limited, until_limited},
};
use crate::{
    arena::{Arena, route},
    process::Launched,
    verdict::{Evidence, Finding, Trouble},
    wire::{Answer, Ask, Client, Frames, Raw},
};

pub(crate) async fn shedding(arena: &Arena) -> Finding {
    let limit = arena.profile.limits.in_flight;
    let ask = slow(arena)?;
    let crowd = crowd(arena, &ask, limit * 2).await?;
    let admitted = crowd.iter().filter(|(answer, _)| answer.is_good()).count();
    let shed = crowd.iter().find(|(answer, _)| answer.status == 503);
    let Some((shed, took)) = shed else {
        let what = format!(
            "{admitted} of {} slow requests at once are served, none is answered with 503",
            limit * 2
        );
        return Err(Evidence::new(what)
            .sent(format!("{} times {}", limit * 2, ask.path))
            .repeat(ask.curl(arena))
            .into());
    };
    let what = match () {
        () if admitted > limit => Some(format!(
            "{admitted} at once are served; the limit is {limit}"
        )),
        () if !shed.has("retry-after") => Some("503 without Retry-After".to_owned()),
        () if *took > Duration::from_millis(900) => Some(format!("503 only after {took:?}")),
        () => None,
    };
    if let Some(what) = what {
        return Err(ask.breach(arena, shed, what));
    }
    sleep(Duration::from_millis(500)).await;
    let again = arena.ask(&slow(arena)?).await?;
    match again.is_good() {
        true => Ok(format!("{admitted} served, the others shed at once")),
        false => Err(ask.breach(arena, &again, "still shedding after the overload")),
    }
}

pub(crate) async fn no_false_shedding(arena: &Arena) -> Finding {
    let path = match &arena.profile.routes.protected {
        Some(path) if arena.profile.keys.valid.is_some() => path.as_str(),
        _ => arena.control(),
    };
    let ask = arena.get(path);
    let mut client = Client::connect(arena, arena.fresh(), false).await?;
    let count = arena.intensity.scale(2000);
    for _ in 0..count {
        match client.ask(arena, &ask).await {
            Ok(answer) if answer.status == 503 => {
                return Err(ask.breach(
                    arena,
                    &answer,
                    "503 below capacity: one request at a time",
                ));
            }
            Ok(answer) if answer.status == 429 => {
                client = Client::connect(arena, arena.fresh(), false).await?
            }
            Ok(_) => {}
            Err(_) => client = Client::connect(arena, arena.fresh(), false).await?,
        }
    }
    Ok(format!("{count} requests, no 503"))
}

pub(crate) async fn permit_leak(arena: &Arena) -> Finding {
    let limit = arena.profile.limits.in_flight;
    let ask = slow(arena)?;
    let before = crowd(arena, &ask, limit * 2).await?;
    let served =
        |crowd: &[(Answer, Duration)]| crowd.iter().filter(|(answer, _)| answer.is_good()).count();
    let before_count = served(&before);
    if before_count == before.len() {
        return Err(Trouble::NotTested(
            "no bound on requests in flight was seen".to_owned(),
        ));
    }
    sleep(Duration::from_millis(500)).await;
    let long = arena.get(&slow_path(route(&arena.profile.routes.slow)?, 60_000));
    for _ in 0..limit * 2 {
        let mut raw = arena.raw().await?;
        raw.send(head(arena, &long)).await?;
        raw.read(Duration::from_millis(2)).await;
    }
    sleep(Duration::from_millis(1000)).await;
    let after = served(&crowd(arena, &ask, limit * 2).await?);
    match after * 10 >= before_count * 9 {
        true => Ok(format!(
            "{after} at once after {} cancelled, {before_count} before",
            limit * 2
        )),
        false => {
            let what = format!("{after} at once after cancelled requests, {before_count} before");
            Err(Evidence::new(what).repeat(long.curl(arena)).into())
        }
    }
}

pub(crate) async fn fairness(arena: &Arena) -> Finding {
    let alone = until_limited(arena, arena.fresh(), |_, ask| ask).await?;
    if !alone.is_limited() {
        return Err(Trouble::NotTested(format!(
            "no 429 within {} requests",
            alone.count
        )));
    }
    let mut hogs = JoinSet::new();
    let hog = arena.fresh();
    for _ in 0..4 {
        hogs.spawn(flood(arena.clone(), hog));
    }
    // Half of what a client may have, over two seconds.
    let count = (alone.count / 2).clamp(4, 40);
    let (polite, mut served) = (arena.fresh(), 0);
    let mut last = None;
    for _ in 0..count {
        let ask = limited(arena)?.from(polite);
        let answer = arena.ask(&ask).await;
        served += usize::from(answer.as_ref().is_ok_and(|answer| answer.status < 400));
        last = answer.ok().map(|answer| (ask, answer)).or(last);
        sleep(Duration::from_secs(2) / count as u32).await;
    }
    hogs.shutdown().await;
    let note = format!("{served} of {count} polite requests served beside a flood");
    match (served * 100 >= count * 95, last) {
        (true, _) => Ok(note),
        (false, Some((ask, answer))) => Err(ask.breach(arena, &answer, note)),
        (false, None) => Err(Evidence::new(note).into()),
    }
}

async fn flood(arena: Arena, from: Option<IpAddr>) {
    while let Ok(mut client) = Client::connect(&arena, from, false).await {
        while let Ok(ask) = limited(&arena) {
            if client.ask(&arena, &ask).await.is_err() {
                break;
            }
        }
    }
}

pub(crate) async fn liveness(arena: &Arena) -> Finding {
    let path = route(&arena.profile.routes.health)?;
    let load = {
        let (arena, ask) = (arena.clone(), slow(arena)?);
        async move { crowd(&arena, &ask, arena.profile.limits.in_flight * 2).await }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(load);
    sleep(Duration::from_millis(300)).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let (ask, began) = (Ask::get(path), Instant::now());
        let answer = timeout(Duration::from_secs(2), arena.ask(&ask)).await;
        slowest = slowest.max(began.elapsed());
        match answer {
            Ok(Ok(answer)) if answer.status == 200 => {}
            Ok(Ok(answer)) => return Err(ask.breach(arena, &answer, "not alive under overload")),
            _ => return Err(ask.breach(arena, &Answer::default(), "no answer under overload")),
        }
        sleep(Duration::from_millis(50)).await;
    }
    tasks.shutdown().await;
    Ok(format!(
        "200 under overload, at most {} ms",
        slowest.as_millis()
    ))
}

pub(crate) async fn readiness(arena: &Arena) -> Finding {
    let switches = &arena.profile.switches;
    let result = unready(arena).await;
    flip(arena, &switches.dependency_up).await?;
    result?;
    becomes(arena, 200, "ready again after the dependency is back").await?;
    if switches.dependency_checks.is_none() {
        return Ok("503 in time, then 200".to_owned());
    }
    let before = checks(arena).await?;
    let mut probes = JoinSet::new();
    for _ in 0..100 {
        let (arena, ask) = (arena.clone(), Ask::get(route(&arena.profile.routes.ready)?));
        probes.spawn(async move {
            let mut client = Client::connect(&arena, arena.fresh(), false).await?;
            for _ in 0..10 {
                client.ask(&arena, &ask).await?;
            }
            Ok::<_, Trouble>(())
        });
    }
    probes.join_all().await;
    match checks(arena).await?.saturating_sub(before) {
        0..=100 => Ok("503 in time, then 200; 1,000 probes check nothing by themselves".to_owned()),
        more => {
            Err(Evidence::new(format!("1,000 probes made {more} checks of the dependency")).into())
        }
    }
}

async fn unready(arena: &Arena) -> Result<(), Trouble> {
    let switches = &arena.profile.switches;
    flip(arena, &switches.dependency_down).await?;
    becomes(arena, 503, "not ready while a dependency is down").await?;
    if switches.dependency_hang.is_some() {
        flip(arena, &switches.dependency_up).await?;
        becomes(arena, 200, "ready again after the dependency is back").await?;
        flip(arena, &switches.dependency_hang).await?;
        becomes(arena, 503, "not ready while a dependency hangs").await?;
    }
    Ok(())
}

/// Waits for a status of readiness. Each probe itself is answered within a second.
async fn becomes(arena: &Arena, status: u16, what: &str) -> Result<(), Trouble> {
    let ask = Ask::get(route(&arena.profile.routes.ready)?);
    let ends = Instant::now() + Duration::from_secs(arena.profile.limits.ready_seconds);
    loop {
        let answer = timeout(Duration::from_secs(1), arena.ask(&ask)).await;
        let answer = match answer {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(ask.breach(
                    arena,
                    &Answer::default(),
                    "a probe hangs with the dependency",
                ));
            }
        };
        if answer.status == status {
            return Ok(());
        }
        if Instant::now() > ends {
            return Err(ask.breach(arena, &answer, format!("expected: {what}")));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn checks(arena: &Arena) -> Result<u64, Trouble> {
    let answer = flip(arena, &arena.profile.switches.dependency_checks).await?;
    let number = answer.text().trim().parse();
    number
        .map_err(|_| Trouble::NotTested("switches.dependency_checks answers no number".to_owned()))
}

pub(crate) async fn stop_under_load(arena: &Arena) -> Finding {
    let mut launched = Launched::start(arena, None).await?;
    let there = launched.arena.clone();
    let ask = match &arena.profile.routes.slow {
        Some(path) => there.get(&slow_path(path, 500)),
        None => Ask::get(there.control()),
    };
    let expected = there.ask(&ask).await?.status;
    let mut requests = JoinSet::new();
    for _ in 0..30 {
        let (there, ask) = (there.clone(), ask.clone());
        requests.spawn(async move { there.ask(&ask).await });
    }
    sleep(Duration::from_millis(250)).await;
    launched.process()?.terminate().await?;
    let answers = requests.join_all().await;
    let answered = answers.iter().filter(|answer| {
        answer
            .as_ref()
            .is_ok_and(|answer| answer.status == expected && answer.whole)
    });
    let answered = answered.count();
    if answered < answers.len() {
        let what = format!(
            "{answered} of {} requests in flight at SIGTERM were answered",
            answers.len()
        );
        return Err(Evidence::new(what).sent(ask.curl(arena)).into());
    }
    let exit = ended(&mut launched, arena.profile.limits.drain_seconds).await?;
    match exit {
        Some(0) => Ok(format!("{answered} answered, exit code 0")),
        code => {
            Err(Evidence::new(format!("all were answered, but the exit code is {code:?}")).into())
        }
    }
}

pub(crate) async fn stop_with_stuck_clients(arena: &Arena) -> Finding {
    let drain = arena.profile.limits.drain_seconds;
    if Duration::from_secs(drain + 1) > arena.intensity.patience() {
        return Err(Trouble::NotTested(format!(
            "the drain takes {drain} s (limits.drain_seconds)"
        )));
    }
    let mut launched = Launched::start(arena, None).await?;
    let there = launched.arena.clone();
    let body = there.profile.routes.body.as_deref().unwrap_or("/");
    let whole = head(&there, &Ask::get(there.control()));
    let half_body = head(
        &there,
        &Ask::new("POST", body)
            .key(&there)
            .header("content-length", "100"),
    );
    let half_head = whole[..whole.len() - 2].to_vec();
    let mut stuck = Vec::new();
    for bytes in [&Vec::new(), &half_head, &half_body, &whole] {
        for _ in 0..3 {
            let mut raw = Raw::connect(&there, there.fresh()).await?;
            raw.send(bytes).await?;
            stuck.push(raw);
        }
    }
    let idle = Frames::connect(&there, there.fresh()).await?;
    sleep(Duration::from_millis(200)).await;
    launched.process()?.terminate().await?;
    let began = Instant::now();
    let exit = ended(&mut launched, drain).await?;
    drop((stuck, idle));
    match exit {
        Some(0) => Ok(format!(
            "ended after {:.1} s",
            began.elapsed().as_secs_f64()
        )),
        code => Err(Evidence::new(format!(
            "ended with {code:?} after {:.1} s",
            began.elapsed().as_secs_f64()
        ))
        .into()),
    }
}

/// The exit code, if it ends within its time and a second.
async fn ended(launched: &mut Launched, drain: u64) -> Result<Option<i32>, Trouble> {
    let within = Duration::from_secs(drain + 1);
    match timeout(within, launched.child.wait()).await {
        Ok(status) => Ok(status?.code()),
        Err(_) => Err(Evidence::new(format!(
            "still running {} s after SIGTERM",
            within.as_secs()
        ))
        .sent("SIGTERM")
        .into()),
    }
}

/// Many requests at the same moment, each from an address of its own.
async fn crowd(arena: &Arena, ask: &Ask, count: usize) -> Result<Vec<(Answer, Duration)>, Trouble> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let mut client = Client::connect(arena, arena.fresh(), false).await?;
        let (arena, ask) = (arena.clone(), ask.clone());
        tasks.spawn(async move {
            let began = Instant::now();
            let answer = client.ask(&arena, &ask).await;
            answer.map(|answer| (answer, began.elapsed()))
        });
    }
    Ok(tasks.join_all().await.into_iter().flatten().collect())
}

/// A request that takes most of a second, but not longer than it may.
fn slow(arena: &Arena) -> Result<Ask, Trouble> {
    let ms = (arena.profile.limits.request_seconds * 700.0).min(900.0) as u64;
    Ok(arena.get(&slow_path(route(&arena.profile.routes.slow)?, ms)))
}

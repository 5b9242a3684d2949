//! Liveness and readiness.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{at_once, slow};
use crate::{
    attacks::api_keys::flip,
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::{Answer, Client, Request},
};

pub(crate) async fn liveness(context: &Context) -> Finding {
    let path = route(&context.profile.routes.health)?;
    // A probe may need a key: then it says so under load too.
    let alone = context.send(&Request::get(path)).await?.status;
    let load = {
        let (context, request) = (context.clone(), slow(context)?);
        async move {
            at_once(
                &context,
                &request,
                context.profile.limits.in_flight().value * 2,
            )
            .await
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(load);
    sleep(Duration::from_millis(300)).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let (request, began) = (Request::get(path), Instant::now());
        let answer = timeout(Duration::from_secs(2), context.send(&request)).await;
        slowest = slowest.max(began.elapsed());
        match answer {
            Ok(Ok(answer)) if answer.status == alone => {}
            Ok(Ok(answer)) => {
                return Err(request.breach(context, &answer, "not alive under overload"));
            }
            _ => {
                return Err(request.breach(
                    context,
                    &Answer::default(),
                    "no answer under overload",
                ));
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    tasks.shutdown().await;
    Ok(format!(
        "{alone} under overload, at most {} ms",
        slowest.as_millis()
    ))
}

pub(crate) async fn readiness(context: &Context) -> Finding {
    let switches = &context.profile.switches;
    let result = unready(context).await;
    flip(context, &switches.dependency_up).await?;
    result?;
    becomes(context, 200, "ready again after the dependency is back").await?;
    if switches.dependency_checks.is_none() {
        return Ok("503 in time, then 200".to_owned());
    }
    let before = checks(context).await?;
    let mut probes = JoinSet::new();
    for _ in 0..100 {
        let (context, request) = (
            context.clone(),
            Request::get(route(&context.profile.routes.ready)?),
        );
        probes.spawn(async move {
            let mut client = Client::connect(&context, context.fresh(), false).await?;
            for _ in 0..10 {
                client.send(&context, &request).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    probes.join_all().await;
    match checks(context).await?.saturating_sub(before) {
        0..=100 => Ok("503 in time, then 200; 1,000 probes check nothing by themselves".to_owned()),
        more => {
            Err(Evidence::new(format!("1,000 probes made {more} checks of the dependency")).into())
        }
    }
}

async fn unready(context: &Context) -> Result<(), Failure> {
    let switches = &context.profile.switches;
    flip(context, &switches.dependency_down).await?;
    becomes(context, 503, "not ready while a dependency is down").await?;
    if switches.dependency_hang.is_some() {
        flip(context, &switches.dependency_up).await?;
        becomes(context, 200, "ready again after the dependency is back").await?;
        flip(context, &switches.dependency_hang).await?;
        becomes(context, 503, "not ready while a dependency hangs").await?;
    }
    Ok(())
}

/// Waits for a status of readiness. Each probe itself is answered within a second.
async fn becomes(context: &Context, status: u16, what: &str) -> Result<(), Failure> {
    let request = Request::get(route(&context.profile.routes.ready)?);
    let limit = context.profile.limits.ready_seconds();
    let ends = Instant::now() + Duration::from_secs(limit.value);
    loop {
        let answer = timeout(Duration::from_secs(1), context.send(&request)).await;
        let answer = match answer {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(request.breach(
                    context,
                    &Answer::default(),
                    "a probe hangs with the dependency",
                ));
            }
        };
        if answer.status == status {
            return Ok(());
        }
        if Instant::now() > ends {
            let late = request.breach(context, &answer, format!("expected: {what}"));
            return limit.judge(Err(late));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn checks(context: &Context) -> Result<u64, Failure> {
    let answer = flip(context, &context.profile.switches.dependency_checks).await?;
    let number = answer.text().trim().parse();
    number.map_err(|_| Failure::not_tested("switches.dependency_checks answers no number"))
}

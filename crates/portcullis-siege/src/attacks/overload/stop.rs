//! SIGTERM, with requests in flight and with clients that are stuck.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    attacks::{answers::slow_path, failures::head},
    context::Context,
    process::Launched,
    verdict::{Evidence, Failure, Finding},
    wire::{Frames, Raw, Request},
};

pub(crate) async fn stop_under_load(context: &Context) -> Finding {
    let mut launched = Launched::start(context, None).await?;
    let there = launched.context.clone();
    let request = match &context.profile.routes.slow {
        Some(path) => there.get(&slow_path(path, 500)),
        None => Request::get(there.control()),
    };
    let expected = there.send(&request).await?.status;
    let mut requests = JoinSet::new();
    for _ in 0..30 {
        let (there, request) = (there.clone(), request.clone());
        requests.spawn(async move { there.send(&request).await });
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
        return Err(Evidence::new(what).sent(request.curl(context)).into());
    }
    let exit = ended(&mut launched, context.profile.limits.drain_seconds).await?;
    match exit {
        Some(0) => Ok(format!("{answered} answered, exit code 0")),
        code => {
            let what = format!("all were answered, but it ended with {}", ended_with(code));
            Err(Evidence::new(what).into())
        }
    }
}

pub(crate) async fn stop_with_stuck_clients(context: &Context) -> Finding {
    let drain = context.profile.limits.drain_seconds;
    if Duration::from_secs(drain + 1) > context.intensity.patience() {
        return Err(Failure::not_tested(format!(
            "the drain takes {drain} s (limits.drain_seconds)"
        )));
    }
    let mut launched = Launched::start(context, None).await?;
    let there = launched.context.clone();
    let body = there.profile.routes.body.as_deref().unwrap_or("/");
    let whole = head(&there, &Request::get(there.control()));
    let half_body = head(
        &there,
        &Request::new("POST", body)
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
            "ended with {} after {:.1} s",
            ended_with(code),
            began.elapsed().as_secs_f64()
        ))
        .into()),
    }
}

fn ended_with(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("exit code {code}"),
        None => "a signal".to_owned(),
    }
}

/// The exit code, if it ends within its time and a second.
async fn ended(launched: &mut Launched, drain: u64) -> Result<Option<i32>, Failure> {
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

//! SIGTERM, with requests in flight and with clients that are stuck.

use std::{fmt, process::ExitStatus, time::Duration};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::slow;
use crate::{
    Level,
    attacks::{answers::slow_path, failures::head},
    context::{Context, route},
    process::Launched,
    verdict::{Evidence, Failure, Finding},
    wire::{Client, Frames, Raw, Request},
};

pub(crate) async fn stop_under_load(context: &Context) -> Finding {
    let mut launched = Launched::start(context, None).await?;
    let there = launched.context.clone();
    let request = match &context.profile.routes.slow {
        Some(_) => slow(&there)?,
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
    let mut answers = Vec::new();
    while let Some(Ok(answer)) = requests.try_join_next() {
        answers.push(answer);
    }
    if requests.is_empty() {
        return Err(Failure::unclear("all were answered before SIGTERM arrived"));
    }
    answers.extend(requests.join_all().await);
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
    let drain = context.profile.limits.drain_seconds();
    let exit = drain.judge(ended(&mut launched, drain.value).await)?;
    if exit.is_clean() {
        return Ok(format!("{answered} answered, {exit}"));
    }
    let what = format!("all were answered, but it ended with {exit}");
    Err(Evidence::new(what).at_most(Level::Should).into())
}

pub(crate) async fn stop_with_stuck_clients(context: &Context) -> Finding {
    let limit = context.profile.limits.drain_seconds();
    let drain = limit.value;
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
        &there
            .sample()
            .typed(Request::new("POST", body))
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
    let exit = limit.judge(ended(&mut launched, drain).await)?;
    drop((stuck, idle));
    let what = format!("{exit} after {:.1} s", began.elapsed().as_secs_f64());
    if exit.is_clean() {
        return Ok(format!("ended with {what}"));
    }
    let evidence = Evidence::new(format!("ended with {what}"));
    Err(evidence.at_most(Level::Should).into())
}

pub(crate) async fn not_ready_while_draining(context: &Context) -> Finding {
    let launched = Launched::start(context, None).await?;
    let there = launched.context.clone();
    let probe = Request::get(route(&context.profile.routes.ready)?);
    becomes_ready(&there, &probe).await?;
    let held = hold(&there).await?;
    let mut kept = Client::connect(&there, there.fresh(), false).await?;
    kept.send(&there, &probe).await?;
    launched.process()?.terminate().await?;
    sleep(NOTICED).await;
    // What is in flight is answered, or the server is gone.
    if held.is_finished() || !launched.process()?.is_alive() {
        return Err(Failure::unclear("it does not drain: it ended at once"));
    }
    let anew = there.send(&probe).await;
    let again = kept.send(&there, &probe).await;
    for (answer, how) in [(anew, "a new"), (again, "a kept")] {
        if let Ok(answer) = answer
            && answer.is_good()
        {
            let what = format!("ready while it drains, on {how} connection");
            return Err(probe.breach(&there, &answer, what));
        }
    }
    Ok("not ready while it drains".to_owned())
}

/// A request in flight, for as long as the server lets it.
async fn hold(there: &Context) -> Result<JoinHandle<()>, Failure> {
    let routes = &there.profile.routes;
    let longest = there.profile.limits.request_seconds().value.min(3.0) * 900.0;
    let bytes = match (&routes.slow, &routes.body) {
        (Some(slow), _) => head(there, &there.get(&slow_path(slow, longest as u64))),
        (None, Some(body)) => {
            let request = there.sample().typed(Request::new("POST", body)).key(there);
            head(there, &request.header("content-length", "100"))
        }
        (None, None) => {
            return Err(Failure::not_tested(
                "nothing keeps a request in flight (routes.slow, routes.body)",
            ));
        }
    };
    let mut raw = Raw::connect(there, there.fresh()).await?;
    raw.send(bytes).await?;
    sleep(Duration::from_millis(100)).await;
    Ok(tokio::spawn(async move { raw.read_answers().await }))
}

/// Waits until the server says that it is ready.
async fn becomes_ready(there: &Context, probe: &Request) -> Result<(), Failure> {
    let ends = Instant::now() + Duration::from_secs(there.profile.limits.ready_seconds().value);
    while !there.send(probe).await?.is_good() {
        if Instant::now() > ends {
            return Err(Failure::not_tested("it is not ready before it drains"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The exit code, if it ends within its time and a second.
async fn ended(launched: &mut Launched, drain: u64) -> Result<Exit, Failure> {
    let within = Duration::from_secs(drain + 1);
    match timeout(within, launched.child.wait()).await {
        Ok(status) => Ok(Exit(status?)),
        Err(_) => Err(Evidence::new(format!(
            "still running {} s after SIGTERM",
            within.as_secs()
        ))
        .sent("SIGTERM")
        .into()),
    }
}

/// How a process has ended.
#[derive(Clone, Copy, Debug)]
struct Exit(ExitStatus);

// ===== impl Exit =====

impl Exit {
    /// Whether it ended as whoever sent SIGTERM wants it: with 0, or by that signal, which a process raises
    /// again when its work is done; a shell calls that 143.
    fn is_clean(self) -> bool {
        matches!(self.0.code(), Some(0 | 143)) || signal(self.0) == Some(SIGTERM)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.code() {
            Some(code) => write!(f, "exit code {code}"),
            None => f.write_str("a signal"),
        }
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
const fn signal(_: ExitStatus) -> Option<i32> {
    None
}

const SIGTERM: i32 = 15;
/// So much later everything in a server has noticed the signal.
const NOTICED: Duration = Duration::from_millis(250);

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_server_may_end_by_the_signal_it_was_sent() {
        // A wait status: the signal, or the code and no signal.
        for (raw, is_clean) in [
            (0, true),
            (SIGTERM, true),
            (143 << 8, true),
            (1 << 8, false),
            (9, false),
            (11, false),
        ] {
            let exit = Exit(ExitStatus::from_raw(raw));
            assert_eq!(exit.is_clean(), is_clean, "{exit}");
        }
    }
}

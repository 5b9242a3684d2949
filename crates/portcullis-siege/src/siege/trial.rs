//! One attack: whether it can run, what came of it, and whether the server still serves afterwards.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::shown::shown;
use crate::{
    Attack, Outcome, Verdict,
    context::Context,
    verdict::{Evidence, Failure, Finding},
    wire::Request,
};

/// An attack that has ended.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) attack: &'static Attack,
    pub(super) outcome: Outcome,
    /// Whether the server no longer listens: nothing is left to attack.
    pub(super) server_is_gone: bool,
    /// Whether it did not hold, and a connection was refused or answered with 503.
    pub(super) was_turned_away: bool,
}

// ===== impl Trial =====

impl Trial {
    /// Runs an attack in a task of its own: whatever it leaves ends with it.
    pub(super) async fn guarded(context: &Context, attack: &'static Attack) -> Self {
        let mut task = JoinSet::new();
        task.spawn(Self::run(context.clone(), attack));
        match task.join_next().await {
            Some(Ok(trial)) => trial,
            _ => {
                let why = FAILED.to_owned();
                Self::new(attack, Verdict::CouldNotTell { why }, Duration::ZERO)
            }
        }
    }

    /// Runs an attack, unless something that it needs is missing.
    pub(super) async fn run(context: Context, attack: &'static Attack) -> Self {
        let (began, context) = (Instant::now(), context.for_attack());
        if let Some(why) = context.lacks(attack.needs) {
            return Self::new(attack, Verdict::NotTested { why }, began.elapsed());
        }
        let finding = judge(&context, attack).await;
        let took = began.elapsed();
        let server_is_gone = matches!(finding, Err(Failure::ServerGone));
        // A 503 looks like the refusal that an attack hopes for.
        let turned_away = match &finding {
            Ok(_) => &context.was_shed,
            Err(_) => &context.turned_away,
        };
        let was_turned_away = !server_is_gone && turned_away.load(Relaxed);
        let verdict = shown(&context, attack, finding.into()).await;
        Self {
            server_is_gone,
            was_turned_away,
            ..Self::new(attack, verdict, took)
        }
    }

    fn new(attack: &'static Attack, verdict: Verdict, took: Duration) -> Self {
        Self {
            attack,
            outcome: Outcome::new(attack, verdict, took.as_millis() as u64),
            server_is_gone: false,
            was_turned_away: false,
        }
    }
}

async fn judge(context: &Context, attack: &'static Attack) -> Finding {
    if !is_there(context).await {
        return Err(Failure::ServerGone);
    }
    let limit = context.intensity.patience() + Duration::from_secs(10);
    let finding = timeout(limit, (attack.run)(context)).await;
    let finding = finding.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Err(Failure::unclear(format!("not done within {seconds} s")))
    });
    if has_ended(context) {
        return Err(Failure::ServerGone);
    }
    match finding {
        Err(Failure::Breach(evidence)) => Err(Failure::Breach(evidence)),
        finding => match control(context).await {
            Ok(()) => finding,
            Err(evidence) => Err(evidence.into()),
        },
    }
}

/// Whether the server's process, where it can be seen, has ended. Another one in its place is not it.
fn has_ended(context: &Context) -> bool {
    let process = context.found.process;
    process.is_some_and(|process| !process.is_alive())
}

/// Whether anything listens.
async fn is_there(context: &Context) -> bool {
    for _ in 0..10 {
        if context.raw().await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(300)).await;
    }
    false
}

/// After every attack: a request on a fresh connection is served as before, within a second, or within three
/// times what it took before. Three tries, because a machine under siege is busy.
async fn control(context: &Context) -> Result<(), Evidence> {
    let request = Request::get(context.control());
    let within = Duration::from_secs(1).max(context.found.control_took * 3);
    let mut seen = String::new();
    for pause in [100, 1000, 0] {
        match timeout(within, context.send_once(&request)).await {
            Ok(Ok(answer)) if answer.status == context.found.control_status => return Ok(()),
            // A limit is no harm: the server is there, and says so.
            Ok(Ok(answer)) if answer.status == 429 => return Ok(()),
            Ok(Ok(answer)) => seen = format!("status {}", answer.status),
            Ok(Err(Failure::BudgetSpent(_))) => return Ok(()),
            Ok(Err(_)) => "no answer: the connection failed".clone_into(&mut seen),
            Err(_) => seen = format!("no answer within {within:?}"),
        }
        sleep(Duration::from_millis(pause)).await;
    }
    // Others may hold the places of a server that has few.
    context.turned_away.store(true, Relaxed);
    let what = "after this attack, a plain request on a fresh connection is not served as before";
    Err(Evidence::new(what)
        .harm()
        .sent(format!("GET {}", context.control()))
        .received(seen)
        .repeat(request.curl(context)))
}

pub(super) const FAILED: &str = "the attack itself failed";

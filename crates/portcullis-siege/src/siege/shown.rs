//! A verdict as others may see it: without secrets, and with a line for a shell that shows a breach
//! again.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    Attack, Group, Verdict,
    catalogue::Need,
    context::Context,
    verdict::{Evidence, Tried},
    wire::host_and_port,
};

/// Returns the verdict as others may see it.
pub(super) async fn shown(context: &Context, attack: &Attack, verdict: Verdict) -> Verdict {
    let mut verdict = verdict;
    let mut line = String::new();
    if let (Some(siege), Verdict::Breached { evidence }) = (&context.repeat, &mut verdict) {
        line = format!("{siege} --only {}", attack.id);
        if is_enough(context, attack, evidence).await {
            let own = std::mem::take(&mut evidence.repeat);
            let own = context.secrets().in_shell(&own);
            line = if own.is_empty() { line } else { own };
        }
    }
    let secrets = context.secrets();
    let mut verdict = verdict.shortened().without(&secrets);
    if let Verdict::Breached { evidence } = &mut verdict {
        evidence.repeat = secrets.in_shell(&line);
        evidence.tried = None;
    }
    verdict
}

/// Whether the attack's own line shows the breach: it goes to this very server, it was tried, and the
/// answer was as before.
async fn is_enough(context: &Context, attack: &Attack, evidence: &Evidence) -> bool {
    if is_a_sequence(attack) || !reaches(context, &evidence.repeat) {
        return false;
    }
    match &evidence.tried {
        None => true,
        Some(tried) => matches!(timeout(PATIENCE, is_same(context, tried)).await, Ok(true)),
    }
}

/// Whether no request shows it alone.
fn is_a_sequence(attack: &Attack) -> bool {
    let groups = [Group::ClientIp, Group::RateLimits, Group::Overload];
    groups.contains(&attack.group()) || attack.needs.contains(&Need::Lockout)
}

/// Whether a line goes to the server under attack, and not to one that has ended with the attack.
fn reaches(context: &Context, line: &str) -> bool {
    let authority = context.target.authority();
    let (host, port) = host_and_port(authority);
    line.contains(&format!("http://{authority}")) || line.ends_with(&format!(" nc {host} {port}"))
}

/// Whether what was sent has the same answer once more.
async fn is_same(context: &Context, tried: &Tried) -> bool {
    match tried {
        Tried::Request(request, status, names) => {
            let answer = context.send(request).await;
            answer.is_ok_and(|answer| answer.status == *status && answer.names() == *names)
        }
        Tried::Bytes(bytes, statuses) => {
            let seen = context.exchange(bytes).await;
            !statuses.is_empty() && seen.is_ok_and(|seen| seen.statuses() == *statuses)
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

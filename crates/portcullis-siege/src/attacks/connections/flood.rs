//! More connections than a server may have.

use std::{net::IpAddr, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{PROMPT, head};
use crate::{
    context::Context,
    process::Launched,
    verdict::{Evidence, Failure, Finding},
    wire::{Raw, Request},
};

pub(crate) async fn flood(context: &Context) -> Finding {
    let limit = promised(context.profile.limits.connections, "limits.connections")?;
    let sources = (0..limit + limit / 8 + 16).map(|_| context.fresh());
    let (served, mut kept) = served_of(context, sources).await?;
    judge_flood(served, limit, &mut kept, "from many addresses").await
}

pub(crate) async fn flood_from_one(context: &Context) -> Finding {
    let limit = context.profile.limits.client_connections;
    let limit = promised(limit, "limits.client_connections")?;
    let one = context.fresh();
    let sources = (0..limit + limit / 8 + 16).map(|_| one);
    let (served, mut kept) = served_of(context, sources).await?;
    let note = judge_flood(served, limit, &mut kept, "from one address").await?;
    let request = Request::get(context.control());
    let elsewhere = timeout(Duration::from_secs(2), context.send(&request)).await;
    if !matches!(elsewhere, Ok(Ok(_))) {
        return Err(Evidence::new("another address is not served during the flood").into());
    }
    Ok(note)
}

/// How many connections a server may keep is for it to promise.
fn promised(limit: Option<usize>, name: &str) -> Result<usize, Failure> {
    limit.ok_or_else(|| Failure::not_tested(format!("no limit is promised ({name})")))
}

pub(crate) async fn descriptors(context: &Context) -> Finding {
    let launched = Launched::start(context, Some("ulimit -n 256")).await?;
    let process = launched.process()?;
    let mut open = Vec::new();
    for _ in 0..400 {
        match timeout(Duration::from_secs(1), launched.context.raw()).await {
            Ok(Ok(raw)) => open.push(raw),
            // The backlog is full: enough.
            _ => break,
        }
    }
    let before = process.ticks();
    sleep(Duration::from_secs(2)).await;
    let busy = before
        .zip(process.ticks())
        .map(|(before, after)| after.saturating_sub(before));
    let opened = open.len();
    drop(open);
    let evidence =
        |what: String| Evidence::new(what).sent(format!("ulimit -n 256; {opened} connections"));
    match busy {
        None => {
            return Err(evidence("the server ended when it had no descriptors".to_owned()).into());
        }
        Some(ticks) if ticks > BUSY_TICKS => {
            let share = ticks / 2;
            return Err(evidence(format!("{share} % of a processor while it can't accept")).into());
        }
        Some(_) => {}
    }
    recovers(&launched.context, evidence).await
}

async fn recovers(context: &Context, evidence: impl Fn(String) -> Evidence) -> Finding {
    let request = Request::get(context.control());
    let ends = Instant::now() + Duration::from_secs(10);
    while Instant::now() < ends {
        if matches!(
            timeout(Duration::from_secs(1), context.send(&request)).await,
            Ok(Ok(_))
        ) {
            return Ok("it waited, and served again afterwards".to_owned());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(evidence("it does not serve again within 10 s".to_owned()).into())
}

/// Opens connections and requests on each; those that were answered stay open.
async fn served_of(
    context: &Context,
    sources: impl Iterator<Item = Option<IpAddr>>,
) -> Result<(usize, Vec<Raw>), Failure> {
    let request = head(context, "GET", context.control(), "");
    let (mut kept, mut refusals) = (Vec::new(), 0);
    for source in sources {
        let opened = timeout(PROMPT, Raw::connect(context, source)).await;
        let Ok(Ok(mut raw)) = opened else {
            refusals += 1;
            if refusals > 8 { break } else { continue }
        };
        raw.send(&request).await?;
        if raw.status(PROMPT).await.is_some_and(|status| status < 500) {
            kept.push(raw)
        } else {
            refusals += 1
        }
        // Enough to know that there is a limit.
        if refusals > 8 {
            break;
        }
    }
    Ok((kept.len(), kept))
}

/// Breached if more connections than the limit are served and kept.
async fn judge_flood(served: usize, limit: usize, kept: &mut [Raw], from: &str) -> Finding {
    // A server may also close those that are idle, to make room.
    let open = still_open(kept).await;
    if open > limit {
        let what = format!("{open} connections {from} were served and kept; the limit is {limit}");
        let sent = format!("{served} connections, a request on each");
        return Err(Evidence::new(what).sent(sent).into());
    }
    if served == 0 {
        return Err(Failure::unclear("not one connection was served"));
    }
    Ok(format!("{open} kept at once, of {served} that were served"))
}

async fn still_open(kept: &mut [Raw]) -> usize {
    let mut open = 0;
    sleep(Duration::from_millis(200)).await;
    for raw in kept {
        while raw.read(Duration::ZERO).await {}
        open += usize::from(!raw.is_closed());
    }
    open
}

/// 20 % of two seconds, in hundredths of a second.
const BUSY_TICKS: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_nobody_promised_is_not_tested() {
        let missing = promised(None, "limits.connections");

        assert!(
            matches!(missing, Err(Failure::NotTested(why)) if why.contains("limits.connections"))
        );
        assert_eq!(promised(Some(3), "limits.connections").unwrap(), 3);
    }
}

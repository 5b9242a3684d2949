//! Clients that ask for much and read little of it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{GRACE, Patience, connections, head};
use crate::{
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::Raw,
};

pub(crate) async fn slow_readers(context: &Context) -> Finding {
    let limit = limit(context)?;
    let request = head(context, "GET", route(&context.profile.routes.large)?, "");
    let mut stalled = connections(context, context.intensity.scale(20)).await?;
    for raw in &mut stalled {
        raw.send(&request).await?;
    }
    sleep(limit.wait + GRACE).await;
    all_cut(stalled, limit, &request, "in which nothing was read").await
}

/// No system tells a server of every byte that a client takes: a piece is as small as one that is
/// noticed.
pub(crate) async fn sparing_readers(context: &Context) -> Finding {
    let limit = limit(context)?;
    let request = head(context, "GET", route(&context.profile.routes.large)?, "");
    let mut sparing = Vec::new();
    for _ in 0..context.intensity.scale(5) {
        let mut raw = Raw::narrow(context).await?;
        raw.send(&request).await?;
        sparing.push(raw);
    }
    let (deadline, pause) = (
        Instant::now() + limit.wait + GRACE,
        (limit.limit / 4).max(LEAST),
    );
    while Instant::now() + pause < deadline {
        sleep(pause).await;
        for raw in &mut sparing {
            raw.sip(PIECE, Duration::from_millis(20)).await;
        }
    }
    sleep_until(deadline).await;
    let how = format!("in which {PIECE} bytes were read every {pause:?}");
    all_cut(sparing, limit, &request, &how).await
}

fn limit(context: &Context) -> Result<Patience, Failure> {
    Patience::try_new(context, context.profile.limits.write_seconds())
}

/// Whether each was closed in the middle of its answer.
async fn all_cut(readers: Vec<Raw>, limit: Patience, request: &[u8], how: &str) -> Finding {
    for mut raw in readers {
        // What the kernel holds can still be read.
        while raw.read(Duration::from_millis(500)).await {}
        let answer = raw.seen().answers().into_iter().next();
        let answer = answer.ok_or_else(|| Failure::unclear("no answer at all"))?;
        if answer.whole && answer.body.len() < LARGE {
            let why = "the answer fits into the system's buffers: 8 MiB are needed";
            return Err(Failure::not_tested(why));
        }
        if answer.whole || !raw.is_closed() {
            let seconds = (limit.wait + GRACE).as_secs();
            let what = format!("it still writes after {seconds} s {how}");
            return limit.judge(Err(Evidence::new(what).sent(request).into()));
        }
    }
    Ok(format!("closed within {} s", limit.wait.as_secs()))
}

/// More than a system keeps for a client that does not read.
const LARGE: usize = 8 << 20;
const PIECE: usize = 768;
/// Between two pieces.
const LEAST: Duration = Duration::from_millis(100);

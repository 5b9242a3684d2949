//! B: slowness and exhaustion of connections.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::{
    context::{Context, route},
    verdict::{Evidence, Failure, Finding},
    wire::{Frames, Raw},
};

mod flood;

pub(crate) use self::flood::{descriptors, flood, flood_from_one};

pub(crate) async fn slow_heads(context: &Context) -> Finding {
    let start = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nX-Slow: ",
        context.control(),
        context.target.authority()
    );
    let siege = Slow {
        begin: start.into_bytes(),
        trickle: true,
        limit: Duration::from_secs(context.profile.limits.header_seconds),
        what: "a head that arrives a byte at a time",
    };
    siege.run(context).await
}

pub(crate) async fn no_byte(context: &Context) -> Finding {
    let siege = Slow {
        begin: Vec::new(),
        trickle: false,
        limit: Duration::from_secs(context.profile.limits.header_seconds),
        what: "a connection that sends nothing",
    };
    siege.run(context).await
}

pub(crate) async fn slow_bodies(context: &Context) -> Finding {
    let path = route(&context.profile.routes.body)?;
    let siege = Slow {
        begin: head(context, "POST", path, "Content-Length: 60000\r\n"),
        trickle: true,
        limit: Duration::from_secs(context.profile.limits.body_seconds),
        what: "a body that arrives a byte at a time",
    };
    siege.run(context).await
}

pub(crate) async fn slow_readers(context: &Context) -> Finding {
    let limit = Duration::from_secs(context.profile.limits.write_seconds);
    patient(context, limit)?;
    let request = head(context, "GET", route(&context.profile.routes.large)?, "");
    let mut stalled = connections(context, context.intensity.scale(20)).await?;
    for raw in &mut stalled {
        raw.send(&request).await?;
    }
    sleep(limit + GRACE).await;
    for mut raw in stalled {
        // What the kernel holds can still be read.
        while raw.read(Duration::from_millis(500)).await {}
        let answer = raw.seen().answers().into_iter().next();
        let answer = answer.ok_or_else(|| Failure::unclear("no answer at all"))?;
        if answer.whole && answer.body.len() < LARGE {
            let why = "the answer fits into the system's buffers: 8 MiB are needed";
            return Err(Failure::not_tested(why));
        }
        if answer.whole || !raw.is_closed() {
            let seconds = (limit + GRACE).as_secs();
            let what = format!("it still writes after {seconds} s in which nothing was read");
            return Err(Evidence::new(what).sent(&request).into());
        }
    }
    Ok(format!("closed within {} s", limit.as_secs()))
}

pub(crate) async fn idle_http1(context: &Context) -> Finding {
    let limit = Duration::from_secs(context.profile.limits.idle_seconds);
    patient(context, limit)?;
    let request = head(context, "GET", context.control(), "");
    let mut idle = connections(context, context.intensity.scale(100)).await?;
    for raw in &mut idle {
        raw.send(&request).await?;
    }
    for raw in &mut idle {
        raw.status(PROMPT).await;
    }
    all_close(idle, limit, "kept and not used").await
}

pub(crate) async fn idle_http2(context: &Context) -> Finding {
    let limit = Duration::from_secs(context.profile.limits.idle_seconds);
    patient(context, limit)?;
    let frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
    if frames
        .wait(limit + GRACE, |seen| seen.closed || seen.goaway.is_some())
        .await
    {
        Ok(format!("closed within {} s", limit.as_secs()))
    } else {
        let what = format!(
            "an idle connection is open after {} s",
            (limit + GRACE).as_secs()
        );
        Err(frames
            .seen()
            .evidence(what, "SETTINGS, and nothing more")
            .into())
    }
}

/// Connections that begin something and then are slow.
struct Slow {
    begin: Vec<u8>,
    trickle: bool,
    limit: Duration,
    what: &'static str,
}

impl Slow {
    async fn run(self, context: &Context) -> Finding {
        patient(context, self.limit)?;
        let mut slow = connections(context, context.intensity.scale(50)).await?;
        for raw in &mut slow {
            raw.send(&self.begin).await?;
        }
        if !self.trickle {
            return all_close(slow, self.limit, self.what).await;
        }
        let deadline = Instant::now() + self.limit + GRACE;
        let mut beat = interval(Duration::from_secs(1));
        while Instant::now() < deadline && slow.iter().any(|raw| !raw.is_closed()) {
            beat.tick().await;
            for raw in slow.iter_mut().filter(|raw| !raw.is_closed()) {
                raw.send("x").await?;
                raw.read(Duration::from_millis(1)).await;
            }
        }
        all_close(slow, Duration::ZERO, self.what).await
    }
}

/// Whether this siege waits that long.
fn patient(context: &Context, limit: Duration) -> Result<(), Failure> {
    let (needed, patience) = (limit + GRACE, context.intensity.patience());
    if needed <= patience {
        Ok(())
    } else {
        Err(Failure::not_tested(format!(
            "it takes {} s, a {} siege waits {} s",
            needed.as_secs(),
            context.intensity.name(),
            patience.as_secs()
        )))
    }
}

/// Each from another address: a limit for each client is another attack.
async fn connections(context: &Context, count: usize) -> Result<Vec<Raw>, Failure> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(context.raw().await?);
    }
    Ok(all)
}

async fn all_close(all: Vec<Raw>, limit: Duration, what: &str) -> Finding {
    let count = all.len();
    let deadline = Instant::now() + limit + GRACE;
    for mut raw in all {
        if !raw.closes_by(deadline).await {
            return Err(raw
                .seen()
                .breach(format!("still open after its time: {what}")));
        }
    }
    Ok(format!("{count} connections closed in time"))
}

/// A head with the valid key, if one is known.
fn head(context: &Context, method: &str, path: &str, fields: &str) -> Vec<u8> {
    let host = context.target.authority();
    let key = match &context.profile.keys.valid {
        Some(key) => format!("{}: {key}\r\n", context.profile.keys.header),
        None => String::new(),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{key}{fields}\r\n").into_bytes()
}

/// On top of what a server promises.
const GRACE: Duration = Duration::from_secs(2);
/// More than a system keeps for a client that does not read.
const LARGE: usize = 8 << 20;
/// How soon a connection that is served is served.
const PROMPT: Duration = Duration::from_millis(1000);

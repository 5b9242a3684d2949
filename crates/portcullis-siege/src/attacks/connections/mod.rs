//! B: slowness and exhaustion of connections.

use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Frames, Raw},
};

mod chunks;
mod flood;
mod heads;
mod patience;
mod readers;
mod table;

pub(crate) use self::{patience::Patience, table::ATTACKS};

pub(crate) use self::{
    chunks::{slow_trailers, tiny_chunks},
    flood::{descriptors, flood, flood_from_one},
    heads::{blank_lines, preface_prefixes, slow_lines},
    readers::{slow_readers, sparing_readers},
};

pub(crate) async fn slow_heads(context: &Context) -> Finding {
    let whole = head(context, "GET", context.control(), "");
    let start = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nX-Slow: ",
        context.control(),
        context.target.authority()
    );
    let limit = Patience::try_new(context, context.profile.limits.header_seconds())?;
    let siege = |begin: Vec<u8>, what| Slow {
        begin,
        trickle: "x",
        limit,
        what,
    };
    let first = siege(
        start.clone().into_bytes(),
        "a head that arrives a byte at a time",
    );
    let second = siege(
        [whole, start.into_bytes()].concat(),
        "the second head of a connection, that arrives a byte at a time",
    );
    let (first, second) = tokio::join!(first.run(context), second.run(context));
    second?;
    first
}

/// Late with its head, or idle: a server may take it for either.
pub(crate) async fn no_byte(context: &Context) -> Finding {
    let limits = &context.profile.limits;
    let (header, idle) = (limits.header_seconds(), limits.idle_seconds());
    let is_longer = idle.is_promised && idle.value > header.value;
    let idle = Patience::try_new(context, idle).ok().filter(|_| is_longer);
    let waits_for_idle = idle.is_some();
    let siege = Slow {
        begin: Vec::new(),
        trickle: "",
        limit: idle.map_or_else(|| Patience::try_new(context, header), Ok)?,
        what: "a connection that sends nothing",
    };
    let finding = siege.run(context).await;
    if is_longer && !waits_for_idle {
        let why = "it may count as idle, and that takes longer than a siege of this kind";
        return finding.map_err(|failure| failure.at_most(Level::Should, why));
    }
    finding
}

pub(crate) async fn slow_bodies(context: &Context) -> Finding {
    let path = route(&context.profile.routes.body)?;
    let sample = context.sample();
    let fields = sample.line() + "Content-Length: 60000\r\n";
    let siege = Slow {
        begin: head(context, "POST", path, &fields),
        trickle: if sample.is_json() { " " } else { "x" },
        limit: Patience::try_new(context, context.profile.limits.body_seconds())?,
        what: "a body that arrives a byte at a time",
    };
    siege.run(context).await
}

pub(crate) async fn idle_http1(context: &Context) -> Finding {
    let limit = Patience::try_new(context, context.profile.limits.idle_seconds())?;
    let request = head(context, "GET", context.control(), "");
    let mut idle = connections(context, context.intensity.scale(100)).await?;
    for raw in &mut idle {
        raw.send(&request).await?;
    }
    for raw in &mut idle {
        raw.status(PROMPT).await;
    }
    let deadline = Instant::now() + limit.wait + GRACE;
    limit.judge(all_close(idle, deadline, "kept and not used").await)
}

pub(crate) async fn idle_http2(context: &Context) -> Finding {
    let limit = Patience::try_new(context, context.profile.limits.idle_seconds())?;
    let within = limit.wait + GRACE;
    let frames = Frames::open(context).await?;
    if frames
        .wait(within, |seen| seen.closed || seen.goaway.is_some())
        .await
    {
        Ok(format!("closed within {} s", limit.wait.as_secs()))
    } else {
        let what = format!("an idle connection is open after {} s", within.as_secs());
        let evidence = frames.seen().evidence(what, "SETTINGS, and nothing more");
        limit.judge(Err(evidence.into()))
    }
}

/// Connections that begin something and then are slow.
struct Slow {
    begin: Vec<u8>,
    /// What is sent each second; nothing if it is empty.
    trickle: &'static str,
    limit: Patience,
    what: &'static str,
}

impl Slow {
    async fn run(self, context: &Context) -> Finding {
        let limit = self.limit;
        limit.judge(self.until_closed(context).await)
    }

    async fn until_closed(self, context: &Context) -> Finding {
        let mut slow = connections(context, context.intensity.scale(50)).await?;
        for raw in &mut slow {
            raw.send(&self.begin).await?;
        }
        if self.trickle.is_empty() {
            return all_close(slow, Instant::now() + self.limit.wait + GRACE, self.what).await;
        }
        let deadline = Instant::now() + self.limit.wait + GRACE;
        let mut beat = interval(Duration::from_secs(1));
        while Instant::now() < deadline && slow.iter().any(|raw| !raw.is_closed()) {
            beat.tick().await;
            for raw in slow.iter_mut().filter(|raw| !raw.is_closed()) {
                raw.send(self.trickle).await?;
                raw.read(Duration::from_millis(1)).await;
            }
        }
        all_close(slow, deadline, self.what).await
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

/// Whether each is closed by then.
async fn all_close(all: Vec<Raw>, deadline: Instant, what: &str) -> Finding {
    let count = all.len();
    for mut raw in all {
        // On a busy machine the deadline may be over before what has come is seen.
        let deadline = deadline.max(Instant::now() + SEEN);
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

/// What a socket has is known so soon.
const SEEN: Duration = Duration::from_millis(300);
/// On top of what a server promises.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// How soon a connection that is served is served.
const PROMPT: Duration = Duration::from_millis(1000);

//! B: slowness and exhaustion of connections.

use std::{net::IpAddr, time::Duration};

use tokio::time::{Instant, interval, sleep, timeout};

use crate::{
    arena::{Arena, route},
    process::Launched,
    verdict::{Evidence, Finding, Trouble},
    wire::{Ask, Frames, Raw},
};

pub(crate) async fn slow_heads(arena: &Arena) -> Finding {
    let start = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nX-Slow: ",
        arena.control(),
        arena.target.authority()
    );
    let siege = Slow {
        begin: start.into_bytes(),
        trickle: true,
        limit: Duration::from_secs(arena.profile.limits.header_seconds),
        what: "a head that arrives a byte at a time",
    };
    siege.run(arena).await
}

pub(crate) async fn no_byte(arena: &Arena) -> Finding {
    let siege = Slow {
        begin: Vec::new(),
        trickle: false,
        limit: Duration::from_secs(arena.profile.limits.header_seconds),
        what: "a connection that sends nothing",
    };
    siege.run(arena).await
}

pub(crate) async fn slow_bodies(arena: &Arena) -> Finding {
    let path = route(&arena.profile.routes.body)?;
    let siege = Slow {
        begin: head(arena, "POST", path, "Content-Length: 60000\r\n"),
        trickle: true,
        limit: Duration::from_secs(arena.profile.limits.body_seconds),
        what: "a body that arrives a byte at a time",
    };
    siege.run(arena).await
}

pub(crate) async fn slow_readers(arena: &Arena) -> Finding {
    let limit = Duration::from_secs(arena.profile.limits.write_seconds);
    patient(arena, limit)?;
    let request = head(arena, "GET", route(&arena.profile.routes.large)?, "");
    let mut stalled = connections(arena, arena.intensity.scale(20)).await?;
    for raw in &mut stalled {
        raw.send(&request).await?;
    }
    sleep(limit + GRACE).await;
    for mut raw in stalled {
        // What the kernel holds can still be read.
        while raw.read(Duration::from_millis(500)).await {}
        let answer = raw.seen().answers().into_iter().next();
        let answer = answer.ok_or_else(|| Trouble::Unclear("no answer at all".to_owned()))?;
        if answer.whole && answer.body.len() < LARGE {
            let why = "the answer fits into the system's buffers: 8 MiB are needed";
            return Err(Trouble::NotTested(why.to_owned()));
        }
        if answer.whole || !raw.is_closed() {
            let seconds = (limit + GRACE).as_secs();
            let what = format!("it still writes after {seconds} s in which nothing was read");
            return Err(Evidence::new(what).sent(&request).into());
        }
    }
    Ok(format!("closed within {} s", limit.as_secs()))
}

pub(crate) async fn idle_http1(arena: &Arena) -> Finding {
    let limit = Duration::from_secs(arena.profile.limits.idle_seconds);
    patient(arena, limit)?;
    let request = head(arena, "GET", arena.control(), "");
    let mut idle = connections(arena, arena.intensity.scale(100)).await?;
    for raw in &mut idle {
        raw.send(&request).await?;
    }
    for raw in &mut idle {
        raw.status(PROMPT).await;
    }
    all_close(idle, limit, "kept and not used").await
}

pub(crate) async fn idle_http2(arena: &Arena) -> Finding {
    let limit = Duration::from_secs(arena.profile.limits.idle_seconds);
    patient(arena, limit)?;
    let frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    match frames
        .wait(limit + GRACE, |seen| seen.closed || seen.goaway.is_some())
        .await
    {
        true => Ok(format!("closed within {} s", limit.as_secs())),
        false => {
            let what = format!(
                "an idle connection is open after {} s",
                (limit + GRACE).as_secs()
            );
            Err(frames
                .seen()
                .evidence(what, "SETTINGS, and nothing more", arena, "B06")
                .into())
        }
    }
}

pub(crate) async fn flood(arena: &Arena) -> Finding {
    let limit = arena.profile.limits.connections;
    let sources = (0..limit + limit / 8 + 16).map(|_| arena.fresh());
    let (served, mut kept) = served_of(arena, sources).await?;
    judge_flood(
        arena,
        served,
        limit,
        &mut kept,
        "from many addresses",
        "B07",
    )
    .await
}

pub(crate) async fn flood_from_one(arena: &Arena) -> Finding {
    let limit = arena.profile.limits.client_connections;
    let one = arena.fresh();
    let sources = (0..limit + limit / 8 + 16).map(|_| one);
    let (served, mut kept) = served_of(arena, sources).await?;
    judge_flood(arena, served, limit, &mut kept, "from one address", "B08").await
}

pub(crate) async fn descriptors(arena: &Arena) -> Finding {
    let launched = Launched::start(arena, Some("ulimit -n 256")).await?;
    let process = launched.process()?;
    let mut open = Vec::new();
    for _ in 0..400 {
        match timeout(Duration::from_secs(1), launched.arena.raw()).await {
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
    recovers(&launched.arena, evidence).await
}

async fn recovers(arena: &Arena, evidence: impl Fn(String) -> Evidence) -> Finding {
    let ask = Ask::get(arena.control());
    let ends = Instant::now() + Duration::from_secs(10);
    while Instant::now() < ends {
        if matches!(
            timeout(Duration::from_secs(1), arena.ask(&ask)).await,
            Ok(Ok(_))
        ) {
            return Ok("it waited, and served again afterwards".to_owned());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(evidence("it does not serve again within 10 s".to_owned()).into())
}

/// Connections that begin something and then are slow.
struct Slow {
    begin: Vec<u8>,
    trickle: bool,
    limit: Duration,
    what: &'static str,
}

impl Slow {
    async fn run(self, arena: &Arena) -> Finding {
        patient(arena, self.limit)?;
        let mut slow = connections(arena, arena.intensity.scale(50)).await?;
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
fn patient(arena: &Arena, limit: Duration) -> Result<(), Trouble> {
    let (needed, patience) = (limit + GRACE, arena.intensity.patience());
    match needed <= patience {
        true => Ok(()),
        false => Err(Trouble::NotTested(format!(
            "it takes {} s, a {} siege waits {} s",
            needed.as_secs(),
            arena.intensity.name(),
            patience.as_secs()
        ))),
    }
}

/// Each from another address: a limit for each client is another attack.
async fn connections(arena: &Arena, count: usize) -> Result<Vec<Raw>, Trouble> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(arena.raw().await?);
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

/// Opens connections and asks on each; those that were answered stay open.
async fn served_of(
    arena: &Arena,
    sources: impl Iterator<Item = Option<IpAddr>>,
) -> Result<(usize, Vec<Raw>), Trouble> {
    let request = head(arena, "GET", arena.control(), "");
    let (mut kept, mut refusals) = (Vec::new(), 0);
    for source in sources {
        let opened = timeout(PROMPT, Raw::connect(arena, source)).await;
        let Ok(Ok(mut raw)) = opened else {
            refusals += 1;
            if refusals > 8 { break } else { continue }
        };
        raw.send(&request).await?;
        match raw.status(PROMPT).await.is_some_and(|status| status < 500) {
            true => kept.push(raw),
            false => refusals += 1,
        }
        // Enough to know that there is a limit.
        if refusals > 8 {
            break;
        }
    }
    Ok((kept.len(), kept))
}

async fn judge_flood(
    arena: &Arena,
    served: usize,
    limit: usize,
    kept: &mut [Raw],
    from: &str,
    id: &str,
) -> Finding {
    // A server may also close those that are idle, to make room.
    let open = still_open(kept).await;
    if open > limit {
        let what = format!("{open} connections {from} were served and kept; the limit is {limit}");
        return Err(Evidence::new(what)
            .sent(format!("{served} connections, a request on each"))
            .repeat(format!("portcullis siege {} --only {id}", arena.target))
            .into());
    }
    if served == 0 {
        return Err(Trouble::Unclear("not one connection was served".to_owned()));
    }
    if id == "B08" {
        let elsewhere = timeout(
            Duration::from_secs(2),
            arena.ask(&Ask::get(arena.control())),
        )
        .await;
        if !matches!(elsewhere, Ok(Ok(_))) {
            return Err(Evidence::new("another address is not served during the flood").into());
        }
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

/// A head with the valid key, if one is known.
fn head(arena: &Arena, method: &str, path: &str, fields: &str) -> Vec<u8> {
    let host = arena.target.authority();
    let key = match &arena.profile.keys.valid {
        Some(key) => format!("{}: {key}\r\n", arena.profile.keys.header),
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
/// 20 % of two seconds, in hundredths of a second.
const BUSY_TICKS: u64 = 40;

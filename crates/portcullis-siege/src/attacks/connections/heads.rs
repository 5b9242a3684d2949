//! Beginnings that never become a head.

use std::time::Duration;

use tokio::time::{Instant, interval};

use super::{GRACE, Patience, Slow, all_close, connections};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Raw,
};

pub(crate) async fn preface_prefixes(context: &Context) -> Finding {
    let limit = Patience::try_new(context, context.profile.limits.header_seconds())?;
    let (mut quiet, mut growing) = (Vec::new(), Vec::new());
    for length in 1..PREFACE.len() {
        let mut begun = connections(context, QUIET + 1).await?;
        for raw in &mut begun {
            raw.send(&PREFACE[..length]).await?;
        }
        growing.extend(begun.pop().map(|raw| (raw, length)));
        quiet.extend(begun);
    }
    let deadline = Instant::now() + limit.wait + GRACE;
    grow(&mut growing, deadline).await?;
    quiet.extend(growing.into_iter().map(|(raw, _)| raw));
    let what = "a part of HTTP/2's preface, at once or a byte a second";
    limit.judge(all_close(quiet, deadline, what).await)
}

/// Sends another byte of each preface each second, but never its last.
async fn grow(growing: &mut [(Raw, usize)], deadline: Instant) -> Result<(), Failure> {
    let mut beat = interval(Duration::from_secs(1));
    while Instant::now() < deadline && growing.iter().any(|(raw, _)| !raw.is_closed()) {
        beat.tick().await;
        for (raw, length) in growing.iter_mut().filter(|(raw, _)| !raw.is_closed()) {
            if *length + 1 < PREFACE.len() {
                raw.send(&PREFACE[*length..=*length]).await?;
                *length += 1;
            }
            raw.read(Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

pub(crate) async fn slow_lines(context: &Context) -> Finding {
    let start = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n",
        context.control(),
        context.target.authority()
    );
    let siege = Slow {
        begin: start.into_bytes(),
        trickle: "X-Slow: a\r\n",
        limit: Patience::try_new(context, context.profile.limits.header_seconds())?,
        what: "a head that arrives a line at a time",
    };
    siege.run(context).await
}

pub(crate) async fn blank_lines(context: &Context) -> Finding {
    let siege = Slow {
        begin: b"\r\n".to_vec(),
        trickle: "\r\n",
        limit: Patience::try_new(context, context.profile.limits.header_seconds())?,
        what: "blank lines, and no request behind them",
    };
    siege.run(context).await
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Connections for each length of which nothing more comes.
const QUIET: usize = 2;

//! Chunks that cost more than they hold, and trailers that never end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Patience, Slow, head};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Exchange, Request},
};

pub(crate) async fn tiny_chunks(context: &Context) -> Finding {
    let count = (context.profile.limits.body_bytes().value as usize / 2).min(CHUNKS);
    let body = context.sample().of_length(count);
    let tiny = in_chunks(&body, 1);
    let one = in_chunks(&body, body.len());
    let (mut seen, mut slowest) = (Exchange::default(), Duration::ZERO);
    for _ in 0..TRIES {
        let (_, in_one, _) = timed(context, &one).await?;
        let took;
        let others;
        (seen, took, others) = timed(context, &tiny).await?;
        if in_one > BUSY {
            return Err(Failure::unclear(format!("one chunk takes {in_one:?} too")));
        }
        if took < in_one + LONG {
            return Ok(format!(
                "{count} chunks of a byte: {took:?}, one chunk: {in_one:?}"
            ));
        }
        slowest = others.max(slowest);
    }
    let what = format!(
        "an answer to {count} chunks of a byte takes more than {LONG:?}, to one chunk it does not; others wait {slowest:?}"
    );
    let level = if slowest > LONG {
        Level::Must
    } else {
        Level::Should
    };
    Err(seen.evidence(what).at_most(level).into())
}

/// Sends a chunked body. Returns how long its answer took, and that of another client meanwhile.
async fn timed(context: &Context, body: &[u8]) -> Result<(Exchange, Duration, Duration), Failure> {
    let path = route(&context.profile.routes.body)?;
    let mut bytes = head(context, "POST", path, &chunked(context));
    bytes.extend_from_slice(body);
    let mut raw = context.raw().await?;
    let upload = async {
        let began = Instant::now();
        raw.send(&bytes).await?;
        raw.status(PATIENCE).await;
        Ok::<_, Failure>(began.elapsed())
    };
    let other = async {
        sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        drop(context.send(&Request::get(context.control())).await);
        began.elapsed()
    };
    let (took, others) = tokio::join!(upload, other);
    Ok((raw.into_seen(), took?, others))
}

pub(crate) async fn slow_trailers(context: &Context) -> Finding {
    let path = route(&context.profile.routes.body)?;
    let mut begin = head(context, "POST", path, &chunked(context));
    begin.extend_from_slice(context.sample().chunk().as_bytes());
    begin.extend_from_slice(b"0\r\n");
    let siege = Slow {
        begin,
        trickle: "X-Slow: a\r\n",
        limit: Patience::try_new(context, context.profile.limits.body_seconds())?,
        what: "trailers that arrive a line at a time",
    };
    siege.run(context).await
}

fn chunked(context: &Context) -> String {
    context.sample().line() + "Transfer-Encoding: chunked\r\n"
}

/// A body in chunks of so many bytes.
fn in_chunks(body: &[u8], length: usize) -> Vec<u8> {
    let each = body.chunks(length.max(1));
    let each =
        each.map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
    let mut all = each.collect::<Vec<_>>().concat();
    all.extend_from_slice(b"0\r\n\r\n");
    all
}

const CHUNKS: usize = 30_000;
const TRIES: usize = 2;
/// So much longer than one chunk may the others take.
const LONG: Duration = Duration::from_millis(1500);
/// If one chunk takes longer, the machine has other things to do.
const BUSY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(8);

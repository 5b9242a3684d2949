//! Bodies: longer than allowed, than declared.

use std::time::Duration;

use super::{block, head};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Exchange, FrameType, Frames, Request, in_words},
};

pub(crate) async fn declared_length(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes();
    limit.judge(declares(context, limit.value + 1).await)
}

async fn declares(context: &Context, length: u64) -> Finding {
    let request = to_body(context)?.header("content-length", length.to_string());
    let seen = context.exchange(head(context, &request)).await?;
    refused_early(&seen, length)
}

/// That such a body is not served is the promise; that it is refused before it comes is not.
fn refused_early(seen: &Exchange, length: u64) -> Finding {
    let breach = |status| {
        let what = in_words(status);
        seen.breach(format!(
            "{what} for a body of {length} bytes; 413 was expected"
        ))
    };
    match seen.status() {
        Some(status @ (429 | 503)) => Err(Failure::unclear(format!("it answers {status}"))),
        Some(408) | None if seen.took >= Duration::from_secs(1) => {
            let why = "it waits for the body, and may refuse it then";
            Err(breach(seen.status()).at_most(Level::Opinion, why))
        }
        Some(status @ 400..=499) => Ok(format!("{status} before the body")),
        None if seen.closed => Ok("closed at once".to_owned()),
        Some(status @ 500..) => Err(breach(Some(status)).at_most(Level::Should, NOT_SERVED)),
        status => Err(breach(status)),
    }
}

pub(crate) async fn chunked_length(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes();
    limit.judge(chunks_beyond(context, limit.value as usize).await)
}

async fn chunks_beyond(context: &Context, limit: usize) -> Finding {
    let request = to_body(context)?.header("transfer-encoding", "chunked");
    let mut raw = context.raw().await?;
    raw.send(head(context, &request)).await?;
    let (before, pad, behind) = context.sample().parts();
    let pads = vec![pad; CHUNK.saturating_sub(before.len())];
    raw.send(chunk(&[before.as_bytes(), &pads].concat()))
        .await?;
    let pads = chunk(&vec![pad; CHUNK]);
    let mut sent = CHUNK;
    while sent <= limit * 2 + (1 << 20) && !raw.is_closed() && raw.seen().received.is_empty() {
        raw.send(&pads).await?;
        sent += CHUNK;
        raw.read(Duration::from_millis(1)).await;
    }
    if !raw.is_closed() && raw.seen().received.is_empty() {
        if !behind.is_empty() {
            raw.send(chunk(behind.as_bytes())).await?;
        }
        raw.send("0\r\n\r\n").await?;
    }
    raw.read_answers().await;
    let what = format!("{sent} bytes in chunks; the limit is {limit}");
    refused_somehow(&raw.into_seen(), &what)
}

/// Refused with whatever 4xx, or closed: not served.
fn refused_somehow(seen: &Exchange, what: &str) -> Finding {
    let breach = |status| seen.breach(format!("{} for {what}", in_words(status)));
    match seen.status() {
        Some(status @ (429 | 503)) => Err(Failure::unclear(format!("it answers {status}"))),
        Some(status @ 400..=499) => Ok(status.to_string()),
        None if seen.closed => Ok("closed".to_owned()),
        None => Err(breach(None).at_most(Level::Opinion, NOT_SERVED)),
        Some(status @ 500..) => Err(breach(Some(status)).at_most(Level::Should, NOT_SERVED)),
        status => Err(breach(status)),
    }
}

pub(crate) async fn lying_length(context: &Context) -> Finding {
    let sample = context.sample();
    let length = sample.text().len();
    for (declared, more, name) in [(length, 45, "longer"), (length + 45, 0, "shorter")] {
        let mut frames = Frames::open(context).await?;
        let block = block(context, &to_body(context)?, Some(declared as u64));
        frames.send(FrameType::Headers, 4, 1, &block).await?;
        frames
            .send(FrameType::Data, 1, 1, &sample.and_more(more))
            .await?;
        frames
            .wait(Duration::from_secs(2), |seen| {
                seen.refused(1) || seen.ended.contains(&1)
            })
            .await;
        let seen = frames.seen();
        if !seen.refused(1) {
            let what = format!(
                "DATA {name} than its Content-Length is served with {}",
                in_words(seen.status(1))
            );
            return Err(seen
                .evidence(what, "content-length and DATA that differ")
                .into());
        }
    }
    Ok("refused, longer and shorter".to_owned())
}

pub(crate) async fn body_of_get(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes();
    limit.judge(get_beyond(context, limit.value).await)
}

async fn get_beyond(context: &Context, limit: u64) -> Finding {
    let length = 64 << 20;
    // What lies in the system's buffers was sent, and not read.
    let allowed = usize::try_from(limit).unwrap_or(length) + BUFFERS;
    let request = Request::get(context.control()).header("content-length", length.to_string());
    let mut raw = context.raw().await?;
    raw.send(head(context, &request)).await?;
    let block = vec![b'a'; 1 << 20];
    let mut sent = 0;
    while sent < length && !raw.is_closed() {
        raw.send(&block).await?;
        sent += block.len();
        raw.read(Duration::from_millis(1)).await;
        if matches!(raw.seen().status(), Some(400 | 413)) {
            return Ok("413".to_owned());
        }
    }
    raw.read_answers().await;
    if matches!(raw.seen().status(), Some(400 | 413)) {
        return Ok("413".to_owned());
    }
    let mib = sent >> 20;
    if raw.is_closed() && sent <= allowed {
        Ok(format!("closed after {mib} MiB"))
    } else {
        Err(raw
            .seen()
            .breach(format!("{mib} MiB of a GET's body are read")))
    }
}

/// One chunk.
pub(super) fn chunk(data: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", data.len());
    [size.as_bytes(), data, b"\r\n"].concat()
}

pub(super) const CHUNK: usize = 0x4000;
/// More than a system keeps of what a server does not read.
const BUFFERS: usize = 16 << 20;

/// A POST to the route that reads a body, with the type of what it takes.
pub(super) fn to_body(context: &Context) -> Result<Request, Failure> {
    Ok(context.sample().typed(to_any_body(context)?))
}

/// The same, without a type.
pub(super) fn to_any_body(context: &Context) -> Result<Request, Failure> {
    Ok(Request::new("POST", route(&context.profile.routes.body)?).key(context))
}

const NOT_SERVED: &str = "it is not served";

#[cfg(test)]
mod tests {
    use super::*;

    fn level(finding: Finding) -> Option<Level> {
        match finding {
            Err(Failure::Breach(evidence)) => Some(evidence.at_most.unwrap_or(Level::Must)),
            _ => None,
        }
    }

    fn seen(status: u16, seconds: u64) -> Exchange {
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        let took = Duration::from_secs(seconds);
        let mut seen = Exchange::of(&answer, false);
        seen.took = took;
        seen
    }

    #[test]
    fn only_a_body_that_is_served_breaks_the_promise_of_its_limit() {
        let mut waits = Exchange::of("", false);
        waits.took = Duration::from_secs(4);

        for status in [400, 411, 413, 415, 422] {
            assert!(refused_early(&seen(status, 0), 9).is_ok());
            assert!(refused_somehow(&seen(status, 0), "9 bytes").is_ok());
        }
        assert_eq!(level(refused_early(&seen(200, 0), 9)), Some(Level::Must));
        assert_eq!(
            level(refused_somehow(&seen(200, 0), "9 bytes")),
            Some(Level::Must)
        );
        assert_eq!(level(refused_early(&waits, 9)), Some(Level::Opinion));
        assert_eq!(level(refused_early(&seen(408, 3), 9)), Some(Level::Opinion));
        assert_eq!(
            level(refused_somehow(&seen(500, 0), "9 bytes")),
            Some(Level::Should)
        );
        for status in [429, 503] {
            let unclear = refused_somehow(&seen(status, 0), "9 bytes");
            assert!(matches!(unclear, Err(Failure::Unclear(_))));
        }
    }
}

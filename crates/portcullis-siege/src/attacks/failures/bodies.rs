//! Bodies: longer than allowed, than declared, than packed.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};

use super::{block, head};
use crate::{
    Level,
    context::{Context, route},
    sample::Sample,
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
        let mut frames = Frames::connect(context, context.fresh())
            .await?
            .ready()
            .await?;
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

pub(crate) async fn zip_bomb(context: &Context) -> Finding {
    if !unpacks(context).await? {
        return Ok("bodies are not unpacked".to_owned());
    }
    // 1 MB as sent, 1 GB unpacked; less if the limit is lower.
    let limit = context.profile.limits.body_bytes().value as usize;
    let times = (limit.min(1 << 20) * 9 / 10).max(2000) / 1000;
    let bomb = to_body(context)?
        .header("content-encoding", "gzip")
        .body(packed_pads(context.sample(), times)?);
    refused(
        context,
        &bomb,
        REFUSALS,
        "a body that unpacks to a thousand times its size",
    )
    .await?;
    let odd = to_body(context)?
        .header("content-encoding", "siege")
        .body(context.sample().text().to_owned());
    let unknown = refused(context, &odd, REFUSALS, "a coding nobody knows").await;
    unknown.map_err(|failure| failure.at_most(Level::Should, "RFC 9110 8.4: it MAY refuse it"))?;
    Ok(format!(
        "refused; {} KB would be {times} MB",
        bomb.body.len() >> 10
    ))
}

/// Whether the server unpacks bodies.
pub(super) async fn unpacks(context: &Context) -> Result<bool, Failure> {
    if context.sample().kind().is_some() {
        return unpacks_sample(context).await;
    }
    let small = to_body(context)?
        .header("content-encoding", "gzip")
        .body(gzip(b"siege-unpacked", 1)?);
    let answer = context.send(&small).await?;
    if answer.is_good() && answer.mentions("siege-unpacked") {
        Ok(true)
    } else if answer.status == 415 || answer.is_good() && answer.body == small.body {
        Ok(false)
    } else if answer.status >= 400 {
        let status = answer.status;
        Err(Failure::not_tested(format!(
            "a small gzip body is answered with {status}"
        )))
    } else {
        Err(Failure::unclear(
            "whether bodies are unpacked can't be seen",
        ))
    }
}

/// A route of one type refuses packed bytes as they are: if it takes them with their coding, it unpacks.
async fn unpacks_sample(context: &Context) -> Result<bool, Failure> {
    let packed = to_body(context)?.body(gzip(context.sample().text().as_bytes(), 1)?);
    let coded = packed.clone().header("content-encoding", "gzip");
    let (coded, bare) = (context.send(&coded).await?, context.send(&packed).await?);
    match (coded.is_good(), bare.is_good()) {
        (true, false) => Ok(true),
        (false, _) if matches!(coded.status, 400 | 415 | 422) => Ok(false),
        (false, _) => Err(Failure::not_tested(format!(
            "a small gzip body is answered with {}",
            coded.status
        ))),
        (true, true) => Err(Failure::unclear(
            "whether bodies are unpacked can't be seen",
        )),
    }
}

/// So many MiB that fit into the sample, packed.
fn packed_pads(sample: &Sample, times: usize) -> Result<Vec<u8>, Failure> {
    let (before, pad, behind) = sample.parts();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(before.as_bytes())?;
    let block = vec![pad; 1 << 20];
    for _ in 0..times {
        encoder.write_all(&block)?;
    }
    encoder.write_all(behind.as_bytes())?;
    Ok(encoder.finish()?)
}

pub(super) async fn refused(
    context: &Context,
    request: &Request,
    allowed: &[u16],
    what: &str,
) -> Result<(), Failure> {
    if let Ok(answer) = context.expect(request).await {
        answer.status(allowed, what)?;
    }
    Ok(())
}

pub(super) fn gzip(block: &[u8], times: usize) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..times {
        encoder.write_all(block)?;
    }
    Ok(encoder.finish()?)
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

pub(super) const REFUSALS: &[u16] = &[413, 415, 400, 422];
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

//! Bodies: longer than allowed, than declared, than packed.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};

use super::{block, head};
use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, Request, in_words},
};

pub(crate) async fn declared_length(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes();
    limit.judge(declares(context, limit.value + 1).await)
}

async fn declares(context: &Context, length: u64) -> Finding {
    let request = to_body(context)?.header("content-length", length.to_string());
    let seen = context.exchange(head(context, &request)).await?;
    match seen.status() {
        Some(413) => Ok("413 before the body".to_owned()),
        // Later, it was only tired of waiting.
        None if seen.closed && seen.took < Duration::from_secs(1) => {
            Ok("closed at once".to_owned())
        }
        status => Err(seen.breach(format!(
            "{} for a body of {length} bytes; 413 was expected",
            in_words(status)
        ))),
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
    let chunk = chunk(CHUNK);
    let mut sent = 0;
    while sent <= limit * 2 + (1 << 20) && !raw.is_closed() && raw.seen().received.is_empty() {
        raw.send(&chunk).await?;
        sent += CHUNK;
        raw.read(Duration::from_millis(1)).await;
    }
    if !raw.is_closed() && raw.seen().received.is_empty() {
        raw.send("0\r\n\r\n").await?;
    }
    raw.read_answers().await;
    let seen = raw.into_seen();
    match seen.status() {
        Some(413) => Ok("413".to_owned()),
        None if seen.closed => Ok("closed".to_owned()),
        status => Err(seen.breach(format!(
            "{} for {sent} bytes in chunks; the limit is {limit}",
            in_words(status)
        ))),
    }
}

pub(crate) async fn lying_length(context: &Context) -> Finding {
    for (declared, sent, name) in [(5, 50, "longer"), (50, 5, "shorter")] {
        let mut frames = Frames::connect(context, context.fresh())
            .await?
            .ready()
            .await?;
        let block = block(context, &to_body(context)?, Some(declared));
        frames.send(FrameType::Headers, 4, 1, &block).await?;
        frames
            .send(FrameType::Data, 1, 1, &vec![b'a'; sent])
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
        .body(gzip(&[0; 1 << 20], times)?);
    refused(
        context,
        &bomb,
        &[413, 415, 400],
        "a body that unpacks to a thousand times its size",
    )
    .await?;
    let odd = to_body(context)?
        .header("content-encoding", "siege")
        .body("a");
    refused(context, &odd, &[415, 400], "a coding nobody knows").await?;
    Ok(format!(
        "refused; {} KB would be {times} MB",
        bomb.body.len() >> 10
    ))
}

/// Whether the server unpacks bodies.
pub(super) async fn unpacks(context: &Context) -> Result<bool, Failure> {
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

/// One chunk of so many bytes.
pub(super) fn chunk(length: usize) -> Vec<u8> {
    let size = format!("{length:x}\r\n");
    [size.as_bytes(), &vec![b'a'; length], b"\r\n"].concat()
}

pub(super) const CHUNK: usize = 0x4000;
/// More than a system keeps of what a server does not read.
const BUFFERS: usize = 16 << 20;

/// A POST to the route that reads a body.
pub(super) fn to_body(context: &Context) -> Result<Request, Failure> {
    Ok(Request::new("POST", route(&context.profile.routes.body)?).key(context))
}

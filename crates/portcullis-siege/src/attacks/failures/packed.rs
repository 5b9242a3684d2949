//! Bodies that are small as they are sent.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::bodies::to_body;
use crate::{
    Level,
    context::Context,
    sample::Sample,
    verdict::{Failure, Finding},
    wire::Request,
};

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

pub(super) const REFUSALS: &[u16] = &[413, 415, 400, 422];

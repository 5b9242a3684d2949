//! The limit of bodies that the profile promises: nothing beyond it is served.

use super::{
    bodies::{CHUNK, chunk, to_body},
    head,
};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
};

pub(crate) async fn promised_length(context: &Context) -> Finding {
    let Some(limit) = context.profile.limits.body_bytes else {
        return Err(Failure::not_tested(
            "no limit of bodies is promised (limits.body_bytes)",
        ));
    };
    let limit = usize::try_from(limit).unwrap_or(MOST);
    let lengths: Vec<_> = [1, 2, 4]
        .iter()
        .map(|times| limit.saturating_mul(*times).saturating_add(1))
        .filter(|length| *length <= MOST)
        .collect();
    if lengths.is_empty() {
        let mib = MOST >> 20;
        return Err(Failure::not_tested(format!(
            "the promised limit is more than {mib} MiB"
        )));
    }
    for length in &lengths {
        whole(context, *length, limit).await?;
        in_chunks(context, *length, limit).await?;
    }
    Ok(format!("none of {} bodies is served", lengths.len() * 2))
}

/// A body whose length is declared.
async fn whole(context: &Context, length: usize, limit: usize) -> Result<(), Failure> {
    let request = to_body(context)?.body(context.sample().of_length(length));
    let answer = match context.expect(&request).await {
        // Refused while it was sent.
        Err(Failure::Unclear(_)) => return Ok(()),
        answer => answer?,
    };
    let what = format!("a body of {length} bytes is served; the promised limit is {limit}");
    answer.holds(!answer.is_good(), what)?;
    is_judged(answer.status)
}

/// A body that ends with its last chunk.
async fn in_chunks(context: &Context, length: usize, limit: usize) -> Result<(), Failure> {
    let request = to_body(context)?.header("transfer-encoding", "chunked");
    let mut bytes = head(context, &request);
    for data in context.sample().of_length(length).chunks(CHUNK) {
        bytes.extend(chunk(data));
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let seen = context.exchange(bytes).await?;
    if seen
        .status()
        .is_some_and(|status| (200..300).contains(&status))
    {
        let what = format!("{length} bytes in chunks are served; the promised limit is {limit}");
        Err(seen.breach(what))
    } else {
        is_judged(seen.status().unwrap_or(0))
    }
}

/// Whoever refuses all requests has not judged this one.
fn is_judged(status: u16) -> Result<(), Failure> {
    match status {
        401 | 429 | 503 => Err(Failure::unclear(format!(
            "bodies are answered with {status}"
        ))),
        _ => Ok(()),
    }
}

/// More than this is not sent.
const MOST: usize = 64 << 20;

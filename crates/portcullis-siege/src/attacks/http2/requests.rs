//! Requests that no server may serve: their fields, their size, their number.

use super::{ANSWER, END_HEADERS, END_STREAM, body_request, request};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, encode, indexed_literal},
};

pub(crate) async fn hpack_bomb(context: &Context) -> Finding {
    let mut frames = Frames::open(context).await?;
    let mut block = request(context, "GET", context.control());
    indexed_literal(&mut block, b"x-siege", &[b'a'; 3900]);
    // 62 is the newest entry of the dynamic table: a field of 3.9 KB for a byte.
    block.extend(std::iter::repeat_n(0x80 | 62, 4000));
    until_answered(&mut frames, &block).await?;
    let seen = frames.seen();
    if seen.refused(1) {
        Ok("refused".to_owned())
    } else {
        Err(seen
            .evidence(
                "a head of 16 MB is served",
                "a field of 3.9 KB, then 4,000 times its index",
            )
            .into())
    }
}

pub(crate) async fn too_many_streams(context: &Context) -> Finding {
    let mut frames = Frames::open(context).await?;
    let Some(max) = frames.seen().max_streams.filter(|max| *max <= 10_000) else {
        // RFC 9113, 6.5.2: without it there is none.
        let what = "SETTINGS sets no bound on streams";
        let evidence = frames.seen().evidence(what, "SETTINGS");
        return Err(evidence.at_most(Level::Should).into());
    };
    // Requests whose bodies never come, so that every stream stays open.
    let block = body_request(context)?;
    let last = (max + 20) * 2 + 1;
    for stream in (1..=last).step_by(2) {
        context.budget.request()?;
        frames
            .send(FrameType::Headers, END_HEADERS, stream, &block)
            .await?;
    }
    frames.wait(ANSWER, |seen| seen.refused(last)).await;
    let seen = frames.seen();
    if seen.refused(last) {
        Ok(format!("refused beyond {max}"))
    } else {
        let what = format!("{} streams at once; SETTINGS allows {max}", max + 21);
        Err(seen
            .evidence(what, "HEADERS without END_STREAM, on each")
            .into())
    }
}

pub(crate) async fn invalid_fields(context: &Context) -> Finding {
    let bad: [(&str, &[u8]); 8] = [
        ("connection", b"close"),
        ("keep-alive", b"5"),
        ("transfer-encoding", b"chunked"),
        ("te", b"gzip"),
        ("X-Upper", b"a"),
        ("x-lines", b"a\r\nb: c"),
        ("x-line", b"a\nb"),
        ("x-nul", b"a\0b"),
    ];
    for (name, value) in bad {
        let mut frames = Frames::open(context).await?;
        let mut block = request(context, "GET", context.control());
        block.extend(encode(&[(name, value)]));
        served_or_not(context, &mut frames, &block, &format!("the field {name:?}")).await?;
    }
    Ok("8 fields refused".to_owned())
}

pub(crate) async fn authority_and_host(context: &Context) -> Finding {
    let mut frames = Frames::open(context).await?;
    let mut block = request(context, "GET", context.control());
    block.extend(encode(&[("host", b"siege-host.example")]));
    served_or_not(
        context,
        &mut frames,
        &block,
        "an authority and another host",
    )
    .await?;
    Ok("refused".to_owned())
}

async fn served_or_not(
    context: &Context,
    frames: &mut Frames,
    block: &[u8],
    sent: &str,
) -> Result<(), Failure> {
    context.budget.request()?;
    until_answered(frames, block).await?;
    let seen = frames.seen();
    if seen.refused(1) {
        Ok(())
    } else {
        let what = match seen.status(1) {
            Some(status) => format!("{sent} is answered with {status}"),
            None => format!("{sent} is neither refused nor answered"),
        };
        Err(seen.evidence(what, sent).into())
    }
}

/// Sends a request, and waits until it is answered or refused.
async fn until_answered(frames: &mut Frames, block: &[u8]) -> Result<(), Failure> {
    frames
        .send(FrameType::Headers, END_HEADERS | END_STREAM, 1, block)
        .await?;
    frames
        .wait(ANSWER, |seen| {
            seen.refused(1) || seen.answers.contains_key(&1)
        })
        .await;
    Ok(())
}

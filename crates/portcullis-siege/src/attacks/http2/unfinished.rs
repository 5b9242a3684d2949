//! Beginnings of HTTP/2 that never become a request.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep_until};

use super::{END_HEADERS, END_STREAM, request};
use crate::{
    attacks::connections::{GRACE, Patience},
    context::Context,
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, encode, frame},
};

pub(crate) async fn slow_continuations(context: &Context) -> Finding {
    let block = request(context, "GET", context.control());
    let siege = Unfinished {
        begin: frame(FrameType::Headers, END_STREAM, 1, &block),
        pieces: vec![frame(FrameType::Continuation, 0, 1, &[]); PIECES],
        what: "HEADERS without END_HEADERS, and an empty CONTINUATION now and then",
    };
    siege.run(context, ready(context, 5).await?).await
}

pub(crate) async fn no_settings(context: &Context) -> Finding {
    let siege = Unfinished {
        begin: Vec::new(),
        pieces: Vec::new(),
        what: "HTTP/2's preface, and no SETTINGS",
    };
    let mut all = Vec::new();
    for _ in 0..context.intensity.scale(5) {
        all.push(Frames::with_preface(context, context.fresh()).await?);
    }
    siege.run(context, all).await
}

pub(crate) async fn half_headers(context: &Context) -> Finding {
    let mut block = request(context, "GET", context.control());
    block.extend(encode(&[("x-siege", &[b'a'; 2 * PIECES])]));
    let mut begin = frame(FrameType::Headers, END_STREAM | END_HEADERS, 1, &block);
    let rest = begin.split_off(begin.len() / 2);
    let quiet = Unfinished {
        begin: begin.clone(),
        pieces: Vec::new(),
        what: "half a HEADERS frame",
    };
    let slow = Unfinished {
        begin,
        pieces: rest.chunks(1).take(PIECES).map(<[u8]>::to_vec).collect(),
        what: "a HEADERS frame whose second half arrives a byte at a time",
    };
    let (one, other) = (ready(context, 3).await?, ready(context, 3).await?);
    let (one, other) = tokio::join!(quiet.run(context, one), slow.run(context, other));
    one.and(other)
}

/// What is begun on some connections, and what follows. Four pieces fit into the limit: a server that
/// bounds their number, and not their time, does not end it sooner.
struct Unfinished {
    begin: Vec<u8>,
    pieces: Vec<Vec<u8>>,
    what: &'static str,
}

impl Unfinished {
    /// Whether every connection ends within the limit on heads.
    async fn run(self, context: &Context, mut all: Vec<Frames>) -> Finding {
        let limit = Patience::try_new(context, context.profile.limits.header_seconds())?;
        for frames in &mut all {
            frames.write(&self.begin).await?;
        }
        let deadline = Instant::now() + limit.wait + GRACE;
        let (mut beat, mut pieces) = (interval((limit.limit / 4).max(LEAST)), self.pieces.iter());
        beat.tick().await;
        while Instant::now() < deadline && !all.iter().all(Frames::is_over) {
            tokio::select! {
                _ = beat.tick() => {}
                () = sleep_until(deadline) => break,
            }
            let piece = pieces.next();
            for (frames, piece) in all.iter_mut().zip(piece.iter().cycle()) {
                if !frames.is_over() {
                    frames.write(piece).await?;
                }
            }
        }
        self.judge(&all, limit)
    }

    fn judge(&self, all: &[Frames], limit: Patience) -> Finding {
        match all.iter().find(|frames| !frames.is_over()) {
            Some(open) => {
                let seconds = (limit.wait + GRACE).as_secs();
                let what = format!("the connection is open after {seconds} s: {}", self.what);
                limit.judge(Err(open.seen().evidence(what, self.what).into()))
            }
            None => Ok(format!("{} connections closed in time", all.len())),
        }
    }
}

async fn ready(context: &Context, count: usize) -> Result<Vec<Frames>, Failure> {
    let mut all = Vec::new();
    for _ in 0..context.intensity.scale(count) {
        all.push(Frames::open(context).await?);
    }
    Ok(all)
}

/// Between two pieces.
const LEAST: Duration = Duration::from_millis(100);
/// More than are sent.
const PIECES: usize = 20;

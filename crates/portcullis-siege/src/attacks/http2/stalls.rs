//! Windows that stay shut, or nearly.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep_until};

use super::{END_HEADERS, END_STREAM, request};
use crate::{
    attacks::connections::{GRACE, Patience},
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{FrameType, Frames, Seen, frame},
};

pub(crate) async fn shut_windows(context: &Context) -> Finding {
    let block = request(context, "GET", context.control());
    let mut stalls = Stalls::new(context)?;
    for window in [0, 1] {
        for _ in 0..context.intensity.scale(2) {
            stalls.open(context, window, &block, STREAMS).await?;
        }
    }
    stalls
        .end(None, "requests, and a window of 0 or 1 for each answer")
        .await
}

pub(crate) async fn sparing_windows(context: &Context) -> Finding {
    let path = route(&context.profile.routes.large)?;
    let block = request(context, "GET", path);
    let mut stalls = Stalls::new(context)?;
    for _ in 0..context.intensity.scale(3) {
        stalls.open(context, 0, &block, 1).await?;
    }
    let more = frame(FrameType::WindowUpdate, 0, 1, &1_u32.to_be_bytes());
    let how = "a large answer, and a window that opens a byte each second";
    stalls.end(Some(more), how).await
}

/// Connections whose streams wait for their windows.
struct Stalls {
    limit: Patience,
    all: Vec<(Frames, u32)>,
}

impl Stalls {
    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Self {
            limit: Patience::try_new(context, context.profile.limits.write_seconds())?,
            all: Vec::new(),
        })
    }

    /// Sends so many requests on a connection of their own.
    async fn open(
        &mut self,
        context: &Context,
        window: u32,
        block: &[u8],
        streams: u32,
    ) -> Result<(), Failure> {
        let frames = Frames::with_window(context, context.fresh(), window).await?;
        let mut frames = frames.ready().await?;
        let flags = END_HEADERS | END_STREAM;
        for stream in ids(streams) {
            context.budget.request()?;
            frames
                .send(FrameType::Headers, flags, stream, block)
                .await?;
        }
        self.all.push((frames, streams));
        Ok(())
    }

    /// Whether every stream ends within the limit on writes.
    async fn end(mut self, each_second: Option<Vec<u8>>, how: &str) -> Finding {
        let deadline = Instant::now() + self.limit.wait + GRACE;
        let mut beat = interval(Duration::from_secs(1));
        while Instant::now() < deadline && self.any_stalled() {
            tokio::select! {
                _ = beat.tick() => {}
                () = sleep_until(deadline) => break,
            }
            for (frames, streams) in &mut self.all {
                let seen = frames.seen();
                if let Some(bytes) = each_second.as_ref().filter(|_| is_stalled(&seen, *streams)) {
                    frames.write(bytes).await?;
                }
            }
        }
        self.judge(how)
    }

    fn any_stalled(&self) -> bool {
        let mut all = self.all.iter();
        all.any(|(frames, streams)| is_stalled(&frames.seen(), *streams))
    }

    fn judge(&self, how: &str) -> Finding {
        for (frames, streams) in &self.all {
            let seen = frames.seen();
            if !seen.ended.is_empty() {
                let why = "the answer is empty, or ends whatever the window says";
                return Err(Failure::not_tested(why));
            }
            if is_stalled(&seen, *streams) {
                let seconds = (self.limit.wait + GRACE).as_secs();
                let what = format!("streams are open after {seconds} s: {how}");
                return self.limit.judge(Err(seen.evidence(what, how).into()));
            }
        }
        Ok(format!("ended within {} s", self.limit.wait.as_secs()))
    }
}

/// Whether one of the streams still waits.
fn is_stalled(seen: &Seen, streams: u32) -> bool {
    let is_open = |stream| !seen.resets.contains_key(&stream);
    !seen.closed && seen.goaway.is_none() && ids(streams).any(is_open)
}

fn ids(streams: u32) -> impl Iterator<Item = u32> {
    (0..streams).map(|number| number * 2 + 1)
}

const STREAMS: u32 = 50;

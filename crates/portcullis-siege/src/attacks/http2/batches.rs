//! Control frames in large batches, and what a neighbour feels of them.

use std::{convert::Infallible, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::ANSWER;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Client, FrameType, Frames, Request, Seen, frame},
};

pub(crate) async fn control_batches(context: &Context) -> Finding {
    let pings = beside(context, "PING", frame(FrameType::Ping, 0, 0, &[7; 8])).await?;
    let settings = beside(context, "SETTINGS", frame(FrameType::Settings, 0, 0, &[])).await?;
    Ok(format!("PING: {pings}; SETTINGS: {settings}"))
}

/// Floods, and looks at a neighbour meanwhile. A server that does not close, and whose other clients
/// notice nothing, holds too.
async fn beside(context: &Context, name: &str, one: Vec<u8>) -> Finding {
    let (alone, ()) = neighbour(context, sleep(ALONE)).await?;
    let mut floods = JoinSet::new();
    for _ in 0..CONNECTIONS {
        floods.spawn(flood(context.clone(), one.clone()));
    }
    let (flooded, all) = neighbour(context, floods.join_all()).await?;
    let mut open = None;
    for frames in all {
        let frames = frames?;
        if !frames
            .wait(ANSWER, |seen| seen.closed || seen.goaway.is_some())
            .await
        {
            open = Some(frames.seen());
        }
    }
    let Some(open) = open else {
        return Ok("closed".to_owned());
    };
    if flooded <= alone * 4 + NOTICED {
        return Ok(format!("not closed, and a neighbour waits {flooded:.1?}"));
    }
    let what = format!(
        "{CONNECTIONS} connections of {name} frames go on, and a neighbour waits {flooded:.1?} in \
         place of {alone:.1?}"
    );
    let sent = format!("{name} frames in batches of {BATCH} bytes");
    Err(open.evidence(what, &sent).into())
}

/// Sends batches, and waits until the server has answered each frame, or closes.
async fn flood(context: Context, one: Vec<u8>) -> Result<Frames, Failure> {
    let frames = Frames::connect(&context, context.fresh()).await?;
    let mut frames = frames.ready().await?;
    let (ends, count) = (Instant::now() + LONGEST, BATCH / one.len());
    let (batch, mut sent) = (one.repeat(count), 0);
    while sent < BATCHES * count && !frames.is_over() && Instant::now() < ends {
        for _ in 0..count {
            context.budget.request()?;
        }
        frames.write(&batch).await?;
        sent += count;
    }
    let left = ends.saturating_duration_since(Instant::now());
    let is_done = |seen: &Seen| seen.acks > sent as u64 || seen.closed;
    frames.wait(left, is_done).await;
    Ok(frames)
}

/// Returns the median of how long requests of another client take while something is done.
async fn neighbour<T>(
    context: &Context,
    meanwhile: impl Future<Output = T>,
) -> Result<(Duration, T), Failure> {
    let (mut took, began) = (Vec::new(), Instant::now());
    let done = tokio::select! {
        failure = ask(context, &mut took) => return Err(failure),
        done = meanwhile => done,
    };
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied();
    // Without one, the first has waited all the time.
    Ok((median.unwrap_or_else(|| began.elapsed()), done))
}

/// Asks until it is stopped, or no answer comes.
async fn ask(context: &Context, took: &mut Vec<Duration>) -> Failure {
    let asking = async {
        let mut client = Client::connect(context, context.fresh(), false).await?;
        let request = Request::get(context.control());
        loop {
            let began = Instant::now();
            client.send(context, &request).await?;
            took.push(began.elapsed());
            sleep(PAUSE).await;
        }
    };
    let Err::<Infallible, Failure>(failure) = asking.await;
    failure
}

const CONNECTIONS: usize = 4;
/// Bytes that are written at once.
const BATCH: usize = 16 << 10;
const BATCHES: usize = 8;
/// How long a flood takes at most.
const LONGEST: Duration = Duration::from_secs(2);
/// How long the neighbour is looked at before it.
const ALONE: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(2);
/// What a busy machine does to anybody.
const NOTICED: Duration = Duration::from_millis(20);

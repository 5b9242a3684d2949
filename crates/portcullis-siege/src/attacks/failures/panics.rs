//! Panics: in a handler, and in a body.

use std::time::Duration;

use super::{LEAKS, block, head};
use crate::{
    attacks::{
        answers::{has_problems, slow_path},
        log::Log,
    },
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Exchange, FrameType, Frames, Request},
};

pub(crate) async fn panic(context: &Context) -> Finding {
    let request = context.get(route(&context.profile.routes.panic)?);
    let log = Log::here(context).await?;
    let answer = match context.expect(&request).await {
        Err(Failure::Unclear(_)) => return Err(no_answer(context, &request).await),
        answer => answer?,
    };
    let text = answer.text().to_lowercase();
    let content_type = answer.header("content-type");
    let what = if answer.status != 500 {
        Some(format!("{} for a panic", answer.status))
    } else if LEAKS.iter().any(|leak| text.contains(leak)) {
        Some("the answer reveals the panic".to_owned())
    } else if !content_type.starts_with("application/problem+json") && has_problems(context).await?
    {
        Some("500 that is no problem+json".to_owned())
    } else {
        None
    };
    answer.flawless(what)?;
    if let Some(log) = log {
        log.has_a_panic(&request.path).await?;
    }
    match (context.found.http2, &context.profile.routes.slow) {
        (true, Some(slow)) => beside_another(context, &request, slow).await,
        _ => Ok("500".to_owned()),
    }
}

/// A server that lets a panic through closes the connection.
async fn no_answer(context: &Context, request: &Request) -> Failure {
    match context.exchange(head(context, request)).await {
        Ok(seen) if seen.status().is_none() && seen.closed => {
            seen.breach("the connection is closed without an answer")
        }
        Ok(_) => Failure::unclear("there is an answer only now and then"),
        Err(failure) => failure,
    }
}

/// A stream beside the one that panics goes on.
async fn beside_another(context: &Context, request: &Request, slow: &str) -> Finding {
    let mut frames = Frames::open(context).await?;
    let other = context.get(&slow_path(slow, 300));
    for (stream, request) in [(1, &other), (3, request)] {
        let block = block(context, request, None);
        frames.send(FrameType::Headers, 5, stream, &block).await?;
    }
    frames
        .wait(Duration::from_secs(3), |seen| {
            seen.ended.contains(&1) || seen.closed
        })
        .await;
    let seen = frames.seen();
    match seen.status(1) {
        Some(200..=299) => Ok("500, and the stream beside it went on".to_owned()),
        _ => Err(seen
            .evidence(
                "a panic ends another stream of the connection",
                "a slow request, then one that panics",
            )
            .into()),
    }
}

pub(crate) async fn panic_in_body(context: &Context) -> Finding {
    let request = context.get(route(&context.profile.routes.panic_body)?);
    let log = Log::here(context).await?;
    let seen = context.exchange(head(context, &request)).await?;
    match seen.answers().first() {
        Some(answer) if answer.is_good() && answer.whole && !ends_with_connection(&seen) => {
            return Err(seen.breach("the body ends as if it were whole"));
        }
        Some(answer) if answer.is_good() && !seen.closed => {
            return Err(seen.breach("the answer never ends"));
        }
        _ => {}
    }
    if let Some(log) = log {
        log.has_a_panic(&request.path).await?;
        return Ok("cut, seen to be cut, and logged".to_owned());
    }
    Ok("cut, and seen to be cut".to_owned())
}

/// Whether a body's end is only the connection's.
fn ends_with_connection(seen: &Exchange) -> bool {
    let answers = seen.answers();
    !answers
        .first()
        .is_some_and(|answer| answer.has("content-length") || answer.has("transfer-encoding"))
}

//! Panic after panic.

use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn panic_after_panic(context: &Context) -> Finding {
    let request = context.get(route(&context.profile.routes.panic)?);
    let first = context.send(&request).await.map_err(not_first)?;
    if first.status < 500 {
        return Err(Failure::unclear(format!("{} for a panic", first.status)));
    }
    let panics = enough(context);
    for count in 2..=panics {
        let answer = answer_of(context, &request, count).await?;
        if answer.status == 429 {
            return Err(Failure::unclear(format!("429 for panic number {count}")));
        }
        let what = if answer.status != first.status {
            format!(
                "{} for panic number {count}, {} for the first",
                answer.status, first.status
            )
        } else if !answer.whole || answer.body.is_empty() != first.body.is_empty() {
            format!("the answer to panic number {count} is not whole")
        } else {
            continue;
        };
        return Err(request.breach(context, &answer, what));
    }
    still_served(context, panics).await?;
    Ok(format!(
        "{panics} panics, each {}; others are served",
        first.status
    ))
}

/// Where each kept the place of a request, all places would be gone.
fn enough(context: &Context) -> usize {
    let places = context.profile.limits.in_flight.unwrap_or_default();
    (places + 1).clamp(PANICS, MOST)
}

/// One that never answers is J01's.
fn not_first(failure: Failure) -> Failure {
    match failure {
        Failure::Unclear(_) => Failure::unclear("no answer to a panic (J01)"),
        other => other,
    }
}

async fn answer_of(context: &Context, request: &Request, count: usize) -> Result<Answer, Failure> {
    match context.send(request).await {
        Err(Failure::Unclear(why)) => {
            let what = format!("no answer to panic number {count}: {why}");
            Err(request.breach(context, &Answer::default(), what))
        }
        answer => answer,
    }
}

/// A panic leaves no lock and no place behind.
async fn still_served(context: &Context, panics: usize) -> Result<(), Failure> {
    let paths = [
        Some(context.control()),
        context.profile.routes.protected.as_deref(),
    ];
    for path in paths.into_iter().flatten() {
        let request = context.get(path);
        let answer = context.expect(&request).await?;
        let what = format!("{} after {panics} panics", answer.status);
        answer.holds(answer.status < 500, what)?;
    }
    Ok(())
}

const PANICS: usize = 20;
/// A server of more places is not emptied.
const MOST: usize = 300;

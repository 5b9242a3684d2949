//! JSON that is deeper than a stack.

use std::time::Duration;

use tokio::time::sleep;

use super::bodies::to_any_body;
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn deep_json(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes().value as usize;
    let mut deepest = 0;
    for (open, middle, close) in [("[", "", "]"), ("{\"a\":", "1", "}")] {
        let depth = DEPTH.min(limit.saturating_sub(16) / (open.len() + close.len()));
        let body = [&open.repeat(depth), middle, &close.repeat(depth)].concat();
        let request = to_any_body(context)?.header("content-type", "application/json");
        survived(context, &request.body(body), depth).await?;
        deepest = deepest.max(depth);
    }
    Ok(format!("{deepest} levels: answered, and the server stays"))
}

async fn survived(context: &Context, request: &Request, depth: usize) -> Result<(), Failure> {
    let mut answer = answer(context, request).await?;
    if answer.status == 415 {
        return Err(Failure::not_tested("the route takes no JSON: 415"));
    }
    let is_first_bad = is_bad(&answer);
    if is_first_bad && serves(context).await {
        answer = self::answer(context, request).await?;
    }
    match (is_first_bad, is_bad(&answer)) {
        (false, _) => return Ok(()),
        (true, false) => return Err(Failure::unclear("deep JSON is answered only now and then")),
        (true, true) => {}
    }
    let what = match answer.status {
        0 => format!("no answer to JSON of {depth} levels"),
        status => format!("{status} for JSON of {depth} levels; 4xx was expected"),
    };
    let evidence = request.evidence(context, &answer, what);
    let level = if serves(context).await {
        Level::Should
    } else {
        Level::Must
    };
    Err(evidence.at_most(level).into())
}

/// The answer; empty if there is none.
async fn answer(context: &Context, request: &Request) -> Result<Answer, Failure> {
    match context.send(request).await {
        Err(Failure::Unclear(_)) => Ok(Answer::default()),
        answer => answer,
    }
}

fn is_bad(answer: &Answer) -> bool {
    !(100..500).contains(&answer.status)
}

/// Whether a plain request is served: three tries, because a machine under siege is busy.
async fn serves(context: &Context) -> bool {
    for _ in 0..3 {
        if context.send(&Request::get(context.control())).await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(500)).await;
    }
    false
}

const DEPTH: usize = 100_000;

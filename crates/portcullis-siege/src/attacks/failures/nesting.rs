//! JSON that is deeper than a stack.

use super::bodies::to_body;
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn deep_json(context: &Context) -> Finding {
    let limit = context.profile.limits.body_bytes as usize;
    let mut deepest = 0;
    for (open, middle, close) in [("[", "", "]"), ("{\"a\":", "1", "}")] {
        let depth = DEPTH.min(limit.saturating_sub(16) / (open.len() + close.len()));
        let body = [&open.repeat(depth), middle, &close.repeat(depth)].concat();
        let request = to_body(context)?.header("content-type", "application/json");
        survived(context, &request.body(body), depth).await?;
        deepest = deepest.max(depth);
    }
    Ok(format!("{deepest} levels: answered, and the server stays"))
}

async fn survived(context: &Context, request: &Request, depth: usize) -> Result<(), Failure> {
    let answer = match context.send(request).await {
        Err(Failure::Unclear(_)) => Answer::default(),
        answer => answer?,
    };
    if (100..500).contains(&answer.status) {
        return Ok(());
    }
    let what = match answer.status {
        0 => format!("no answer to JSON of {depth} levels"),
        status => format!("{status} for JSON of {depth} levels; 4xx was expected"),
    };
    let evidence = request.evidence(context, &answer, what);
    let serves = context.send(&Request::get(context.control())).await.is_ok();
    let level = if serves { Level::Should } else { Level::Must };
    Err(evidence.at_most(level).into())
}

const DEPTH: usize = 100_000;

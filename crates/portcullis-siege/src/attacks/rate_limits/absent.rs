//! A quota that is promised or declared: it must bite, and with 429.

use std::net::IpAddr;

use crate::{
    Level,
    attacks::limiter::{Quota, limited, until_limited, until_limited_within},
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn never_bites(context: &Context) -> Finding {
    let mut seen = until_limited(context, context.fresh(), |_, request| request).await?;
    if seen.is_limited() {
        return Ok(format!("429 after {} requests", seen.count));
    }
    if seen.count == 0 || is_refused(&seen.last.1) {
        seen = seen.limited()?;
    }
    let quota = Quota::from_answer(context, &seen.last.1)?;
    let twice = (quota.burst * 2.0) as usize;
    if twice > seen.count {
        let most = twice.min(MOST);
        seen = until_limited_within(context, context.fresh(), most, |_, request| request).await?;
    }
    let allowed = quota.within(seen.took);
    if seen.is_limited() {
        Ok(format!("429 after {} requests", seen.count))
    } else if seen.count as f64 >= allowed * 1.9 {
        Err(unlimited(context, &seen.last, seen.count, allowed))
    } else {
        let count = seen.count;
        Err(Failure::not_tested(format!(
            "the quota is {allowed:.0}; more than {count} requests are not sent"
        )))
    }
}

fn unlimited(context: &Context, last: &(Request, Answer), count: usize, allowed: f64) -> Failure {
    let (request, answer) = last;
    let source = if Quota::is_promised(context) {
        "promised"
    } else {
        "declared"
    };
    let what = format!("{count} requests are served, none is refused; {source} are {allowed:.0}");
    let curl = request.curl(context);
    let evidence = request.evidence(context, answer, what);
    evidence
        .repeat(format!("for i in $(seq {count}); do {curl}; done"))
        .into()
}

pub(crate) async fn another_status(context: &Context) -> Finding {
    let seen = until_limited(context, context.fresh(), |_, request| request).await?;
    let (status, is_declared) = (seen.last.1.status, seen.last.1.has("ratelimit-policy"));
    if seen.is_limited() || !is_refused(&seen.last.1) || seen.count == 0 {
        seen.limited()?;
        return Ok("429".to_owned());
    }
    // A server that is overloaded refuses others too.
    for _ in 0..3 {
        let beyond = beyond(context, seen.last.0.source).await?;
        let other = context.send(&limited(context)?).await?;
        if beyond != status || !other.is_good() {
            return Err(Failure::unclear(format!(
                "{status}, and not only to one client"
            )));
        }
    }
    let (request, answer) = &seen.last;
    let what = format!(
        "{status} after {} requests, while others are served: 429 is for this",
        seen.count
    );
    let evidence = request.evidence(context, answer, what);
    let level = if is_declared {
        Level::Must
    } else {
        Level::Should
    };
    Err(evidence.at_most(level).into())
}

/// Whether a client that was served before is not any more.
const fn is_refused(answer: &Answer) -> bool {
    answer.status >= 400 && answer.status != 404
}

/// What a client gets that has sent enough for a second time.
async fn beyond(context: &Context, source: Option<IpAddr>) -> Result<u16, Failure> {
    let seen = until_limited(context, source, |_, request| request).await?;
    Ok(seen.last.1.status)
}

/// More requests than this are not sent.
const MOST: usize = 2000;

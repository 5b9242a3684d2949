//! A quota that is promised or declared: it must bite, and with 429.

use std::net::IpAddr;

use crate::{
    Level,
    attacks::limiter::{Quota, Served, limited, until_limited, until_limited_within},
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn never_bites(context: &Context) -> Finding {
    let mut seen = until_limited(context, context.fresh(), |_, request| request).await?;
    if seen.is_limited() {
        return bites(context, &seen);
    }
    if seen.count == 0 || is_refused(&seen.last.1) {
        seen = seen.limited()?;
    }
    let quota = Quota::from_answer(context, &seen.last.1).ok();
    let burst = quota.map(|quota| quota.burst);
    // A limit for each client is promised, and nobody said how much that is.
    let twice = burst.or(legacy(&seen.last.1)).map_or(MOST, twice);
    if twice > seen.count {
        let most = twice.min(MOST);
        seen = until_limited_within(context, context.fresh(), most, |_, request| request).await?;
    }
    if seen.is_limited() {
        return bites(context, &seen);
    }
    let (count, took) = (seen.count, seen.took);
    let allowed = quota.map(|quota| quota.within(took));
    let expected = allowed.or(legacy(&seen.last.1)).unwrap_or(0.0);
    if count as f64 >= expected * 1.9 {
        return Err(unlimited(context, &seen.last, count, allowed));
    }
    Err(Failure::not_tested(format!(
        "the quota is {expected:.0}; more than {count} requests are not sent"
    )))
}

/// A 429 that comes far too early is another limit's, such as a lockout.
fn bites(context: &Context, seen: &Served) -> Finding {
    let quota = Quota::from_answer(context, &seen.last.1);
    let least = quota.map_or(1.0, |quota| (quota.burst / 2.0).max(1.0));
    let count = seen.count;
    if (count as f64) < least {
        let why = format!("429 after {count} requests: what another attack used up is missing");
        return Err(Failure::unclear(why));
    }
    Ok(format!("429 after {count} requests"))
}

fn twice(burst: f64) -> usize {
    (burst * 2.0) as usize
}

/// A quota in the field that many servers had before there was a draft.
fn legacy(answer: &Answer) -> Option<f64> {
    let names = ["x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit"];
    let quotas = names.iter().map(|name| answer.header(name));
    let mut quotas = quotas.filter_map(|quota| quota.split([',', ';']).next()?.trim().parse().ok());
    quotas.next()
}

fn unlimited(
    context: &Context,
    last: &(Request, Answer),
    count: usize,
    allowed: Option<f64>,
) -> Failure {
    let (request, answer) = last;
    let promise = match allowed {
        Some(allowed) if Quota::is_promised(context) => format!("promised are {allowed:.0}"),
        Some(allowed) => format!("declared are {allowed:.0}"),
        None => {
            "routes.limited promises a limit for each client (if it is higher: limits.burst and \
                 limits.per_second)"
                .to_owned()
        }
    };
    let what = format!("{count} requests are served, none is refused; {promise}");
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

//! H: rate limits.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    counted::by_address,
    expect::expect,
    limiter::{Quota, limited, longest_window, parameter, until_limited},
};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request},
};

mod absent;
mod escapes;
mod quota;
mod spellings;
mod table;
mod windows;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    absent::{another_status, never_bites},
    escapes::{Trick, by_connection, by_header, by_key, by_query},
    quota::{admits_its_quota, both_protocols, race},
    spellings::{by_method, by_path},
    windows::two_bursts,
};

pub(crate) async fn answer(context: &Context) -> Finding {
    let (request, answer) = refused(context).await?;
    let seconds = answer.retry_after().unwrap_or(0);
    let expected = expect(context, &request, &answer);
    expected.flawless(wrong_fields(&answer))?;
    let lacks: Vec<_> = [
        (seconds == 0).then_some("a Retry-After of a second or more, or of a date to come"),
        (!answer.has("ratelimit-policy") && !answer.has("ratelimit"))
            .then_some("RateLimit-Policy and RateLimit"),
        (!is_problem(&answer)).then_some("a body of problem+json"),
        (!answer.header("cache-control").contains("no-store")).then_some("no-store"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let what = (!lacks.is_empty()).then(|| format!("429 without {}", lacks.join(", without ")));
    let lowered = |failure: Failure| match seconds {
        0 => failure,
        _ => failure.at_most(Level::Opinion, "no standard says that it must be"),
    };
    expected.flawless(what).map_err(lowered)?;
    Ok(format!("Retry-After: {}", answer.header("retry-after")))
}

/// What is wrong with the fields of the draft, where the server has any of them: nobody must have them.
fn wrong_fields(answer: &Answer) -> Option<&'static str> {
    let (policy, limit) = (
        answer.header("ratelimit-policy"),
        answer.header("ratelimit"),
    );
    if answer.has("ratelimit-policy") && (!is_item(policy) || parameter(policy, "q").is_none()) {
        Some("RateLimit-Policy without q")
    } else if answer.has("ratelimit") && (!is_item(limit) || parameter(limit, "r").is_none()) {
        Some("RateLimit without r")
    } else {
        None
    }
}

pub(crate) async fn retry_after(context: &Context) -> Finding {
    by_address(context).await?;
    let source = context.fresh();
    for _ in 0..2 {
        let seen = until_limited(context, source, |_, request| request)
            .await?
            .limited()?;
        let (request, answer) = &seen.last;
        let Some(seconds) = answer.retry_after() else {
            return Err(Failure::not_tested("429 without Retry-After (H04)"));
        };
        if let Some(most) = longest_wait(context, answer)
            && seconds > most
        {
            let what = format!("Retry-After is {seconds} s; the quota is whole after {most} s");
            let evidence = request.evidence(context, answer, what);
            return Err(evidence.at_most(exceeded(context)).into());
        }
        if seconds > context.intensity.patience().as_secs() {
            return Err(Failure::not_tested(format!("Retry-After is {seconds} s")));
        }
        sleep(Duration::from_secs(seconds)).await;
        let again = context.expect(request).await?;
        let what = format!("429 again after waiting the {seconds} s of Retry-After");
        again.holds(again.status != 429, what)?;
    }
    Ok("served after the wait".to_owned())
}

/// How much a quota must hold to the request: what is only declared may mean windows.
pub(super) fn exceeded(context: &Context) -> Level {
    if Quota::is_promised(context) {
        Level::Must
    } else {
        Level::Should
    }
}

/// After how many seconds the whole quota is there again, rounded up, and one more.
fn longest_wait(context: &Context, answer: &Answer) -> Option<u64> {
    let declared = longest_window(answer.header("ratelimit-policy"));
    let quota = Quota::from_answer(context, answer).ok();
    let whole = quota.map(|quota| (quota.burst / quota.per_second).ceil() as u64);
    Some(declared.max(whole)? + 1)
}

pub(crate) async fn remaining(context: &Context) -> Finding {
    let quota = quota(context).await?;
    let source = context.fresh();
    let mut client = Client::connect(context, source, false).await?;
    let mut before: Option<(u64, Instant)> = None;
    for _ in 0..(quota.burst as usize + 5).min(300) {
        let request = limited(context)?.from(source);
        let answer = client.send(context, &request).await?;
        let field = answer.header("ratelimit");
        let Some(remaining) = parameter(field, "r") else {
            return Err(request.breach(context, &answer, "an answer without RateLimit"));
        };
        let window = parameter(answer.header("ratelimit-policy"), "w");
        if let (Some(t), Some(w)) = (parameter(field, "t"), window)
            && t > w
        {
            return Err(request.breach(context, &answer, "t is beyond w"));
        }
        if let Some((last, when)) = before {
            let back = (quota.per_second * when.elapsed().as_secs_f64() + 0.2).floor();
            let rises = remaining as f64 > last as f64 + back;
            let what = format!("r rises from {last} to {remaining}");
            expect(context, &request, &answer).holds(!rises, what)?;
        }
        before = Some((remaining, Instant::now()));
    }
    Ok("r falls, t within w".to_owned())
}

pub(crate) async fn probes(context: &Context) -> Finding {
    let source = context.fresh();
    let mut client = Client::connect(context, source, false).await?;
    let request = Request::get(route(&context.profile.routes.health)?).from(source);
    for _ in 0..200 {
        let answer = client.send(context, &request).await?;
        expect(context, &request, &answer).holds(answer.status != 429, "a probe is limited")?;
    }
    Ok("200 probes, none limited".to_owned())
}

async fn refused(context: &Context) -> Result<(Request, Answer), Failure> {
    let seen = until_limited(context, context.fresh(), |_, request| request).await?;
    Ok(seen.limited()?.last)
}

/// What the server promises. The route must have a limit at all, and for each address.
async fn quota(context: &Context) -> Result<Quota, Failure> {
    by_address(context).await?;
    let (_, answer) = refused(context).await?;
    Quota::from_answer(context, &answer)
}

/// Whether a field begins with a string, as an item does (RFC 9651).
fn is_item(field: &str) -> bool {
    field.starts_with('"')
}

fn is_problem(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .starts_with("application/problem+json")
}

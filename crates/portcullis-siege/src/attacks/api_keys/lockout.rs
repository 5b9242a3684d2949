//! Clients that guess are locked out, and nobody else.

use std::net::IpAddr;

use super::protected;
use crate::{
    attacks::counted::clients_differ,
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn lockout(context: &Context) -> Finding {
    clients_differ(context).await?;
    let after = context.profile.lockout.after.unwrap_or(1);
    polite(context, after).await?;
    let attacker = context.fresh();
    for i in 0..after {
        guess(context, attacker, i, after).await?;
    }
    let what = format!("{after} wrong keys, and then a right one is served: nobody is locked out");
    let locked = is_locked(context, attacker, &what).await?;
    neighbour_is_served(context).await?;
    // Who has one key must not guess another's for ever.
    let insider = context.fresh();
    for i in 0..after {
        guess(context, insider, i, after).await?;
        if i + 2 == after {
            context.send(&right(context, insider)?).await?;
        }
    }
    let what = format!("{after} wrong keys with a right one among them: nobody is locked out");
    is_locked(context, insider, &what).await?;
    Ok(format!(
        "429 after {after} wrong keys, for {locked} s at first; others are served"
    ))
}

/// Shows that it is no rate limit that refuses so many requests.
async fn polite(context: &Context, after: u32) -> Result<(), Failure> {
    let client = context.fresh();
    for _ in 0..after + 2 {
        let answer = context.send(&right(context, client)?).await?;
        if !answer.is_good() {
            let status = answer.status;
            return Err(Failure::not_tested(format!(
                "{} requests with a right key are not served: {status}",
                after + 2
            )));
        }
    }
    Ok(())
}

/// The last of them may already be told of the lock.
async fn guess(
    context: &Context,
    from: Option<IpAddr>,
    at: u32,
    after: u32,
) -> Result<(), Failure> {
    let request = Request::get(protected(context)?)
        .with_key(context, format!("siege_guess_{at:08}"))
        .from(from);
    let answer = context.expect(&request).await?;
    let expected: &[u16] = if at + 1 == after {
        &[401, 403, 429]
    } else {
        &[401, 403]
    };
    answer.status(expected, &format!("wrong key number {}", at + 1))?;
    Ok(())
}

async fn is_locked(context: &Context, from: Option<IpAddr>, what: &str) -> Result<u64, Failure> {
    let request = right(context, from)?;
    let answer = context.expect(&request).await?;
    answer.holds(answer.status == 429, what)?;
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or(0);
    answer.holds(seconds > 0, "a lockout without Retry-After")?;
    Ok(seconds)
}

async fn neighbour_is_served(context: &Context) -> Result<(), Failure> {
    let request = right(context, context.fresh())?;
    let answer = context.expect(&request).await?;
    let what = format!("{} for a right key from another address", answer.status);
    answer.holds(answer.is_good(), what)?;
    Ok(())
}

fn right(context: &Context, from: Option<IpAddr>) -> Result<Request, Failure> {
    Ok(Request::get(protected(context)?).key(context).from(from))
}

//! Keys that are dead, and what is looked at before that: their scopes, and the count of guesses.

use super::{protected, refusals::UNKNOWN};
use crate::{context::Context, verdict::Failure, wire::Request};

/// Who looks at scopes first tells which keys once were.
pub(super) async fn same_for_another_role(
    context: &Context,
    name: &str,
    dead: &str,
) -> Result<(), Failure> {
    let Some(admin) = &context.profile.routes.admin else {
        return Ok(());
    };
    let unknown = Request::get(admin).with_key(context, UNKNOWN);
    let unknown = context.send(&unknown).await?.status;
    let request = Request::get(admin).with_key(context, dead);
    let answer = context.expect(&request).await?;
    let is_same = answer.status == unknown || answer.status == 429 || unknown == 429;
    let what = format!(
        "{} for {name} at {admin}, and {unknown} for an unknown one",
        answer.status
    );
    answer.holds(is_same, what)?;
    Ok(())
}

/// Where unknown keys lock a client out, dead ones do: or it can tell them apart, and try them for ever.
pub(super) async fn counts_as_a_guess(
    context: &Context,
    name: &str,
    dead: &str,
) -> Result<(), Failure> {
    let after = context.profile.lockout.after;
    let Some(after) = after.filter(|after| *after <= FEW && context.sources.are_many()) else {
        return Ok(());
    };
    if last_of(context, after, UNKNOWN).await?.1 != 429 {
        return Ok(());
    }
    let (request, status) = last_of(context, after, dead).await?;
    if matches!(status, 429 | 503) {
        return Ok(());
    }
    let answer = context.expect(&request).await?;
    let what =
        format!("{name} is no guess: {after} unknown ones lock a client out, and it does not");
    answer.holds(answer.status == 429, what)?;
    Ok(())
}

/// One more than are allowed, from one address.
async fn last_of(context: &Context, after: u32, key: &str) -> Result<(Request, u16), Failure> {
    let request = Request::get(protected(context)?).with_key(context, key);
    let request = request.from(context.fresh());
    let mut status = 0;
    for _ in 0..=after {
        status = context.send(&request).await?.status;
    }
    Ok((request, status))
}

/// More guesses take their time.
const FEW: u32 = 20;

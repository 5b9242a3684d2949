//! A thousand keys in a row.

use super::protected;
use crate::{
    Level,
    attacks::counted::{by_address, clients_differ},
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request},
};

pub(crate) async fn brute_force(context: &Context) -> Finding {
    clients_differ(context).await?;
    let path = protected(context)?;
    let attacker = context.fresh();
    let mut client = Client::connect(context, attacker, false).await?;
    let (mut limited, mut last) = (0, (Request::get(path), Answer::default()));
    for i in 0..GUESSES {
        let request = Request::get(path)
            .with_key(context, format!("siege_guess_{i:08}"))
            .from(attacker);
        let Ok(answer) = client.send(context, &request).await else {
            client = Client::connect(context, attacker, false).await?;
            continue;
        };
        limited += usize::from(answer.status == 429);
        last = (request, answer);
    }
    let promised = context.profile.lockout.after;
    if limited == 0 && promised.is_some_and(|after| after <= GUESSES) {
        let why = "no 429 for 1,000 wrong keys: the lockout that is promised is absent (E16)";
        return Err(Failure::not_tested(why));
    }
    if limited == 0 {
        let what = "1,000 wrong keys in a row, and no 429";
        let evidence = last.0.evidence(context, &last.1, what).only_in_a_siege();
        let routes = &context.profile.routes;
        let is_promised = routes.limited == routes.protected || last.1.has("ratelimit-policy");
        return Err(if is_promised {
            evidence.into()
        } else {
            Failure::from(evidence).at_most(Level::Should, "no limit is promised for this route")
        });
    }
    let request = Request::get(path).key(context).from(context.fresh());
    let elsewhere = context.expect(&request).await?;
    if elsewhere.status == 429 {
        // Who counts keys, or one client for all, may refuse this one for what others did.
        by_address(context).await?;
    }
    let what = format!(
        "{} for a valid key from another address: everybody is locked out",
        elsewhere.status
    );
    elsewhere.holds(elsewhere.is_good(), what)?;
    Ok(format!(
        "{limited} of 1,000 refused with 429; a valid key elsewhere is served"
    ))
}

/// A thousand, as the attack says.
const GUESSES: u32 = 1000;

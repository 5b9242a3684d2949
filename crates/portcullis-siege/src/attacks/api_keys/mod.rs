//! E: API keys.

use super::{
    counted::{by_address, clients_differ},
    telemetry::grep,
};
use crate::{
    Level, Severity,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request, in_words},
};

mod bypass;
mod door;
mod empty;
mod existence;
mod form;
mod lockout;
mod objects;
mod paths;
mod places;
mod refusals;
mod refused;
mod roles;
mod store;
mod table;
mod timing;
mod trust;
mod writes;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    bypass::{bypass, upgrades},
    empty::no_key_at_all,
    existence::existence,
    lockout::lockout,
    objects::{not_allowed, of_another},
    paths::{from_public, slashes, spellings, suffixes},
    places::{other_forms, other_parameters},
    refusals::{same_heads, same_heads_of_dead, same_heads_of_known},
    roles::named_roles,
    store::{dead_keys, flip, store_down},
    timing::timing,
    trust::{identities, local_addresses, overrides, rewrites, underscores},
    writes::written_by_another,
};
use self::{
    form::{Form, credential, in_query},
    refused::{is_no_limit, is_refused, not_let_in, other_words, same_refusal, without_id},
};

pub(crate) async fn no_key(context: &Context) -> Finding {
    let request = Request::get(protected(context)?);
    let answer = context.expect(&request).await?;
    let content_type = answer.header("content-type");
    is_refused(&answer, "no key")?;
    if answer.status == 403 {
        let evidence = request.evidence(context, &answer, "403 without a key, and not 401");
        return Err(evidence.at_most(Level::Opinion).costs(Severity::Low).into());
    }
    answer
        .holds(
            answer.has("www-authenticate"),
            "401 without WWW-Authenticate",
        )
        .map_err(|failure| failure.costs(Severity::Low))?;
    answer
        .holds(
            content_type.starts_with("application/problem+json"),
            "401 that is no problem+json",
        )
        .map_err(|failure| failure.at_most(Level::Opinion, "no standard says that it must be"))?;
    Ok(format!("401, {}", answer.header("www-authenticate")))
}

pub(crate) async fn wrong_key(context: &Context) -> Finding {
    let path = protected(context)?;
    let none = context.send(&Request::get(path)).await?;
    let request = Request::get(path).with_key(context, "siege_wrong_0123456789abcdef");
    let same = same_refusal(context, &request, &none).await;
    let why = "no standard says that it must be the same";
    same.map_err(|failure| other_words(failure, Level::Opinion, why))?;
    Ok(format!("the same {}", none.status))
}

pub(crate) async fn wrong_secret(context: &Context) -> Finding {
    let path = protected(context)?;
    let unknown = context
        .send(&Request::get(path).with_key(context, "siege_wrong_0123456789abcdef"))
        .await?;
    let key = key(context)?;
    for at in [key.len() / 2, key.len() * 3 / 4, key.len() - 1] {
        let request = Request::get(path).with_key(context, changed(key, at));
        same_refusal(context, &request, &unknown).await?;
    }
    let Some(form) = Form::parse(key) else {
        return Ok("the same refusal of 3 changed keys".to_owned());
    };
    // A checksum refuses those before anybody looks for the key.
    let nobody = Request::get(path).with_key(context, form.of_nobody());
    let nobody = context.send(&nobody).await?;
    for at in [0, form::SECRET - 1] {
        let request = Request::get(path).with_key(context, form.wrong_at(at));
        same_refusal(context, &request, &nobody).await?;
    }
    Ok(
        "the same refusal of 3 changed keys, and of 2 wrong secrets with right checksums"
            .to_owned(),
    )
}

pub(crate) async fn near_misses(context: &Context) -> Finding {
    let path = protected(context)?;
    let unknown = context
        .send(&Request::get(path).with_key(context, "siege_wrong_0123456789abcdef"))
        .await?;
    let key = key(context)?;
    let token = credential(key);
    // The case of a scheme is nothing (RFC 9110, 11.1).
    let scheme = &key[..key.len() - token.len()];
    let swapped: String = token
        .chars()
        .map(|c| {
            if c.is_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let mut misses = vec![
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!("{key} 0"),
        key.repeat(2),
    ];
    if swapped != token {
        misses.push(format!("{scheme}{swapped}"));
    }
    for miss in &misses {
        let request = Request::get(path).with_key(context, miss);
        let same = same_refusal(context, &request, &unknown).await;
        let why = "a key's form is no secret";
        same.map_err(|failure| other_words(failure, Level::Should, why))?;
    }
    let status = unknown.status;
    Ok(format!(
        "the same {status} for {} near misses",
        misses.len()
    ))
}

pub(crate) async fn wrong_place(context: &Context) -> Finding {
    let path = protected(context)?;
    let canary = format!("siege_canary_{:016x}", rand::random::<u64>());
    let name = &context.profile.keys.header;
    let key = context.profile.keys.valid.as_deref().unwrap_or(&canary);
    let and = if path.contains('?') { '&' } else { '?' };
    let (whole, token) = (in_query(key), in_query(credential(key)));
    let tries = [
        Request::get(format!(
            "{path}{and}{name}={whole}&api_key={token}&key={token}"
        )),
        Request::get(path).header("cookie", format!("{name}={key}; api_key={key}")),
        Request::get(path).header("authorization", format!("Basic {key}")),
    ];
    for request in tries {
        let answer = context.expect(&request).await?;
        is_no_limit(&answer)?;
        // Who has the key has it: RFC 6750, 2.3, says SHOULD NOT of a query.
        answer
            .status([400, 401, 403], "a key in another place")
            .map_err(|failure| failure.at_most(Level::Should, "it is the right key"))?;
    }
    let request = Request::get(format!("{path}{and}api_key={canary}")).with_key(context, &canary);
    let answer = context.expect(&request).await?;
    answer.holds(!answer.mentions(&canary), "the answer repeats the key")?;
    grep(context, &[&canary]).await?;
    Ok("refused in query, cookie and Authorization; the key is nowhere".to_owned())
}

pub(crate) async fn two_keys(context: &Context) -> Finding {
    let (path, key) = (protected(context)?, key(context)?);
    let wrong = "siege_wrong_0123456789abcdef";
    for request in [
        Request::get(path)
            .with_key(context, key)
            .with_key(context, wrong),
        Request::get(path)
            .with_key(context, wrong)
            .with_key(context, key),
        Request::get(path).with_key(context, format!("{key}, {wrong}")),
        Request::get(path).with_key(context, format!("{wrong},{key}")),
    ] {
        let answer = context.expect(&request).await?;
        is_no_limit(&answer)?;
        answer.status([400, 401, 403, 431], "two keys, one of them right")?;
    }
    Ok("4 pairs refused".to_owned())
}

pub(crate) async fn monstrous_keys(context: &Context) -> Finding {
    let path = protected(context)?;
    let name = &context.profile.keys.header;
    for key in ["k".repeat(1 << 20), "k".repeat(9000)] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{name}: {key}\r\n\r\n",
            context.target.authority()
        );
        let seen = context.exchange(head).await?;
        match seen.status() {
            Some(400 | 401 | 403 | 413 | 431) => {}
            None if seen.closed => {}
            Some(429) => return Err(Failure::limited()),
            None => return Err(Failure::unclear("no answer, and the connection stays open")),
            status => {
                let what = format!("{} for a key of {} bytes", in_words(status), key.len());
                return Err(not_let_in(seen.breach(what), status));
            }
        }
    }
    let request = Request::get(path).with_key(context, b"\xff\xfe\x80siege");
    let answer = context.expect(&request).await?;
    is_no_limit(&answer)?;
    answer
        .status([400, 401, 403, 431], "a key that is no text")
        .map_err(|failure| not_let_in(failure, Some(answer.status)))?;
    Ok("refused".to_owned())
}

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

/// A key with one character changed.
fn changed(key: &str, at: usize) -> String {
    let characters = key.chars().enumerate();
    let changed = characters.map(|(i, c)| match c {
        c if i != at => c,
        'a' => 'b',
        _ => 'a',
    });
    changed.collect()
}

fn protected(context: &Context) -> Result<&str, Failure> {
    route(&context.profile.routes.protected)
}

fn key(context: &Context) -> Result<&str, Failure> {
    let key = context
        .profile
        .keys
        .valid
        .as_deref()
        .filter(|key| key.len() >= 4);
    key.ok_or_else(|| Failure::not_tested("the valid key is too short to change"))
}

/// A thousand, as the attack says.
const GUESSES: u32 = 1000;

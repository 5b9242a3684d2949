//! E: API keys.

use super::{
    counted::{by_address, clients_differ},
    telemetry::grep,
};
use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Client, Request, in_words},
};

mod bypass;
mod door;
mod empty;
mod form;
mod lockout;
mod objects;
mod paths;
mod places;
mod refusals;
mod roles;
mod store;
mod table;
mod timing;
mod trust;
mod writes;

pub(crate) use self::table::ATTACKS;

use self::form::{Form, credential, in_query};
pub(crate) use self::{
    bypass::{bypass, upgrades},
    empty::no_key_at_all,
    lockout::lockout,
    objects::{not_allowed, of_another},
    paths::{from_public, slashes, spellings, suffixes},
    places::{other_forms, other_parameters},
    refusals::{existence, same_heads, same_heads_of_dead, same_heads_of_known},
    roles::named_roles,
    store::{dead_keys, flip, store_down},
    timing::timing,
    trust::{identities, local_addresses, overrides, rewrites, underscores},
    writes::written_by_another,
};

pub(crate) async fn no_key(context: &Context) -> Finding {
    let request = Request::get(protected(context)?);
    let answer = context.expect(&request).await?;
    let content_type = answer.header("content-type");
    answer.status([401], "no key")?;
    answer.holds(
        answer.has("www-authenticate"),
        "401 without WWW-Authenticate",
    )?;
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
    same_refusal(context, &request, &none).await?;
    Ok("the same 401".to_owned())
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
        return Ok("the same 401 for 3 changed keys".to_owned());
    };
    // A checksum refuses those before anybody looks for the key.
    let nobody = Request::get(path).with_key(context, form.of_nobody());
    let nobody = context.send(&nobody).await?;
    for at in [0, form::SECRET - 1] {
        let request = Request::get(path).with_key(context, form.wrong_at(at));
        same_refusal(context, &request, &nobody).await?;
    }
    Ok("the same 401 for 3 changed keys, and for 2 wrong secrets with right checksums".to_owned())
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
        same_refusal(context, &request, &unknown).await?;
    }
    Ok(format!("the same 401 for {} near misses", misses.len()))
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
        answer.status([401], "a key in another place")?;
    }
    let request = Request::get(format!("{path}{and}api_key={canary}")).with_key(context, &canary);
    let answer = context.expect(&request).await?;
    answer.holds(!answer.mentions(&canary), "the answer repeats the key")?;
    grep(context, &[&canary]).await?;
    Ok("401 for query, cookie and Authorization; the key is nowhere".to_owned())
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
        answer.status([400, 401], "two keys")?;
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
            Some(400 | 401 | 413 | 431) => {}
            Some(429) => return Err(Failure::unclear("429: a limit is in the way")),
            None if seen.closed => {}
            status => {
                return Err(seen.breach(format!(
                    "{} for a key of {} bytes",
                    in_words(status),
                    key.len()
                )));
            }
        }
    }
    let request = Request::get(path).with_key(context, b"\xff\xfe\x80siege");
    let answer = context.expect(&request).await?;
    answer.status([400, 401], "a key that is no text")?;
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
        return Err(last
            .0
            .evidence(context, &last.1, "1,000 wrong keys in a row, and no 429")
            .only_in_a_siege()
            .into());
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

/// The same status, challenge and body as another refusal, but for the request ID.
async fn same_refusal(context: &Context, request: &Request, other: &Answer) -> Result<(), Failure> {
    let answer = context.expect(request).await?;
    answer.status([401], "a wrong key")?;
    let same = without_id(&answer) == without_id(other)
        && answer.header("www-authenticate") == other.header("www-authenticate");
    answer.holds(same, "this 401 differs from that of another wrong key")?;
    Ok(())
}

fn without_id(answer: &Answer) -> String {
    match answer.header("x-request-id") {
        "" => answer.text(),
        id => answer.text().replace(id, ""),
    }
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

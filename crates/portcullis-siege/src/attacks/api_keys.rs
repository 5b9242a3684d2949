//! E: API keys.

mod timing;

use std::time::Duration;

use tokio::time::sleep;

use super::telemetry::grep;
use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::{Answer, Ask, Client},
};

pub(crate) use timing::timing;

pub(crate) async fn no_key(arena: &Arena) -> Finding {
    let ask = Ask::get(protected(arena)?);
    let answer = arena.ask(&ask).await?;
    let missing = match () {
        () if answer.status != 401 => Some(format!("{} without a key", answer.status)),
        () if !answer.has("www-authenticate") => Some("401 without WWW-Authenticate".to_owned()),
        () if !answer
            .header("content-type")
            .starts_with("application/problem+json") =>
        {
            Some("401 that is no problem+json".to_owned())
        }
        () if !answer.header("cache-control").contains("no-store") => {
            Some("401 without no-store".to_owned())
        }
        () => None,
    };
    match missing {
        None => Ok(format!("401, {}", answer.header("www-authenticate"))),
        Some(what) => Err(ask.breach(arena, &answer, what)),
    }
}

pub(crate) async fn wrong_key(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let none = arena.ask(&Ask::get(path)).await?;
    let ask = Ask::get(path).with_key(arena, "siege_wrong_0123456789abcdef");
    same_refusal(arena, &ask, &none).await?;
    Ok("the same 401".to_owned())
}

pub(crate) async fn wrong_secret(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let unknown = arena
        .ask(&Ask::get(path).with_key(arena, "siege_wrong_0123456789abcdef"))
        .await?;
    let key = key(arena)?;
    for at in [key.len() / 2, key.len() * 3 / 4, key.len() - 1] {
        let ask = Ask::get(path).with_key(arena, changed(key, at));
        same_refusal(arena, &ask, &unknown).await?;
    }
    Ok("the same 401 for 3 changed keys".to_owned())
}

pub(crate) async fn near_misses(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let unknown = arena
        .ask(&Ask::get(path).with_key(arena, "siege_wrong_0123456789abcdef"))
        .await?;
    let key = key(arena)?;
    let swapped: String = key
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
    if swapped != key {
        misses.push(swapped);
    }
    for miss in &misses {
        let ask = Ask::get(path).with_key(arena, miss);
        same_refusal(arena, &ask, &unknown).await?;
    }
    Ok(format!("the same 401 for {} near misses", misses.len()))
}

pub(crate) async fn wrong_place(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let canary = format!("siege_canary_{:016x}", rand::random::<u64>());
    let name = &arena.profile.keys.header;
    let key = arena.profile.keys.valid.as_deref().unwrap_or(&canary);
    let and = if path.contains('?') { '&' } else { '?' };
    let tries = [
        Ask::get(format!("{path}{and}{name}={key}&api_key={key}&key={key}")),
        Ask::get(path).header("cookie", format!("{name}={key}; api_key={key}")),
        Ask::get(path).header("authorization", format!("Basic {key}")),
    ];
    for ask in tries {
        let answer = arena.ask(&ask).await?;
        if answer.status != 401 {
            return Err(ask.breach(
                arena,
                &answer,
                format!("{} for a key in another place", answer.status),
            ));
        }
    }
    let ask = Ask::get(format!("{path}{and}api_key={canary}")).with_key(arena, &canary);
    let answer = arena.ask(&ask).await?;
    if answer.mentions(&canary) {
        return Err(ask.breach(arena, &answer, "the answer repeats the key"));
    }
    grep(arena, &[&canary]).await?;
    Ok("401 for query, cookie and Authorization; the key is nowhere".to_owned())
}

pub(crate) async fn two_keys(arena: &Arena) -> Finding {
    let (path, key) = (protected(arena)?, key(arena)?);
    let wrong = "siege_wrong_0123456789abcdef";
    for ask in [
        Ask::get(path).with_key(arena, key).with_key(arena, wrong),
        Ask::get(path).with_key(arena, wrong).with_key(arena, key),
        Ask::get(path).with_key(arena, format!("{key}, {wrong}")),
        Ask::get(path).with_key(arena, format!("{wrong},{key}")),
    ] {
        refused(arena, &ask, &[400, 401]).await?;
    }
    Ok("4 pairs refused".to_owned())
}

pub(crate) async fn monstrous_keys(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let name = &arena.profile.keys.header;
    for key in ["k".repeat(1 << 20), "k".repeat(9000)] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{name}: {key}\r\n\r\n",
            arena.target.authority()
        );
        let seen = arena.exchange(head).await?;
        match seen.status() {
            Some(400 | 401 | 413 | 431) => {}
            None if seen.closed => {}
            status => {
                return Err(seen.breach(format!("{status:?} for a key of {} bytes", key.len())));
            }
        }
    }
    let ask = Ask::get(path).with_key(arena, b"\xff\xfe\x80siege");
    refused(arena, &ask, &[400, 401]).await?;
    Ok("refused".to_owned())
}

pub(crate) async fn brute_force(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let attacker = arena.fresh();
    let mut client = Client::connect(arena, attacker, false).await?;
    let (mut limited, mut last) = (0, (Ask::get(path), Answer::default()));
    for i in 0..1000 {
        let ask = Ask::get(path)
            .with_key(arena, format!("siege_guess_{i:08}"))
            .from(attacker);
        let Ok(answer) = client.ask(arena, &ask).await else {
            client = Client::connect(arena, attacker, false).await?;
            continue;
        };
        limited += usize::from(answer.status == 429);
        last = (ask, answer);
    }
    if limited == 0 {
        return Err(last
            .0
            .breach(arena, &last.1, "1,000 wrong keys in a row, and no 429"));
    }
    let ask = Ask::get(path).key(arena);
    let elsewhere = arena.ask(&ask).await?;
    match elsewhere.is_good() {
        true => Ok(format!(
            "{limited} of 1,000 refused with 429; a valid key elsewhere is served"
        )),
        false => {
            let what = format!(
                "{} for a valid key from another address: everybody is locked out",
                elsewhere.status
            );
            Err(ask.breach(arena, &elsewhere, what))
        }
    }
}

pub(crate) async fn dead_keys(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let keys = &arena.profile.keys;
    let mut tried = Vec::new();
    for (name, key, status) in [
        ("revoked", &keys.revoked, 401),
        ("expired", &keys.expired, 401),
        ("unscoped", &keys.unscoped, 403),
    ] {
        let Some(key) = key else { continue };
        let ask = Ask::get(path).with_key(arena, key);
        refused(arena, &ask, &[status]).await?;
        tried.push(name);
    }
    Ok(tried.join(", "))
}

pub(crate) async fn bypass(arena: &Arena) -> Finding {
    let path = protected(arena)?;
    let encoded = match path.as_bytes() {
        [_, first, ..] if first.is_ascii_alphanumeric() => format!("/%{first:02x}{}", &path[2..]),
        _ => path.to_owned(),
    };
    let mut tries: Vec<_> = ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "FOO"]
        .map(|method| Ask::new(method, path))
        .into();
    let variants = [
        format!("{path}/"),
        encoded,
        format!("{path}?x=1"),
        format!("{path}//"),
        format!("/.{path}"),
        path.to_ascii_uppercase(),
    ];
    if path.len() > 1 {
        tries.extend(variants.map(Ask::get));
    }
    if arena.found.http2 {
        tries.extend(
            ["GET", "HEAD", "OPTIONS", "POST"].map(|method| Ask::new(method, path).http2(true)),
        );
    }
    for ask in &tries {
        let Ok(answer) = arena.ask(ask).await else {
            continue;
        };
        if answer.is_good() {
            let what = format!("{} {} is served without a key", ask.method, ask.path);
            return Err(ask.breach(arena, &answer, what));
        }
    }
    Ok(format!("{} variants, none served", tries.len()))
}

pub(crate) async fn store_down(arena: &Arena) -> Finding {
    let switches = &arena.profile.switches;
    flip(arena, &switches.key_store_down).await?;
    sleep(Duration::from_millis(300)).await;
    let ask = Ask::get(protected(arena)?).key(arena);
    let answer = arena.ask(&ask).await;
    flip(arena, &switches.key_store_up).await?;
    let answer = answer?;
    match answer.status {
        503 => Ok("503".to_owned()),
        status => Err(ask.breach(
            arena,
            &answer,
            format!("{status} while the key store is down"),
        )),
    }
}

/// Sends a switch's request.
pub(crate) async fn flip(arena: &Arena, switch: &Option<String>) -> Result<Answer, Trouble> {
    let Some((method, path)) = switch.as_deref().and_then(|text| text.split_once(' ')) else {
        return Err(Trouble::NotTested(
            "a switch is missing, or is not `METHOD /path`".to_owned(),
        ));
    };
    let answer = arena.ask(&Ask::new(method, path).key(arena)).await?;
    match answer.is_good() {
        true => Ok(answer),
        false => Err(Trouble::Unclear(format!(
            "{method} {path} answers {}",
            answer.status
        ))),
    }
}

async fn refused(arena: &Arena, ask: &Ask, allowed: &[u16]) -> Result<Answer, Trouble> {
    let answer = arena.ask(ask).await?;
    match allowed.contains(&answer.status) {
        true => Ok(answer),
        false => Err(ask.breach(arena, &answer, format!("it answers {}", answer.status))),
    }
}

/// The same status, challenge and body as another refusal, but for the request ID.
async fn same_refusal(arena: &Arena, ask: &Ask, other: &Answer) -> Result<(), Trouble> {
    let answer = arena.ask(ask).await?;
    if answer.status != 401 {
        return Err(ask.breach(
            arena,
            &answer,
            format!("it answers {}; 401 was expected", answer.status),
        ));
    }
    let same = without_id(&answer) == without_id(other)
        && answer.header("www-authenticate") == other.header("www-authenticate");
    match same {
        true => Ok(()),
        false => Err(ask.breach(
            arena,
            &answer,
            "this 401 differs from that of another wrong key",
        )),
    }
}

fn without_id(answer: &Answer) -> String {
    match answer.header("x-request-id") {
        "" => answer.text(),
        id => answer.text().replace(id, ""),
    }
}

/// A key with one character changed.
fn changed(key: &str, at: usize) -> String {
    let change = |(i, c): (usize, char)| match i == at {
        true if c == 'a' => 'b',
        true => 'a',
        false => c,
    };
    key.chars().enumerate().map(change).collect()
}

fn protected(arena: &Arena) -> Result<&str, Trouble> {
    route(&arena.profile.routes.protected)
}

fn key(arena: &Arena) -> Result<&str, Trouble> {
    let key = arena
        .profile
        .keys
        .valid
        .as_deref()
        .filter(|key| key.len() >= 4);
    key.ok_or_else(|| Trouble::NotTested("the valid key is too short to change".to_owned()))
}

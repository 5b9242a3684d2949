//! Keys in other places, two of them, and keys that are too long or no text.

use super::{
    form::{credential, in_query},
    key, protected,
    refusals::UNKNOWN,
    refused::{is_no_limit, not_let_in},
};
use crate::{
    Level,
    attacks::telemetry::grep,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Request, in_words},
};

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
    in_a_trailer(context, path, key).await?;
    let request = Request::get(format!("{path}{and}api_key={canary}")).with_key(context, &canary);
    let answer = context.expect(&request).await?;
    answer.holds(!answer.mentions(&canary), "the answer repeats the key")?;
    grep(context, &[&canary]).await?;
    Ok("refused in query, cookie, Authorization and a trailer; the key is nowhere".to_owned())
}

/// What stands behind a body is no field of the head (RFC 9110, 6.5.1): a proxy that strips keys strips heads.
async fn in_a_trailer(context: &Context, path: &str, key: &str) -> Result<(), Failure> {
    let (host, name) = (context.target.authority(), &context.profile.keys.header);
    let bytes = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTrailer: {name}\r\n\r\n\
         0\r\n{name}: {key}\r\n\r\n"
    );
    let seen = context.exchange(bytes).await?;
    match seen.status() {
        Some(429) => Err(Failure::limited()),
        Some(status @ 200..=299) => Err(seen.breach(format!("{status} for a key in a trailer"))),
        _ => Ok(()),
    }
}

pub(crate) async fn two_keys(context: &Context) -> Finding {
    let (path, key) = (protected(context)?, key(context)?);
    let wrong = UNKNOWN;
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

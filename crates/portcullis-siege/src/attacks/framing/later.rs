//! What is wrong in a request that is not the first of its connection.

use super::{Lines, lengths::one_answer_then_closed, refused};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Exchange,
};

/// How a request follows another one.
#[derive(Clone, Copy, Debug)]
enum Place {
    First,
    /// In the same packet.
    Pipelined,
    /// After the answer.
    Later,
}

pub(crate) async fn bare_line_feeds(context: &Context) -> Finding {
    let (path, host) = (context.control(), context.target.authority());
    for place in [Place::First, Place::Pipelined, Place::Later] {
        for bytes in [
            format!("GET {path} HTTP/1.1\nHost: {host}\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: {host}\nX-Siege: a\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Siege: a\n\r\n"),
        ] {
            refused(&at(context, place, &bytes).await?, &[400])?;
        }
    }
    Ok("9 refused".to_owned())
}

pub(crate) async fn later_lengths(context: &Context) -> Finding {
    let host = context.target.authority();
    let hidden = format!("GET /siege-hidden HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let bytes = Lines::post(context)
        .line("Content-Length: 5")
        .line("Transfer-Encoding: chunked")
        .then(&format!("0\r\n\r\n{hidden}"));
    for place in [Place::Pipelined, Place::Later] {
        one_answer_then_closed(&at(context, place, &bytes).await?)?;
    }
    Ok("one answer at most, then closed".to_owned())
}

pub(crate) async fn hosts_of_later_requests(context: &Context) -> Finding {
    let foreign = "Host: siege-host.example\r\n";
    let (none, foreign) = tokio::join!(
        later_host(context, "no", ""),
        later_host(context, "a foreign", foreign)
    );
    Ok(format!("no Host: {}; a foreign Host: {}", none?, foreign?))
}

async fn later_host(context: &Context, what: &str, line: &str) -> Finding {
    let bytes = format!("GET {} HTTP/1.1\r\n{line}\r\n", context.control());
    let first = at(context, Place::First, &bytes).await?.status();
    let Some(refusal @ 400..=499) = first else {
        return Ok("served the first time too".to_owned());
    };
    for place in [Place::Pipelined, Place::Later] {
        let seen = at(context, place, &bytes).await?;
        if seen.status().is_some_and(|status| status < 400) {
            let what = format!("{what} Host is refused with {refusal}, and served later");
            return Err(seen.breach(what));
        }
    }
    Ok("refused each time".to_owned())
}

/// Sends a request in its place. Returns what came for it, without the answer before.
async fn at(context: &Context, place: Place, bytes: &str) -> Result<Exchange, Failure> {
    let first = Lines::get(context).then("");
    let mut raw = context.raw().await?;
    context.budget.request()?;
    match place {
        Place::First => raw.send(bytes).await?,
        Place::Pipelined => raw.send(first + bytes).await?,
        Place::Later => {
            raw.send(first).await?;
            raw.read_answers().await;
            raw.send(bytes).await?;
        }
    }
    if matches!(place, Place::First) {
        raw.read_answers().await;
        return Ok(raw.into_seen());
    }
    raw.read_count(2).await;
    let rest = raw.into_seen().without_first();
    rest.ok_or_else(|| Failure::unclear("the request before it has no answer"))
}

//! Content-Length, Transfer-Encoding and chunks.

use super::{
    Lines,
    hidden::{exchange_all, hidden, not_served},
    refused, silent, timed_out,
};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Exchange, in_words},
};

pub(crate) async fn cl_te(context: &Context) -> Finding {
    let hidden = format!(
        "GET /siege-hidden HTTP/1.1\r\nHost: {}\r\n\r\n",
        context.target.authority()
    );
    let bytes = Lines::post(context)
        .line("Content-Length: 5")
        .line("Transfer-Encoding: chunked")
        .then(&format!("0\r\n\r\n{hidden}"));
    let seen = context.exchange_to_end(bytes).await?;
    one_answer_then_closed(&seen)
}

pub(crate) async fn te_cl(context: &Context) -> Finding {
    let hidden = format!(
        "GET /siege-hidden HTTP/1.1\r\nHost: {}\r\n\r\n",
        context.target.authority()
    );
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let line = chunk.find('\n').unwrap_or(0) + 1;
    let bytes = Lines::post(context)
        .line(&format!("Content-Length: {line}"))
        .line("Transfer-Encoding: chunked")
        .then(&chunk);
    let seen = context.exchange_to_end(bytes).await?;
    one_answer_then_closed(&seen)
}

/// Where `chunked` is not the last coding, a server MUST answer 400 and close (RFC 9112, 6.3).
pub(crate) async fn obfuscated_te(context: &Context) -> Finding {
    for value in [
        "xchunked",
        "chunked, identity",
        "identity",
        "\x0bchunked",
        "chunked\r\nTransfer-Encoding: x",
        "\"chunked\"",
    ] {
        let seen = with_coding(context, value).await?;
        refused(&seen, &[400, 501])?;
        if !seen.closed {
            return Err(seen.breach("a coding it does not know, and the connection stays open"));
        }
    }
    // Here it is the last one, and the length is known: it only must not be read as something else.
    let seen = with_coding(context, "chunked, chunked").await?;
    if seen.answers().len() > 1 {
        return Err(seen.breach("chunks of `chunked, chunked` are read as the next request"));
    }
    Ok(format!(
        "6 disguises refused, each connection closed; chunked twice: {}",
        in_words(seen.status())
    ))
}

async fn with_coding(context: &Context, value: &str) -> Result<Exchange, Failure> {
    let bytes = Lines::post(context)
        .line(&format!("Transfer-Encoding: {value}"))
        .then("0\r\n\r\n");
    context.exchange_to_end(bytes).await
}

pub(crate) async fn differing_lengths(context: &Context) -> Finding {
    let bytes = Lines::post(context)
        .line("Content-Length: 3")
        .line("Content-Length: 4")
        .then("abcd");
    refused(&context.exchange(bytes).await?, &[400])
}

pub(crate) async fn invalid_lengths(context: &Context) -> Finding {
    for value in ["+2", "-1", "0x2", "2, 3", "2;"] {
        let bytes = Lines::post(context)
            .line(&format!("Content-Length: {value}"))
            .then("ab");
        refused(&context.exchange(bytes).await?, &[400, 413])?;
    }
    huge_lengths(context).await?;
    Ok("5 lengths refused, and none beyond 64 bits wraps".to_owned())
}

/// A length has no bound (RFC 9110, 8.6): who waits for so much is right, and who reads less is not.
async fn huge_lengths(context: &Context) -> Result<(), Failure> {
    let hidden = hidden(context);
    // The first is 2 if it wraps; the other is nothing if it can't be read.
    let bodies = [
        ("18446744073709551618", format!("ab{hidden}")),
        ("99999999999999999999", hidden),
    ];
    let tries = bodies.map(|(value, body)| {
        let lines = Lines::post(context).line(&format!("Content-Length: {value}"));
        lines.then(&body)
    });
    for seen in exchange_all(context, tries).await? {
        not_served(context, &seen, "a length beyond 64 bits is a small one")?;
    }
    Ok(())
}

pub(crate) async fn te_on_http10(context: &Context) -> Finding {
    let (path, host) = (context.control(), context.target.authority());
    let bytes = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}",
        hidden(context)
    );
    closed_after_http10(&context.exchange_to_end(bytes).await?)
}

/// Faulty framing (RFC 9112, 6.1): refused, or answered once and then closed. What stands behind it tells
/// so at once: a connection that is idle for a while is closed by servers that keep it, too.
fn closed_after_http10(seen: &Exchange) -> Finding {
    let answers = seen.answers();
    match (&answers[..], seen.closed) {
        ([], true) => Ok("closed without an answer".to_owned()),
        ([answer], true) => Ok(format!("{}, then closed", answer.status)),
        ([answer], false) if matches!(answer.status, 400 | 501) => Ok(answer.status.to_string()),
        ([], false) => Err(silent()),
        ([_], false) => {
            Err(seen.breach("the connection stays open after Transfer-Encoding on HTTP/1.0"))
        }
        (_, _) => Err(seen.breach("what follows Transfer-Encoding on HTTP/1.0 is answered, too")),
    }
}

pub(crate) async fn chunk_extensions(context: &Context) -> Finding {
    with_extensions(context, 8, 8 << 10).await?;
    // Each is short: only a bound on all of them refuses these.
    with_extensions(context, 640, 100).await
}

async fn with_extensions(context: &Context, chunks: usize, length: usize) -> Finding {
    let body = context.sample().of_length(chunks);
    let extension = "e".repeat(length);
    let mut bytes = Lines::to_body(context)?
        .line("Transfer-Encoding: chunked")
        .then("")
        .into_bytes();
    for data in body.chunks(body.len().div_ceil(chunks)) {
        bytes.extend(format!("{:x};{extension}\r\n", data.len()).into_bytes());
        bytes.extend([data, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    refused(&context.exchange(bytes).await?, &[400, 413, 431])
}

pub(super) fn one_answer_then_closed(seen: &Exchange) -> Finding {
    let answers = seen.answers();
    match (answers.len(), seen.closed) {
        (1, _) if seen.status() == Some(408) => Err(timed_out()),
        (0 | 1, true) => Ok(match answers.first() {
            Some(answer) => format!("{}, then closed", answer.status),
            None => "closed without an answer".to_owned(),
        }),
        (0, false) => Err(silent()),
        (1, false) => Err(seen.breach("the connection stays open after a message of two lengths")),
        (count, _) => Err(seen.breach(format!("{count} answers: the hidden request was served"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_too_slow_has_not_judged() {
        let seen = Exchange::of("HTTP/1.1 408 Slow\r\ncontent-length: 0\r\n\r\n", true);

        for finding in [one_answer_then_closed(&seen), refused(&seen, &[400])] {
            assert!(matches!(finding, Err(Failure::Unclear(_))), "{finding:?}");
        }
    }

    #[test]
    fn who_says_nothing_has_not_judged() {
        let seen = Exchange::of("", false);

        for finding in [one_answer_then_closed(&seen), refused(&seen, &[400])] {
            assert!(matches!(finding, Err(Failure::Unclear(_))), "{finding:?}");
        }
        let open = Exchange::of("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false);
        assert!(matches!(
            one_answer_then_closed(&open),
            Err(Failure::Breach(_))
        ));
    }

    #[test]
    fn chunks_on_http10_are_answered_once_and_then_no_more() {
        let (good, bad) = (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n",
        );
        let judged =
            |received: &str, closed| closed_after_http10(&Exchange::of(received, closed)).is_ok();

        assert!(judged(good, true) && judged(bad, true) && judged(bad, false));
        assert!(judged("", true));
        assert!(!judged(good, false));
        let silent = closed_after_http10(&Exchange::of("", false));
        assert!(matches!(silent, Err(Failure::Unclear(_))), "{silent:?}");
        assert!(!judged(&(good.to_owned() + bad), true));
    }
}

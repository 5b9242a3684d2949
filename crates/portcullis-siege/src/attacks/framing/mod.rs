//! A: HTTP/1 framing and request hygiene.

use crate::{
    Level,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Exchange, in_words},
};

mod chunks;
mod codings;
mod controls;
mod hidden;
mod hosts;
mod later;
mod leftovers;
mod lengths;
mod redirects;
mod request_lines;
mod table;
mod upgrades;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    chunks::{chunk_ends, chunk_line_ends, chunk_size_overflow, chunk_sizes, extension_ends},
    codings::{coding_parameters, length_forms},
    controls::{control_bytes, folded_field},
    hosts::{absolute_form, connect, foreign_host, invalid_hosts, no_host, two_hosts},
    later::{bare_line_feeds, hosts_of_later_requests, later_lengths},
    leftovers::{early_answers, unread_bodies},
    lengths::{
        chunk_extensions, cl_te, differing_lengths, invalid_lengths, obfuscated_te, te_cl,
        te_on_http10,
    },
    redirects::{open_redirects, split_fields},
    request_lines::{no_version, wild_versions},
    upgrades::upgrade_smuggling,
};

pub(crate) async fn space_before_colon(context: &Context) -> Finding {
    for line in [
        "X-Spaced : a",
        "Content-Length : 0",
        "Transfer-Encoding\t: chunked",
    ] {
        let bytes = Lines::get(context).line(line).then("");
        refused(&context.exchange(bytes).await?, &[400])?;
    }
    Ok("3 refused".to_owned())
}

pub(crate) async fn large_head(context: &Context) -> Finding {
    let field = format!("X-Large: {}", "a".repeat(100_000));
    let seen = context
        .exchange(Lines::get(context).line(&field).then(""))
        .await?;
    refused(&seen, TOO_LARGE)?;
    let many = (0..9).map(|i| format!("X-Large-{i}: {}", "a".repeat(8000)));
    let lines = many.fold(Lines::get(context), |lines, field| lines.line(&field));
    refused(&context.exchange(lines.then("")).await?, TOO_LARGE)
}

pub(crate) async fn many_fields(context: &Context) -> Finding {
    let many = (0..1000).map(|i| format!("X-{i}: a"));
    let lines = many.fold(Lines::get(context), |lines, field| lines.line(&field));
    refused(&context.exchange(lines.then("")).await?, TOO_LARGE)
}

pub(crate) async fn long_target(context: &Context) -> Finding {
    let host = context.target.authority();
    for length in [17 << 10, 70 << 10] {
        let path = "a".repeat(length);
        let bytes = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        refused(&context.exchange(bytes).await?, TOO_LARGE)?;
    }
    Ok("17 KiB and 70 KiB refused".to_owned())
}

pub(crate) async fn trace(context: &Context) -> Finding {
    let bytes = Lines::with(context, "TRACE", context.control())
        .line("X-Siege-Secret: siege-secret")
        .then("");
    let seen = context.exchange(bytes).await?;
    let answers = seen.answers();
    let Some(answer) = answers.first() else {
        return Ok("closed".to_owned());
    };
    if answer.mentions("siege-secret") {
        let echoed = seen.breach("TRACE echoes what was sent");
        return Err(echoed.at_most(Level::Should, "RFC 9110 9.3.8 leaves out what is secret"));
    }
    match answer.status {
        405 if !answer.has("allow") => Err(seen.breach("405 without Allow")),
        400..=499 | 501 => Ok(format!("{}", answer.status)),
        status => {
            let served = seen.breach(format!("TRACE is answered with {status}"));
            Err(served.at_most(Level::Opinion, "nothing is echoed"))
        }
    }
}

pub(crate) async fn expect_continue(context: &Context) -> Finding {
    let body = route(&context.profile.routes.body)?;
    let limit = context.profile.limits.body_bytes();
    let key = &context.profile.keys.header;
    let wrong = Lines::with(context, "POST", body)
        .line(&format!("{key}: siege_wrong_key"))
        .line("Expect: 100-continue")
        .line("Content-Length: 10");
    let large = Lines::to_body(context)?
        .line("Expect: 100-continue")
        .line(&format!(
            "Content-Length: {}",
            limit.value.saturating_mul(4)
        ));
    let needs_key = context
        .exchange(
            Lines::with(context, "POST", body)
                .line("Content-Length: 0")
                .then(""),
        )
        .await?;
    let mut tries = vec![(large, 413)];
    if needs_key.status() == Some(401) {
        tries.push((wrong, 401));
    }
    for (lines, status) in tries {
        let seen = context.exchange(lines.then("")).await?;
        let result = refused_without_continue(&seen, status);
        if status == 413 {
            limit.judge(result)?;
        } else {
            result?;
        }
    }
    Ok("refused without 100".to_owned())
}

fn refused_without_continue(seen: &Exchange, status: u16) -> Result<(), Failure> {
    if seen.said_continue() {
        let what = match status {
            401 => "100 Continue for a wrong key",
            _ => "100 Continue for a body of four times the limit",
        };
        return Err(seen.breach(what));
    }
    let is_refused = status == 413 && matches!(seen.status(), Some(400..=499));
    if is_refused || seen.status() == Some(status) {
        Ok(())
    } else {
        Err(seen.breach(format!(
            "expected {status}, got {}",
            in_words(seen.status())
        )))
    }
}

/// A head, line by line.
#[derive(Clone, Debug)]
struct Lines(String);

impl Lines {
    fn with(context: &Context, method: &str, path: &str) -> Self {
        Self(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n",
            context.target.authority()
        ))
    }

    fn get(context: &Context) -> Self {
        Self::with(context, "GET", context.control())
    }

    fn post(context: &Context) -> Self {
        Self::with(context, "POST", context.control())
    }

    /// To the route that reads a body, with the valid key.
    fn to_body(context: &Context) -> Result<Self, Failure> {
        let lines = Self::with(context, "POST", route(&context.profile.routes.body)?);
        Ok(Self(lines.key(context).0 + &context.sample().line()))
    }

    /// With the valid key, if one is known.
    fn key(self, context: &Context) -> Self {
        match &context.profile.keys.valid {
            Some(key) => self.line(&format!("{}: {key}", context.profile.keys.header)),
            None => self,
        }
    }

    fn line(mut self, line: &str) -> Self {
        self.0.push_str(line);
        self.0.push_str("\r\n");
        self
    }

    fn then(self, body: &str) -> String {
        self.0 + "\r\n" + body
    }
}

/// Refused with one of these, or closed without an answer. Nothing but the first answer counts.
fn refused(seen: &Exchange, allowed: &[u16]) -> Finding {
    match seen.status() {
        Some(status) if allowed.contains(&status) => Ok(format!("{status}")),
        // A proxy that relays while it reads has begun, and can only break off.
        Some(502) if seen.closed => Ok("502, then closed".to_owned()),
        Some(408) => Err(timed_out()),
        Some(status) => Err(seen.breach(format!(
            "it answers {status}; {} was expected",
            either(allowed)
        ))),
        None if seen.closed => Ok("closed without an answer".to_owned()),
        None => Err(silent()),
    }
}

/// A server that says nothing may wait for more, or have no place.
fn silent() -> Failure {
    Failure::unclear("no answer, and the connection stays open")
}

/// A server that answers 408 did not get the request in its time, or waits for more of it.
fn timed_out() -> Failure {
    Failure::unclear("408: the request's time was over before it was judged")
}

fn either(allowed: &[u16]) -> String {
    let texts: Vec<_> = allowed.iter().map(u16::to_string).collect();
    texts.join(" or ")
}

/// Names differ between servers: what counts is that it is refused.
const TOO_LARGE: &[u16] = &[400, 413, 414, 431];

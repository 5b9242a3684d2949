//! A line for people.

use std::{
    fmt::{self, Display, Write as _},
    io::Write,
    time::Duration,
};

use http::{HeaderName, StatusCode};
use portcullis_core::{
    Exchange, Outcome,
    observe::{Escaped, redacted_text},
};

use super::fields::{LONGEST_METHOD, Sent, client, micros};
use crate::json_line::{cut, push_rfc3339};

/// Writes an exchange that has ended: time, method, target, status, time, size, and what else is known.
pub(super) fn write(
    out: &mut Vec<u8>,
    now: Duration,
    exchange: &Exchange,
    headers: &[HeaderName],
    has_colours: bool,
) {
    push_rfc3339(out, now);
    let mut line = String::new();
    // A string takes everything.
    let _ = all(&mut line, exchange, has_colours);
    let _ = chosen(&mut line, exchange, headers);
    let _ = out.write_all(line.as_bytes());
}

fn all(line: &mut String, exchange: &Exchange, has_colours: bool) -> fmt::Result {
    let sent = Sent::new(exchange);
    let method = Escaped::new(cut(exchange.method().as_str(), LONGEST_METHOD));
    write!(
        line,
        " {method} {}",
        unspaced(sent.path.as_deref().unwrap_or("-"))
    )?;
    if let Some(query) = &sent.query {
        write!(line, "?{}", unspaced(query))?;
    }
    status(line, exchange.status(), has_colours)?;
    let micros = micros(exchange.duration());
    let bytes = exchange.response_bytes();
    write!(line, " {}.{:03}ms {bytes}B", micros / 1000, micros % 1000)?;
    if exchange.outcome() != Outcome::Complete {
        write!(line, " {}", exchange.outcome().as_str())?;
    }
    // A panic and a deadline are outcomes of their own.
    if let Outcome::Refused(kind) = exchange.outcome() {
        write!(line, " {}", kind.slug())?;
    }
    pair(line, "client", client(exchange))?;
    if let Some(principal) = exchange.principal() {
        pair(line, "user", Some(quoted(principal.id())))?;
    }
    pair(line, "id", exchange.request_id())?;
    let trace = exchange
        .trace()
        .map(|trace| trace.trace_id_hex().to_string());
    pair(line, "trace", trace)?;
    pair(line, "agent", sent.user_agent.as_deref().map(quoted))
}

fn chosen(line: &mut String, exchange: &Exchange, headers: &[HeaderName]) -> fmt::Result {
    for name in headers {
        let value = exchange.header(name);
        pair(
            line,
            name.as_str(),
            value.map(|value| quoted(&redacted_text(value))),
        )?;
    }
    Ok(())
}

fn status(line: &mut String, status: Option<StatusCode>, has_colours: bool) -> fmt::Result {
    let Some(status) = status else {
        return line.write_str(" -");
    };
    let colour = match status.as_u16() {
        500.. => "31",
        400.. => "33",
        300.. => "36",
        _ => "32",
    };
    if has_colours {
        write!(line, " \u{1b}[{colour}m{}\u{1b}[0m", status.as_str())
    } else {
        write!(line, " {}", status.as_str())
    }
}

fn pair(line: &mut String, name: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(line, " {name}={value}"),
        None => Ok(()),
    }
}

/// A text with its spaces, in quotes.
fn quoted(text: &str) -> String {
    format!("{:?}", Escaped::new(text))
}

/// A text without spaces as it is; others in quotes.
fn unspaced(text: &str) -> String {
    if text.contains(|c: char| c.is_whitespace() || c == '"') {
        quoted(text)
    } else {
        Escaped::new(text).to_string()
    }
}

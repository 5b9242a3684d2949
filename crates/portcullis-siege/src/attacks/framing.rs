//! A: HTTP/1 framing and request hygiene.

use std::time::Duration;

use tokio::{net::TcpListener, time::timeout};

use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::Exchange,
};

pub(crate) async fn cl_te(arena: &Arena) -> Finding {
    let hidden = format!(
        "GET /siege-hidden HTTP/1.1\r\nHost: {}\r\n\r\n",
        arena.target.authority()
    );
    let bytes = Lines::post(arena)
        .line("Content-Length: 5")
        .line("Transfer-Encoding: chunked")
        .then(&format!("0\r\n\r\n{hidden}"));
    let seen = arena.exchange(bytes).await?;
    one_answer_then_closed(&seen)
}

pub(crate) async fn te_cl(arena: &Arena) -> Finding {
    let hidden = format!(
        "GET /siege-hidden HTTP/1.1\r\nHost: {}\r\n\r\n",
        arena.target.authority()
    );
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let line = chunk.find('\n').unwrap_or(0) + 1;
    let bytes = Lines::post(arena)
        .line(&format!("Content-Length: {line}"))
        .line("Transfer-Encoding: chunked")
        .then(&chunk);
    let seen = arena.exchange(bytes).await?;
    one_answer_then_closed(&seen)
}

pub(crate) async fn obfuscated_te(arena: &Arena) -> Finding {
    for value in [
        "xchunked",
        "chunked, identity",
        "identity",
        "\x0bchunked",
        "chunked, chunked",
        "chunked\r\nTransfer-Encoding: x",
        "\"chunked\"",
    ] {
        let bytes = Lines::post(arena)
            .line(&format!("Transfer-Encoding: {value}"))
            .then("0\r\n\r\n");
        let seen = arena.exchange(bytes).await?;
        refused(&seen, &[400, 501])?;
        if !seen.closed {
            return Err(seen.breach("a coding it does not know, and the connection stays open"));
        }
    }
    Ok("7 disguises refused, each connection closed".to_owned())
}

pub(crate) async fn differing_lengths(arena: &Arena) -> Finding {
    let bytes = Lines::post(arena)
        .line("Content-Length: 3")
        .line("Content-Length: 4")
        .then("abcd");
    refused(&arena.exchange(bytes).await?, &[400])
}

pub(crate) async fn invalid_lengths(arena: &Arena) -> Finding {
    for value in ["+2", "-1", "0x2", "2, 3", "2;", "99999999999999999999"] {
        let bytes = Lines::post(arena)
            .line(&format!("Content-Length: {value}"))
            .then("ab");
        refused(&arena.exchange(bytes).await?, &[400, 413])?;
    }
    Ok("6 lengths refused".to_owned())
}

pub(crate) async fn te_on_http10(arena: &Arena) -> Finding {
    let (path, host) = (arena.control(), arena.target.authority());
    let bytes = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    refused(&arena.exchange(bytes).await?, &[400, 501])
}

pub(crate) async fn chunk_size_overflow(arena: &Arena) -> Finding {
    let bytes = Lines::to_body(arena)?
        .line("Transfer-Encoding: chunked")
        .then("fffffffffffffffff\r\nabc\r\n0\r\n\r\n");
    refused(&arena.exchange(bytes).await?, &[400, 413])
}

pub(crate) async fn chunk_extensions(arena: &Arena) -> Finding {
    let chunk = format!("1;{}\r\na\r\n", "e".repeat(8 << 10));
    let bytes = Lines::to_body(arena)?
        .line("Transfer-Encoding: chunked")
        .then(&format!("{}0\r\n\r\n", chunk.repeat(8)));
    refused(&arena.exchange(bytes).await?, &[400, 413, 431])
}

pub(crate) async fn chunk_line_ends(arena: &Arena) -> Finding {
    for chunks in [
        "3\nabc\n0\n\n",
        "3\r\nabc\r\n0\rX\r\n\r\n",
        "3\rXabc\r\n0\r\n\r\n",
    ] {
        let bytes = Lines::to_body(arena)?
            .line("Transfer-Encoding: chunked")
            .then(chunks);
        refused(&arena.exchange(bytes).await?, &[400])?;
    }
    Ok("3 wrong line ends refused".to_owned())
}

pub(crate) async fn no_host(arena: &Arena) -> Finding {
    let bytes = format!("GET {} HTTP/1.1\r\nAccept: */*\r\n\r\n", arena.control());
    refused(&arena.exchange(bytes).await?, &[400])
}

pub(crate) async fn two_hosts(arena: &Arena) -> Finding {
    let host = arena.target.authority();
    for second in [host, "other.example"] {
        let bytes = Lines::get(arena).line(&format!("Host: {second}")).then("");
        refused(&arena.exchange(bytes).await?, &[400])?;
    }
    Ok("400 for the same name twice and for two names".to_owned())
}

pub(crate) async fn invalid_hosts(arena: &Arena) -> Finding {
    for host in ["a b/@", "a b", "user@a", "a/b", "a:80:80", "a\tb"] {
        let bytes = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", arena.control());
        refused(&arena.exchange(bytes).await?, &[400, 421])?;
    }
    let bytes = "GET http://other.example/ HTTP/1.1\r\nHost:\r\n\r\n";
    refused(&arena.exchange(bytes).await?, &[400, 421])?;
    Ok("7 refused".to_owned())
}

pub(crate) async fn foreign_host(arena: &Arena) -> Finding {
    let name = "siege-host.example";
    for path in [arena.control(), "/", "/siege-unknown"] {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n");
        let seen = arena.exchange(bytes).await?;
        if seen.answers().iter().any(|answer| answer.mentions(name)) {
            return Err(seen.breach("the answer repeats a host that anybody may send"));
        }
        if !arena.profile.hosts.is_empty() {
            refused(&seen, &[400, 421])?;
        }
    }
    Ok(match arena.profile.hosts.is_empty() {
        true => "never reflected; no list of hosts is given, so any may be served".to_owned(),
        false => "refused".to_owned(),
    })
}

pub(crate) async fn control_bytes(arena: &Arena) -> Finding {
    let host = arena.target.authority();
    for byte in ["\0", "\r", "\x01", "\x7f"] {
        for line in [format!("X-A{byte}B: c"), format!("X-A: b{byte}c")] {
            let bytes = Lines::get(arena).line(&line).then("");
            refused(&arena.exchange(bytes).await?, &[400])?;
        }
        let bytes = format!("GET /a{byte}b HTTP/1.1\r\nHost: {host}\r\n\r\n");
        refused(&arena.exchange(bytes).await?, &[400])?;
    }
    Ok("12 refused".to_owned())
}

pub(crate) async fn folded_field(arena: &Arena) -> Finding {
    let bytes = Lines::get(arena).line("X-Folded: a\r\n b").then("");
    refused(&arena.exchange(bytes).await?, &[400])
}

pub(crate) async fn space_before_colon(arena: &Arena) -> Finding {
    for line in [
        "X-Spaced : a",
        "Content-Length : 0",
        "Transfer-Encoding\t: chunked",
    ] {
        let bytes = Lines::get(arena).line(line).then("");
        refused(&arena.exchange(bytes).await?, &[400])?;
    }
    Ok("3 refused".to_owned())
}

pub(crate) async fn large_head(arena: &Arena) -> Finding {
    let field = format!("X-Large: {}", "a".repeat(100_000));
    let seen = arena
        .exchange(Lines::get(arena).line(&field).then(""))
        .await?;
    refused(&seen, TOO_LARGE)?;
    let many = (0..9).map(|i| format!("X-Large-{i}: {}", "a".repeat(8000)));
    let lines = many.fold(Lines::get(arena), |lines, field| lines.line(&field));
    refused(&arena.exchange(lines.then("")).await?, TOO_LARGE)
}

pub(crate) async fn many_fields(arena: &Arena) -> Finding {
    let many = (0..1000).map(|i| format!("X-{i}: a"));
    let lines = many.fold(Lines::get(arena), |lines, field| lines.line(&field));
    refused(&arena.exchange(lines.then("")).await?, TOO_LARGE)
}

pub(crate) async fn long_target(arena: &Arena) -> Finding {
    let host = arena.target.authority();
    for length in [17 << 10, 70 << 10] {
        let path = "a".repeat(length);
        let bytes = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        refused(&arena.exchange(bytes).await?, TOO_LARGE)?;
    }
    Ok("17 KiB and 70 KiB refused".to_owned())
}

pub(crate) async fn trace(arena: &Arena) -> Finding {
    let bytes = Lines::with(arena, "TRACE", arena.control())
        .line("X-Siege-Secret: siege-secret")
        .then("");
    let seen = arena.exchange(bytes).await?;
    let answers = seen.answers();
    let Some(answer) = answers.first() else {
        return Ok("closed".to_owned());
    };
    if answer.mentions("siege-secret") {
        return Err(seen.breach("TRACE echoes what was sent"));
    }
    match answer.status {
        405 if !answer.has("allow") => Err(seen.breach("405 without Allow")),
        400..=499 | 501 => Ok(format!("{}", answer.status)),
        status => Err(seen.breach(format!("TRACE is answered with {status}"))),
    }
}

pub(crate) async fn connect(arena: &Arena) -> Finding {
    let (listener, address) = canary().await?;
    let bytes = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let seen = arena.exchange(bytes).await?;
    not_called(&listener, &seen).await?;
    match seen.status() {
        Some(status @ (200..=399 | 500 | 502..)) => {
            Err(seen.breach(format!("CONNECT is answered with {status}")))
        }
        Some(status) => Ok(format!("{status}")),
        None => Ok("closed".to_owned()),
    }
}

pub(crate) async fn absolute_form(arena: &Arena) -> Finding {
    let (listener, address) = canary().await?;
    let bytes = format!("GET http://{address}/siege-canary HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let seen = arena.exchange(bytes).await?;
    not_called(&listener, &seen).await?;
    if !arena.profile.hosts.is_empty() {
        // The canary's host is this machine too: a name that is surely foreign.
        let bytes = "GET http://siege-host.example/ HTTP/1.1\r\nHost: siege-host.example\r\n\r\n";
        refused(&arena.exchange(bytes).await?, &[400, 421])?;
    }
    Ok("no request to the other host".to_owned())
}

pub(crate) async fn expect_continue(arena: &Arena) -> Finding {
    let body = route(&arena.profile.routes.body)?;
    let (limit, key) = (arena.profile.limits.body_bytes, &arena.profile.keys.header);
    let wrong = Lines::with(arena, "POST", body)
        .line(&format!("{key}: siege_wrong_key"))
        .line("Expect: 100-continue")
        .line("Content-Length: 10");
    let large = Lines::to_body(arena)?
        .line("Expect: 100-continue")
        .line(&format!("Content-Length: {}", limit.saturating_mul(4)));
    let needs_key = arena
        .exchange(
            Lines::with(arena, "POST", body)
                .line("Content-Length: 0")
                .then(""),
        )
        .await?;
    let mut tries = vec![(large, 413)];
    if needs_key.status() == Some(401) {
        tries.push((wrong, 401));
    }
    for (lines, status) in tries {
        let seen = arena.exchange(lines.then("")).await?;
        if seen.said_continue() {
            let what = match status {
                401 => "100 Continue for a wrong key",
                _ => "100 Continue for a body of four times the limit",
            };
            return Err(seen.breach(what));
        }
        if seen.status() != Some(status) {
            return Err(seen.breach(format!("expected {status}, got {:?}", seen.status())));
        }
    }
    Ok("refused without 100".to_owned())
}

pub(crate) async fn upgrade_smuggling(arena: &Arena) -> Finding {
    let host = arena.target.authority();
    for upgrade in [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Upgrade: siege\r\nConnection: Upgrade",
    ] {
        let hidden = format!("GET /siege-hidden HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let seen = arena
            .exchange(Lines::get(arena).line(upgrade).then(&hidden))
            .await?;
        if seen.answers().iter().any(|answer| answer.status == 101) {
            return Err(seen.breach("101 on a route that upgrades nothing"));
        }
    }
    Ok("no 101; what follows is the next request".to_owned())
}

/// A head, line by line.
struct Lines(String);

impl Lines {
    fn with(arena: &Arena, method: &str, path: &str) -> Self {
        Self(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n",
            arena.target.authority()
        ))
    }

    fn get(arena: &Arena) -> Self {
        Self::with(arena, "GET", arena.control())
    }

    fn post(arena: &Arena) -> Self {
        Self::with(arena, "POST", arena.control())
    }

    /// To the route that reads a body, with the valid key.
    fn to_body(arena: &Arena) -> Result<Self, Trouble> {
        let lines = Self::with(arena, "POST", route(&arena.profile.routes.body)?);
        Ok(match &arena.profile.keys.valid {
            Some(key) => lines.line(&format!("{}: {key}", arena.profile.keys.header)),
            None => lines,
        })
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
        Some(status) => Err(seen.breach(format!(
            "it answers {status}; {} was expected",
            either(allowed)
        ))),
        None if seen.closed => Ok("closed without an answer".to_owned()),
        None => Err(seen.breach("no answer, and the connection stays open")),
    }
}

fn either(allowed: &[u16]) -> String {
    let texts: Vec<_> = allowed.iter().map(u16::to_string).collect();
    texts.join(" or ")
}

fn one_answer_then_closed(seen: &Exchange) -> Finding {
    let answers = seen.answers();
    match (answers.len(), seen.closed) {
        (0 | 1, true) => Ok(match answers.first() {
            Some(answer) => format!("{}, then closed", answer.status),
            None => "closed without an answer".to_owned(),
        }),
        (0 | 1, false) => {
            Err(seen.breach("the connection stays open after a message of two lengths"))
        }
        (count, _) => Err(seen.breach(format!("{count} answers: the hidden request was served"))),
    }
}

/// A listener of ours that nobody should call.
async fn canary() -> Result<(TcpListener, String), Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

async fn not_called(listener: &TcpListener, seen: &Exchange) -> Result<(), Trouble> {
    match timeout(Duration::from_millis(300), listener.accept()).await {
        Ok(_) => Err(seen.breach("the server connected to the host that the request named")),
        Err(_) => Ok(()),
    }
}

/// Names differ between servers: what counts is that it is refused.
const TOO_LARGE: &[u16] = &[400, 413, 414, 431];

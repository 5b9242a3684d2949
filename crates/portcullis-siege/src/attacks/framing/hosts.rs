//! Which host is meant: Host, CONNECT, an absolute target.

use std::time::Duration;

use tokio::{net::TcpListener, time::timeout};

use super::{Lines, refused};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Exchange},
};

pub(crate) async fn no_host(context: &Context) -> Finding {
    let bytes = format!("GET {} HTTP/1.1\r\nAccept: */*\r\n\r\n", context.control());
    refused(&context.exchange(bytes).await?, &[400])
}

pub(crate) async fn two_hosts(context: &Context) -> Finding {
    let host = context.target.authority();
    for second in [host, "other.example"] {
        let bytes = Lines::get(context)
            .line(&format!("Host: {second}"))
            .then("");
        refused(&context.exchange(bytes).await?, &[400])?;
    }
    Ok("400 for the same name twice and for two names".to_owned())
}

pub(crate) async fn invalid_hosts(context: &Context) -> Finding {
    for host in ["a b/@", "a b", "user@a", "a/b", "a:80:80", "a\tb"] {
        let bytes = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", context.control());
        refused(&context.exchange(bytes).await?, &[400, 421])?;
    }
    Ok("6 refused".to_owned())
}

pub(crate) async fn foreign_host(context: &Context) -> Finding {
    let name = "siege-host.example";
    for path in [context.control(), "/", "/siege-unknown"] {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n");
        let seen = context.exchange(bytes).await?;
        if seen.answers().iter().any(|answer| answer.mentions(name)) {
            return Err(seen.breach("the answer repeats a host that anybody may send"));
        }
        if !context.profile.hosts.is_empty() {
            refused(&seen, &[400, 421])?;
            // The target says which host is meant, whatever Host says (RFC 9112, 3.2.2).
            let own = context.target.authority();
            let absolute = format!("GET http://{name}{path} HTTP/1.1\r\nHost: {own}\r\n\r\n");
            refused(&context.exchange(absolute).await?, &[400, 421])?;
        }
    }
    Ok(if context.profile.hosts.is_empty() {
        "never reflected; no list of hosts is given, so any may be served".to_owned()
    } else {
        "refused".to_owned()
    })
}

pub(crate) async fn connect(context: &Context) -> Finding {
    let (listener, address) = canary().await?;
    let bytes = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let seen = context.exchange(bytes).await?;
    not_called(&listener, &seen).await?;
    not_connected(&seen)
}

/// Only a 2xx makes a tunnel, and must have no length then (RFC 9110, 9.3.6): what follows is the tunnel's.
/// A redirect, or that a host can't be reached, makes none.
fn not_connected(seen: &Exchange) -> Finding {
    let answers = seen.answers();
    let has_length =
        |answer: &Answer| answer.has("content-length") || answer.has("transfer-encoding");
    match seen.status() {
        Some(status @ 200..=299) => {
            let served = seen.breach(format!("CONNECT is answered with {status}"));
            if answers.first().is_some_and(has_length) {
                return Err(served);
            }
            Err(served.at_most(
                Level::Should,
                "without a length, which a tunnel must not have",
            ))
        }
        Some(500) => {
            let evidence = seen.evidence("CONNECT is answered with 500");
            Err(evidence.at_most(Level::Should).into())
        }
        Some(status) => Ok(format!("{status}")),
        None => Ok("closed".to_owned()),
    }
}

pub(crate) async fn absolute_form(context: &Context) -> Finding {
    let (listener, address) = canary().await?;
    let bytes = format!("GET http://{address}/siege-canary HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let seen = context.exchange(bytes).await?;
    not_called(&listener, &seen).await?;
    if !context.profile.hosts.is_empty() {
        // The canary's host is this machine too: a name that is surely foreign.
        let bytes = "GET http://siege-host.example/ HTTP/1.1\r\nHost: siege-host.example\r\n\r\n";
        let seen = context.exchange(bytes).await?;
        if let Some(status) = seen.status().filter(|status| *status < 400) {
            let evidence = seen.evidence(format!("a name that is not served: {status}"));
            return Err(evidence.at_most(Level::Should).into());
        }
    }
    Ok("no request to the other host".to_owned())
}

/// A listener of ours that nobody should call.
async fn canary() -> Result<(TcpListener, String), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

async fn not_called(listener: &TcpListener, seen: &Exchange) -> Result<(), Failure> {
    match timeout(Duration::from_millis(300), listener.accept()).await {
        Ok(_) => Err(seen.breach("the server connected to the host that the request named")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tunnel_is_connected() {
        for (status, holds) in [
            (200, false),
            (204, false),
            (308, true),
            (301, true),
            (405, true),
            (502, true),
        ] {
            let seen = Exchange::of(
                &format!("HTTP/1.1 {status} Any\r\ncontent-length: 0\r\n\r\n"),
                true,
            );
            assert_eq!(not_connected(&seen).is_ok(), holds, "{status}");
        }
        assert!(not_connected(&Exchange::of("", true)).is_ok());
        let level = |answer| match not_connected(&Exchange::of(answer, true)) {
            Err(Failure::Breach(evidence)) => evidence.at_most,
            other => panic!("{other:?}"),
        };
        let (bare, long) = (
            "HTTP/1.1 200 Any\r\n\r\n",
            "HTTP/1.1 200 Any\r\ncontent-length: 0\r\n\r\n",
        );
        assert_eq!(level(bare), Some(Level::Should));
        assert_eq!(level(long), None);
    }
}

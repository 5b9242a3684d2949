//! Ways around the check of keys: other methods, other paths, upgrades.

use super::{protected, refusals::UNKNOWN};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Exchange, Request},
};

pub(crate) async fn bypass(context: &Context) -> Finding {
    let path = protected(context)?;
    let encoded = match path.as_bytes() {
        [_, first, ..] if first.is_ascii_alphanumeric() => format!("/%{first:02x}{}", &path[2..]),
        _ => path.to_owned(),
    };
    let mut tries: Vec<_> = ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "FOO"]
        .map(|method| Request::new(method, path))
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
        tries.extend(variants.map(Request::get));
    }
    if context.found.http2 {
        tries.extend(
            ["GET", "HEAD", "OPTIONS", "POST"].map(|method| Request::new(method, path).http2(true)),
        );
    }
    let mut count = 0;
    for request in &tries {
        if let Ok(answer) = context.expect(request).await {
            count += usize::from(answer.status != 429);
            let (method, path) = (&request.method, &request.path);
            let what = format!("{method} {path} is served without a key");
            let is_served = answer.is_good() && !tells_methods(request, &answer);
            answer.holds(!is_served, what)?;
        }
    }
    if count == 0 {
        return Err(Failure::unclear("none of the requests was answered"));
    }
    Ok(format!("{count} variants, none served"))
}

/// An answer to OPTIONS that has the methods and nothing else, as frameworks give it (RFC 9110, 9.3.7).
fn tells_methods(request: &Request, answer: &Answer) -> bool {
    request.method == "OPTIONS" && answer.has("allow") && answer.body.is_empty()
}

/// An upgrade is a request like any other until it is granted.
pub(crate) async fn upgrades(context: &Context) -> Finding {
    let websocket = context.profile.routes.websocket.as_deref();
    let paths = [Some(protected(context)?), websocket];
    let (host, name) = (context.target.authority(), &context.profile.keys.header);
    let (mut count, mut unclear) = (0, None);
    for path in paths.into_iter().flatten() {
        for protocol in PROTOCOLS {
            for key in ["", UNKNOWN] {
                let key = match key {
                    "" => String::new(),
                    key => format!("{name}: {key}\r\n"),
                };
                let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{protocol}{key}\r\n");
                let seen = context.first_answer(head).await?;
                if seen.status() == Some(429) {
                    return Err(Failure::limited());
                }
                match granted(protocol, &seen) {
                    Some(Failure::Unclear(why)) => unclear = Some(why),
                    Some(failure) => return Err(failure),
                    None => count += 1,
                }
            }
        }
    }
    match unclear {
        Some(why) => Err(Failure::unclear(why)),
        None => Ok(format!("{count} upgrades, none granted")),
    }
}

/// Why an upgrade without a key is not refused.
fn granted(protocol: &str, seen: &Exchange) -> Option<Failure> {
    match seen.status() {
        Some(429) => Some(Failure::limited()),
        // The request itself is answered behind it, to who speaks HTTP/2.
        Some(101) if protocol.contains("HTTP2-Settings") => {
            let why = "101 to h2c without a key: whether more is served was not seen";
            Some(Failure::unclear(why))
        }
        Some(status @ (101 | 200..=299)) => {
            Some(seen.breach(format!("an upgrade without a key: {status}")))
        }
        Some(_) => None,
        None if seen.closed => None,
        None => Some(Failure::unclear("no answer to an upgrade")),
    }
}

const PROTOCOLS: [&str; 3] = [
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: c2llZ2Utc2llZ2Utc2llZw==\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket, h2c\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: c2llZ2Utc2llZ2Utc2llZw==\r\nOrigin: https://evil.com\r\n",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tells_the_methods_is_no_way_in() {
        let mut answer = Answer {
            status: 200,
            ..Answer::default()
        };
        let options = Request::new("OPTIONS", "/api");
        assert!(!tells_methods(&options, &answer));

        let methods = http::HeaderValue::from_static("GET, HEAD, OPTIONS");
        answer.headers.insert("allow", methods);
        assert!(tells_methods(&options, &answer));
        assert!(!tells_methods(&Request::get("/api"), &answer));
        answer.body = b"{\"hello\":\"world\"}".to_vec();
        assert!(!tells_methods(&options, &answer));
    }

    #[test]
    fn an_upgrade_that_is_refused_lets_nobody_in() {
        let judged = |status: u16, protocol| {
            let seen = Exchange::of(&format!("HTTP/1.1 {status} Any\r\n\r\n"), true);
            granted(protocol, &seen)
        };
        for status in [400, 401, 403, 404, 426, 501] {
            assert!(judged(status, PROTOCOLS[0]).is_none(), "{status}");
        }
        for status in [101, 200] {
            let breach = judged(status, PROTOCOLS[0]);
            assert!(matches!(breach, Some(Failure::Breach(_))), "{status}");
        }
        let unclear = judged(101, PROTOCOLS[1]);
        assert!(matches!(unclear, Some(Failure::Unclear(_))), "{unclear:?}");
    }
}

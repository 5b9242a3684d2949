//! Ways around the check of keys: other methods, other paths, upgrades.

use super::protected;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
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
            answer.holds(!answer.is_good(), what)?;
        }
    }
    if count == 0 {
        return Err(Failure::unclear("none of the requests was answered"));
    }
    Ok(format!("{count} variants, none served"))
}

/// An upgrade is a request like any other until it is granted.
pub(crate) async fn upgrades(context: &Context) -> Finding {
    let websocket = context.profile.routes.websocket.as_deref();
    let paths = [Some(protected(context)?), websocket];
    let (host, name) = (context.target.authority(), &context.profile.keys.header);
    let mut count = 0;
    for path in paths.into_iter().flatten() {
        for protocol in PROTOCOLS {
            for key in ["", "siege_wrong_0123456789abcdef"] {
                let key = match key {
                    "" => String::new(),
                    key => format!("{name}: {key}\r\n"),
                };
                let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{protocol}{key}\r\n");
                let seen = context.first_answer(head).await?;
                let status = seen.status();
                if status == Some(429) {
                    return Err(Failure::unclear("429: a limit is in the way"));
                }
                if !matches!(status, Some(400 | 401)) {
                    let status = status.map_or("nothing".to_owned(), |status| status.to_string());
                    return Err(seen.breach(format!("an upgrade without a key: {status}")));
                }
                count += 1;
            }
        }
    }
    Ok(format!("{count} upgrades: 401"))
}

const PROTOCOLS: [&str; 3] = [
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: c2llZ2Utc2llZ2Utc2llZw==\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket, h2c\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: c2llZ2Utc2llZ2Utc2llZw==\r\nOrigin: https://evil.com\r\n",
];

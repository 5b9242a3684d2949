//! Upgrades on a plain route. A server may upgrade (RFC 9110, 7.8), and speaks the other protocol then.

use super::Lines;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Exchange, contains, head_of},
};

pub(crate) async fn upgrade_smuggling(context: &Context) -> Finding {
    let host = context.target.authority();
    let hidden = format!("GET /siege-hidden HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (mut taken, mut unclear) = (Vec::new(), None);
    for (name, upgrade) in UPGRADES {
        let bytes = Lines::get(context).line(upgrade).then(&hidden);
        match upgraded(name, &context.exchange(bytes).await?) {
            Ok(true) => taken.push(name),
            Ok(false) => {}
            Err(Failure::Unclear(why)) => unclear = Some(why),
            Err(failure) => return Err(failure),
        }
    }
    if let Some(why) = unclear {
        return Err(Failure::unclear(why));
    }
    Ok(if taken.is_empty() {
        "no 101; what follows is the next request".to_owned()
    } else {
        format!("upgraded to {}, and speaks it", taken.join(", "))
    })
}

/// Whether the server has changed the protocol. Breached when it only said so.
fn upgraded(name: &str, seen: &Exchange) -> Result<bool, Failure> {
    let answers = seen.answers();
    let Some(at) = answers.iter().position(|answer| answer.status == 101) else {
        return Ok(false);
    };
    if answers.len() > at + 1 {
        return Err(seen.breach("101, and the request behind it is answered as HTTP/1"));
    }
    let behind = seen.received.get(head_of(&seen.received).len()..);
    let is_real = match name {
        "h2c" => behind.is_some_and(|bytes| bytes.get(3..9) == Some(SETTINGS)),
        "websocket" => contains(&seen.received, ACCEPTED.as_bytes()),
        _ => false,
    };
    match (name, is_real) {
        (_, true) => Ok(true),
        // What it would have said to an HTTP/2 client is not seen.
        ("h2c", false) => Err(Failure::unclear("101 to h2c, and no frame behind it")),
        _ => Err(seen.breach(format!("101 to {name}, which it does not speak"))),
    }
}

const UPGRADES: [(&str, &str); 3] = [
    (
        "h2c",
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings",
    ),
    (
        "websocket",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    ("siege", "Upgrade: siege\r\nConnection: Upgrade"),
];
/// What RFC 6455, 1.3, has for this key.
const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A frame's type, flags and stream, behind its length.
const SETTINGS: &[u8] = &[4, 0, 0, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";

    #[test]
    fn who_upgrades_speaks_the_other_protocol() {
        let judged = |name, behind: &str| {
            upgraded(name, &Exchange::of(&(SWITCHED.to_owned() + behind), true))
        };
        let settings = "\0\0\u{6}\u{4}\0\0\0\0\0\0\u{3}\0\0\0d";

        assert!(matches!(judged("h2c", settings), Ok(true)));
        assert!(matches!(judged("h2c", ""), Err(Failure::Unclear(_))));
        let answered = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        for name in ["h2c", "websocket", "siege"] {
            let breach = judged(name, answered);
            assert!(
                matches!(breach, Err(Failure::Breach(_))),
                "{name}: {breach:?}"
            );
        }
        assert!(matches!(judged("siege", ""), Err(Failure::Breach(_))));
        let plain = Exchange::of("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true);
        assert!(matches!(upgraded("h2c", &plain), Ok(false)));
    }

    #[test]
    fn a_web_socket_is_accepted_with_its_key() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ";
        let right = Exchange::of(&format!("{head}{ACCEPTED}\r\n\r\n"), true);
        let wrong = Exchange::of(&format!("{head}siege\r\n\r\n"), true);

        assert!(matches!(upgraded("websocket", &right), Ok(true)));
        assert!(matches!(
            upgraded("websocket", &wrong),
            Err(Failure::Breach(_))
        ));
    }
}

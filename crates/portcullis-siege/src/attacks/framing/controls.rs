//! Controls in a head, and fields that are folded over two lines.

use super::{Lines, refused};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::Exchange,
};

/// Where a control stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Name,
    Value,
    Target,
}

pub(crate) async fn control_bytes(context: &Context) -> Finding {
    let places = [Place::Name, Place::Target, Place::Value];
    // What must be refused comes first.
    let grave = places.map(|place| (place, ["\0", "\r"]));
    let others = places.map(|place| (place, ["\x01", "\x7f"]));
    for (place, bytes) in grave.into_iter().chain(others) {
        for byte in bytes {
            let seen = context.exchange(place.head(context, byte)).await?;
            judge(refused(&seen, &[400]), place, byte)?;
        }
    }
    Ok("12 refused".to_owned())
}

/// CR and NUL must be refused, or be replaced by a space where a value is (RFC 9110, 5.5). From outside,
/// nobody sees the space. Other controls may be kept.
fn judge(finding: Finding, place: Place, byte: &str) -> Finding {
    let most = match (place, byte) {
        (Place::Name | Place::Target, "\0" | "\r") => return finding,
        (_, "\0" | "\r") => "whether a space stands in its place can't be seen",
        _ => "RFC 9110 5.5 lets a server keep it",
    };
    finding.map_err(|failure| failure.at_most(Level::Should, most))
}

pub(crate) async fn folded_field(context: &Context) -> Finding {
    let hidden = Lines::get(context).then("");
    let folded = |between: &str| {
        let line = format!("X-Folded: a{between}Content-Length: {}", hidden.len());
        Lines::get(context).line(&line).then(&hidden)
    };
    let seen = context.exchange(folded("\r\n ")).await?;
    let plain = context.exchange(folded(" ")).await?;
    let note = fold_is_no_field(&seen, &plain)?;
    let lost = Lines::post(context)
        .line("Transfer-Encoding:\r\n chunked")
        .then("0\r\n\r\n");
    let seen = context.exchange(lost).await?;
    match seen.answers().len() {
        0 | 1 => Ok(note),
        _ => {
            Err(seen.breach("the second line of a folded field is lost: its chunks were a request"))
        }
    }
}

/// Refused, or a space in place of the fold (RFC 9112, 5.2). As a field of its own the second line would be
/// a length, and what it hides would not be answered as it is without the fold.
fn fold_is_no_field(seen: &Exchange, plain: &Exchange) -> Finding {
    let answers = seen.answers();
    match &answers[..] {
        [] if seen.closed => Ok("closed without an answer".to_owned()),
        [first, ..] if matches!(first.status, 400..=499) => Ok(format!("{}", first.status)),
        [_, _, ..] => Ok("a space in its place".to_owned()),
        [_] if plain.answers().len() == 2 => Err(seen
            .breach("the second line of a folded field is a field of its own: it hid a request")),
        _ => Err(Failure::unclear(
            "requests in one packet are not all answered",
        )),
    }
}

// ===== impl Place =====

impl Place {
    fn head(self, context: &Context, byte: &str) -> String {
        match self {
            Self::Name => Lines::get(context).line(&format!("X-A{byte}B: c")).then(""),
            Self::Value => Lines::get(context).line(&format!("X-A: b{byte}c")).then(""),
            Self::Target => {
                let host = context.target.authority();
                format!("GET /a{byte}b HTTP/1.1\r\nHost: {host}\r\n\r\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const BAD: &str = "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn a_fold_is_refused_or_a_space() {
        let (one, two) = (
            Exchange::of(GOOD, false),
            Exchange::of(&GOOD.repeat(2), false),
        );
        let bad = Exchange::of(BAD, true);

        assert!(fold_is_no_field(&two, &two).is_ok());
        assert!(fold_is_no_field(&bad, &two).is_ok());
        assert!(fold_is_no_field(&Exchange::of("", true), &two).is_ok());
        assert!(matches!(
            fold_is_no_field(&one, &two),
            Err(Failure::Breach(_))
        ));
        // A server that answers one request of a packet only.
        assert!(matches!(
            fold_is_no_field(&one, &one),
            Err(Failure::Unclear(_))
        ));
    }

    #[test]
    fn only_nul_and_cr_must_be_refused() {
        let level = |place, byte| {
            let served = refused(&Exchange::of(GOOD, false), &[400]);
            match judge(served, place, byte) {
                Err(Failure::Breach(evidence)) => evidence.at_most,
                other => panic!("{other:?}"),
            }
        };

        assert_eq!(level(Place::Name, "\0"), None);
        assert_eq!(level(Place::Target, "\r"), None);
        assert_eq!(level(Place::Value, "\0"), Some(Level::Should));
        assert_eq!(level(Place::Name, "\x01"), Some(Level::Should));
        let refusal = refused(&Exchange::of(BAD, true), &[400]);
        assert!(judge(refusal, Place::Value, "\x7f").is_ok());
    }
}

//! Request lines without a version, or with one that is none.

use super::hidden::exchange_all;
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Exchange, Request, contains},
};

pub(crate) async fn no_version(context: &Context) -> Finding {
    let (path, host) = (context.control(), context.target.authority());
    let page = context.send(&Request::get(path)).await?.body;
    let tries = [
        format!("GET {path}\r\n\r\n"),
        format!("GET {path}\r\nHost: {host}\r\n\r\n"),
        format!("GET {path} \r\nHost: {host}\r\n\r\n"),
    ];
    for seen in exchange_all(context, tries).await? {
        // HTTP/0.9 has no head: the page is all that comes.
        let is_page = !seen.received.starts_with(b"HTTP/") && contains(&seen.received, &page);
        if serves(&seen) || is_page && !page.is_empty() {
            return Err(seen.breach("a request line of two words is served"));
        }
    }
    Ok("3 refused".to_owned())
}

pub(crate) async fn wild_versions(context: &Context) -> Finding {
    let invalid = [
        "http/1.1",
        "HTTP/1.10",
        "HTTP/11",
        "HTTP/1,1",
        "HTTP/01.1",
        "HTTP/1.1x",
    ];
    if let Some((version, seen)) = served_version(context, invalid).await? {
        return Err(seen.breach(format!("{version}, which is no version, is served")));
    }
    // RFC 9110, 2.5: the highest version below may be the answer to these.
    if let Some((version, seen)) = served_version(context, ["HTTP/2.0", "HTTP/3.0"]).await? {
        let what = format!("{version} in a request line of HTTP/1 is served");
        return Err(seen.evidence(what).at_most(Level::Opinion).into());
    }
    Ok("8 refused".to_owned())
}

async fn served_version<const N: usize>(
    context: &Context,
    versions: [&'static str; N],
) -> Result<Option<(&'static str, Exchange)>, Failure> {
    let (path, host) = (context.control(), context.target.authority());
    let tries = versions.map(|version| format!("GET {path} {version}\r\nHost: {host}\r\n\r\n"));
    let seen = exchange_all(context, tries).await?;
    let mut all = versions.into_iter().zip(seen);
    Ok(all.find(|(_, seen)| serves(seen)))
}

fn serves(seen: &Exchange) -> bool {
    seen.answers()
        .first()
        .is_some_and(|answer| answer.is_good())
}

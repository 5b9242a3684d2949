//! K: response headers, CORS, CSP, caching.

use std::collections::HashSet;

use super::answers::all;
use crate::{
    arena::{Arena, route},
    verdict::{Finding, Trouble},
    wire::{Answer, Ask},
};

pub(crate) async fn preset(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    for kind in kinds.iter() {
        let csp = kind.answer.header("content-security-policy");
        let framed = csp.contains("frame-ancestors") || kind.answer.has("x-frame-options");
        let is_page = kind.answer.header("content-type").starts_with("text/html");
        let wanted = SECURITY
            .iter()
            .filter(|name| is_page || !OF_PAGES.contains(name));
        let missing = wanted.copied().filter(|name| !kind.answer.has(name));
        let mut missing: Vec<_> = missing.collect();
        if !framed {
            missing.push("frame-ancestors");
        }
        if !missing.is_empty() {
            return Err(kind.breach(arena, &format!("without {}", missing.join(", "))));
        }
        if kind.answer.header("x-content-type-options") != "nosniff" {
            return Err(kind.breach(arena, "X-Content-Type-Options is not nosniff"));
        }
    }
    Ok(format!("on {} kinds of answers", kinds.len()))
}

pub(crate) async fn hsts(arena: &Arena) -> Finding {
    for kind in all(arena).await?.iter() {
        if kind.answer.has("strict-transport-security") {
            return Err(kind.breach(arena, "HSTS over plain HTTP"));
        }
    }
    let ask = Ask::get(arena.control())
        .header("x-forwarded-proto", "https")
        .header("forwarded", "proto=https")
        .header("x-forwarded-scheme", "https");
    let answer = arena.ask(&ask).await?;
    match answer.has("strict-transport-security") {
        true => Err(ask.breach(arena, &answer, "HSTS because a stranger says https")),
        false => Ok("none".to_owned()),
    }
}

pub(crate) async fn duplicates(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    let once = SECURITY.iter().chain(&[
        "strict-transport-security",
        "x-frame-options",
        "x-request-id",
        "content-type",
    ]);
    let once: Vec<_> = once.collect();
    for kind in kinds.iter() {
        let twice = |name: &&&&str| kind.answer.headers.get_all(***name).iter().count() > 1;
        if let Some(name) = once.iter().find(twice) {
            return Err(kind.breach(arena, &format!("{name} twice")));
        }
    }
    Ok(format!("each once on {} kinds of answers", kinds.len()))
}

pub(crate) async fn nonces(arena: &Arena) -> Finding {
    let ask = Ask::get(route(&arena.profile.routes.page)?)
        .key(arena)
        .header("x-nonce", "siege")
        .header("csp-nonce", "siege");
    let mut seen = HashSet::new();
    let count = arena.intensity.scale(100);
    for _ in 0..count {
        let answer = arena.ask(&ask).await?;
        let csp = answer.header("content-security-policy");
        let nonce = csp
            .split_once("'nonce-")
            .and_then(|(_, rest)| rest.split_once('\''))
            .map(|(nonce, _)| nonce.to_owned());
        let Some(nonce) = nonce else {
            return Err(ask.breach(arena, &answer, "the page has no nonce"));
        };
        let text = answer.text();
        let what = match () {
            () if nonce.trim_end_matches('=').len() < 22 => Some("a nonce of less than 128 bits"),
            () if !text.contains(&format!("nonce=\"{nonce}\""))
                && !text.contains(&format!("nonce={nonce}")) =>
            {
                Some("the body's nonce is not the header's")
            }
            () if !answer.header("cache-control").contains("no-store") => {
                Some("a page with a nonce, without Cache-Control: no-store")
            }
            () => None,
        };
        if let Some(what) = what {
            return Err(ask.breach(arena, &answer, what));
        }
        if !seen.insert(nonce) {
            return Err(ask.breach(arena, &answer, "a nonce came twice"));
        }
    }
    Ok(format!("{count} nonces, all differ"))
}

pub(crate) async fn foreign_origins(arena: &Arena) -> Finding {
    let good = arena.profile.cors.origins.first();
    let good = good.map_or("https://good.com", String::as_str);
    let foreign = lookalikes(good);
    let paths = [
        Some(arena.control()),
        arena.profile.routes.protected.as_deref(),
    ];
    for path in paths.into_iter().flatten() {
        for origin in &foreign {
            let plain = arena.get(path).header("origin", origin);
            let preflight = Ask::new("OPTIONS", path)
                .header("origin", origin)
                .header("access-control-request-method", "GET");
            for ask in [plain, preflight] {
                let answer = arena.ask(&ask).await?;
                if allows(&answer, origin) {
                    let what = format!("the origin {origin} may read this");
                    return Err(ask.breach(arena, &answer, what));
                }
            }
        }
        let two = arena.get(path).header("origin", good);
        let two = two.header("origin", "https://evil.com");
        let answer = arena.ask(&two).await?;
        if answer.has("access-control-allow-origin")
            && answer.header("access-control-allow-origin") != "*"
        {
            return Err(two.breach(arena, &answer, "two origins, and one is believed"));
        }
    }
    Ok(format!("{} origins refused", foreign.len()))
}

/// Origins that are not this one, and look like it to a careless comparison.
fn lookalikes(good: &str) -> [String; 9] {
    let host = good.split_once("://").map_or(good, |(_, host)| host);
    [
        "https://evil.com".to_owned(),
        format!("{good}.evil.com"),
        format!("https://evil{host}"),
        format!("http://{host}"),
        format!("{good}:8443"),
        "null".to_owned(),
        good.to_ascii_uppercase(),
        format!("{good}."),
        format!("{good}%60.evil"),
    ]
}

/// `*` without credentials is for everybody, and said so.
fn allows(answer: &Answer, origin: &str) -> bool {
    let allowed = answer.header("access-control-allow-origin");
    allowed == origin || allowed == "*" && answer.has("access-control-allow-credentials")
}

pub(crate) async fn credentials_and_vary(arena: &Arena) -> Finding {
    let path = arena
        .profile
        .routes
        .protected
        .as_deref()
        .unwrap_or(arena.control());
    let good = &arena.profile.cors.origins[0];
    for origin in [Some(good.as_str()), Some("https://evil.com"), None] {
        let ask = arena.get(path);
        let ask = match origin {
            Some(origin) => ask.header("origin", origin),
            None => ask,
        };
        let answer = arena.ask(&ask).await?;
        let allowed = answer.header("access-control-allow-origin");
        let varies = answer.headers.get_all("vary").iter().any(|value| {
            let value = value.to_str().unwrap_or("").to_ascii_lowercase();
            value
                .split(',')
                .any(|name| matches!(name.trim(), "origin" | "*"))
        });
        let what = match () {
            () if allowed == "*" && answer.header("access-control-allow-credentials") == "true" => {
                Some("credentials with *")
            }
            () if origin == Some(good.as_str()) && allowed != good && allowed != "*" => {
                Some("a good origin may not read this")
            }
            () if !varies && allowed != "*" => Some("no Vary: Origin"),
            () => None,
        };
        if let Some(what) = what {
            return Err(ask.breach(arena, &answer, what));
        }
    }
    Ok("Vary: Origin for good, foreign and no origins".to_owned())
}

pub(crate) async fn preflight(arena: &Arena) -> Finding {
    let path = arena
        .profile
        .routes
        .protected
        .as_deref()
        .unwrap_or(arena.control());
    let ask = |origin: &str| Ask::new("OPTIONS", path).header("origin", origin);
    let good = &arena.profile.cors.origins[0];
    let fine = ask(good).header("access-control-request-method", "GET");
    let answer = arena.ask(&fine).await?;
    if !answer.is_good()
        || answer.header("access-control-allow-origin") != good
        || !answer.has("access-control-allow-methods")
    {
        return Err(fine.breach(arena, &answer, "the preflight of a good origin is refused"));
    }
    let odd = ask(good)
        .header("access-control-request-method", "SIEGE")
        .header("access-control-request-headers", "x-siege-evil");
    let answer = arena.ask(&odd).await?;
    if answer.mentions("SIEGE") || answer.mentions("x-siege-evil") {
        return Err(odd.breach(arena, &answer, "methods or headers are mirrored"));
    }
    let foreign = ask("https://evil.com").header("access-control-request-method", "GET");
    let answer = arena.ask(&foreign).await?;
    let has_cors = answer
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"));
    if answer.status != 403 || has_cors {
        return Err(foreign.breach(
            arena,
            &answer,
            "a foreign preflight: 403 without CORS fields was expected",
        ));
    }
    let private = fine.header("access-control-request-private-network", "true");
    let answer = arena.ask(&private).await?;
    match answer.has("access-control-allow-private-network") {
        true => Err(private.breach(arena, &answer, "a private network is opened")),
        false => Ok("good: allowed without a key; foreign: 403".to_owned()),
    }
}

pub(crate) async fn cache_poisoning(arena: &Arena) -> Finding {
    let name = "siege-poison.example";
    let page = arena.profile.routes.page.as_deref();
    let protected = arena.profile.routes.protected.as_deref();
    for path in [
        Some(arena.control()),
        Some("/siege-unknown"),
        Some("/"),
        page,
        protected,
    ]
    .into_iter()
    .flatten()
    {
        for field in POISON {
            let value = match field.contains("url") || field.contains("prefix") {
                true => format!("/{name}"),
                false => name.to_owned(),
            };
            let ask = arena.get(path).header(field, value);
            let answer = arena.ask(&ask).await?;
            if answer.mentions(name) {
                return Err(ask.breach(
                    arena,
                    &answer,
                    format!("{field} comes back in the answer"),
                ));
            }
        }
    }
    Ok(format!("{} fields, in no answer", POISON.len()))
}

pub(crate) async fn errors_not_stored(arena: &Arena) -> Finding {
    let kinds = all(arena).await?;
    let refusals = kinds
        .iter()
        .filter(|kind| matches!(kind.answer.status, 401 | 403 | 429 | 500..));
    let refusals: Vec<_> = refusals.collect();
    if refusals.is_empty() {
        return Err(Trouble::NotTested(
            "no 401, 403, 429 or 5xx could be had".to_owned(),
        ));
    }
    for kind in &refusals {
        if !kind.answer.header("cache-control").contains("no-store") {
            return Err(kind.breach(arena, "without Cache-Control: no-store"));
        }
    }
    Ok(format!("no-store on {}", refusals.len()))
}

/// What every answer carries (OWASP Secure Headers).
pub(crate) const SECURITY: &[&str] = &[
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
];

/// What only a document that a browser renders needs (ASVS 3.4.8).
const OF_PAGES: &[&str] = &["cross-origin-opener-policy", "permissions-policy"];

const POISON: &[&str] = &[
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "x-host",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "forwarded",
    "x-http-host-override",
];

//! K: response headers, CORS, CSP, caching.

use super::answers::all;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

mod caches;
mod cors;
mod credentials;
mod cross_site;
mod echoes;
mod nonces;
mod policies;
mod table;

pub(crate) use self::table::ATTACKS;

pub(crate) use self::{
    caches::{deception, stored_for_all},
    cors::{credentials_and_vary, foreign_origins, preflight},
    credentials::{unescaped_dots, with_cookie},
    cross_site::cross_site,
    echoes::echoed_type,
    nonces::nonces,
    policies::{hsts_age, policy_value},
};

pub(crate) async fn preset(context: &Context) -> Finding {
    let kinds = all(context).await?;
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
        let missing = (!missing.is_empty()).then(|| missing.join(", "));
        kind.flawless(context, missing.map(|names| format!("without {names}")))?;
        let sniffed = kind.answer.header("x-content-type-options") != "nosniff";
        kind.flawless(
            context,
            sniffed.then_some("X-Content-Type-Options is not nosniff"),
        )?;
    }
    Ok(format!("on {} kinds of answers", kinds.len()))
}

pub(crate) async fn hsts(context: &Context) -> Finding {
    for kind in all(context).await?.iter() {
        let has_it = kind.answer.has("strict-transport-security");
        kind.flawless(context, has_it.then_some(HSTS_SEEN))?;
    }
    let request = Request::get(context.control())
        .header("x-forwarded-proto", "https")
        .header("forwarded", "proto=https")
        .header("x-forwarded-scheme", "https");
    let answer = context.expect(&request).await?;
    answer.holds(
        !answer.has("strict-transport-security"),
        "HSTS because an untrusted peer says https",
    )?;
    Ok("none".to_owned())
}

pub(crate) async fn duplicates(context: &Context) -> Finding {
    let kinds = all(context).await?;
    let once = SECURITY.iter().filter(|name| !LISTS.contains(name));
    let once = once.chain(&[
        "strict-transport-security",
        "x-frame-options",
        "x-request-id",
        "content-type",
    ]);
    let once: Vec<_> = once.collect();
    for kind in kinds.iter() {
        let twice = |name: &&&&str| kind.answer.headers.get_all(***name).iter().count() > 1;
        let name = once.iter().find(twice);
        kind.flawless(context, name.map(|name| format!("{name} twice")))?;
    }
    Ok(format!("each once on {} kinds of answers", kinds.len()))
}

pub(crate) async fn cache_poisoning(context: &Context) -> Finding {
    let name = "siege-poison.example";
    let page = context.profile.routes.page.as_deref();
    let protected = context.profile.routes.protected.as_deref();
    for path in [
        Some(context.control()),
        Some("/siege-unknown"),
        Some("/"),
        page,
        protected,
    ]
    .into_iter()
    .flatten()
    {
        for field in POISON {
            let value = if field.contains("url") || field.contains("prefix") {
                format!("/{name}")
            } else {
                name.to_owned()
            };
            let request = context.get(path).header(field, value);
            let answer = context.expect(&request).await?;
            let what = format!("{field} comes back in the answer");
            answer.holds(!answer.mentions(name), what)?;
        }
    }
    Ok(format!("{} fields, in no answer", POISON.len()))
}

pub(crate) async fn errors_not_stored(context: &Context) -> Finding {
    let kinds = all(context).await?;
    let refusals = kinds
        .iter()
        .filter(|kind| matches!(kind.answer.status, 401 | 403 | 429 | 500..));
    let refusals: Vec<_> = refusals.collect();
    if refusals.is_empty() {
        return Err(Failure::not_tested("no 401, 403, 429 or 5xx could be had"));
    }
    for kind in &refusals {
        let is_stored = !kind.answer.header("cache-control").contains("no-store");
        kind.flawless(
            context,
            is_stored.then_some("without Cache-Control: no-store"),
        )?;
    }
    Ok(format!("no-store on {}", refusals.len()))
}

/// RFC 6797, 7.2: MUST NOT. Many servers do, because a proxy speaks TLS for them.
const HSTS_SEEN: &str =
    "HSTS over plain HTTP (a server that only a proxy with TLS can reach accepts it: [accept])";

/// What every answer carries (OWASP Secure Headers).
pub(crate) const SECURITY: &[&str] = &[
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
];

/// Of these the lines are one list (CSP Level 3, 3.1; Referrer Policy, 4.1; RFC 8941, 3.2): RFC 9110, 5.3,
/// lets a server send several.
const LISTS: &[&str] = &[
    "content-security-policy",
    "referrer-policy",
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

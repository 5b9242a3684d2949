//! What policies for browsers are worth, where they are there.

use std::collections::HashMap;

use super::all;
use crate::{
    Level,
    attacks::answers::Kind,
    context::Context,
    verdict::{Failure, Finding},
    wire::Answer,
};

/// A policy's directives, in lower case.
type Directives = HashMap<String, Vec<String>>;

pub(crate) async fn policy_value(context: &Context) -> Finding {
    let kinds = all(context).await?;
    let is_page = |answer: &Answer| answer.header("content-type").starts_with("text/html");
    let only_reports =
        |kind: &&Kind| is_page(&kind.answer) && !kind.answer.has(CSP) && kind.answer.has(REPORTS);
    if let Some(kind) = kinds.iter().find(only_reports) {
        return Err(kind.breach(context, "the policy only reports: nothing is stopped"));
    }
    let pages = kinds
        .iter()
        .filter(|kind| is_page(&kind.answer) && kind.answer.has(CSP));
    let pages: Vec<_> = pages.collect();
    if pages.is_empty() {
        return Err(Failure::not_tested(
            "no page with a policy was seen (routes.page)",
        ));
    }
    for kind in &pages {
        kind.flawless(context, weakness_of_all(&kind.answer))?;
    }
    Ok(format!("on {} pages", pages.len()))
}

/// Of several policies all hold: a weakness counts if each has one.
fn weakness_of_all(answer: &Answer) -> Option<String> {
    let values = answer.headers.get_all(CSP).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let framed = answer.has("x-frame-options");
    let policies = values.flat_map(|value| value.split(','));
    let weak: Option<Vec<_>> = policies.map(|policy| weakness(policy, framed)).collect();
    weak?.into_iter().next()
}

fn directives(policy: &str) -> Directives {
    let mut all = Directives::new();
    for directive in policy.to_ascii_lowercase().split(';') {
        let mut words = directive.split_ascii_whitespace().map(str::to_owned);
        if let Some(name) = words.next() {
            all.entry(name).or_insert_with(|| words.collect());
        }
    }
    all
}

fn weakness(policy: &str, framed: bool) -> Option<String> {
    let all = directives(policy);
    let default = all.get("default-src");
    let Some(scripts) = all.get("script-src").or(default) else {
        return Some("the policy has neither script-src nor default-src".to_owned());
    };
    if let Some(what) = of_scripts(scripts) {
        return Some(format!("scripts: {what}"));
    }
    if default.is_some_and(|sources| is_none(sources)) {
        return None;
    }
    let needed = ["object-src", "base-uri", "frame-ancestors"];
    let needed = needed
        .iter()
        .filter(|name| !(framed && **name == "frame-ancestors"));
    let missing = needed.copied().find(|name| !all.contains_key(*name))?;
    Some(format!("the policy has no {missing}"))
}

fn of_scripts(sources: &[String]) -> Option<String> {
    let has = |wanted: &str| sources.iter().any(|source| source == wanted);
    let is_named = |source: &String| source.starts_with("'nonce-") || source.starts_with("'sha");
    let named = sources.iter().any(is_named);
    if has("'unsafe-inline'") && !named {
        return Some("'unsafe-inline' without a nonce or a hash".to_owned());
    }
    if has("'unsafe-eval'") {
        return Some("'unsafe-eval'".to_owned());
    }
    let is_exact = has("'strict-dynamic'") && named;
    let wide = ["*", "data:", "http:", "https:"].into_iter();
    let mut wide = wide.filter(|source| has(source) && !is_exact);
    wide.next().map(|source| format!("{source} is everybody"))
}

/// Whether a policy of an answer lets no script run.
pub(super) fn allows_no_script(answer: &Answer) -> bool {
    let values = answer.headers.get_all(CSP).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut policies = values.flat_map(|value| value.split(','));
    policies.any(|policy| {
        let all = directives(policy);
        let scripts = all.get("script-src").or_else(|| all.get("default-src"));
        scripts.is_some_and(|sources| sources.is_empty() || is_none(sources))
    })
}

fn is_none(sources: &[String]) -> bool {
    matches!(sources, [one] if one == "'none'")
}

pub(crate) async fn hsts_age(context: &Context) -> Finding {
    let request = context
        .get(context.control())
        .from(context.profile.proxy.trusted)
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-proto", "https");
    let answer = context.send(&request).await?;
    if !answer.has(HSTS) {
        let why = "no HSTS where the trusted proxy says https: the proxy may add it";
        return Err(Failure::not_tested(why));
    }
    let age = age(answer.header(HSTS));
    if age >= YEAR {
        return Ok(format!("{age} s"));
    }
    let what = format!("HSTS of {age} s: a year is {YEAR}");
    let evidence = request.evidence(context, &answer, what);
    Err(evidence.at_most(Level::Should).into())
}

fn age(hsts: &str) -> u64 {
    let hsts = hsts.to_ascii_lowercase();
    let mut directives = hsts
        .split(';')
        .filter_map(|part| part.trim().split_once('='));
    let age = directives.find(|(name, _)| name.trim() == "max-age");
    age.and_then(|(_, age)| age.trim().trim_matches('"').parse().ok())
        .unwrap_or(0)
}

const REPORTS: &str = "content-security-policy-report-only";
const CSP: &str = "content-security-policy";
const HSTS: &str = "strict-transport-security";
/// What ASVS 3.4.1 wants.
const YEAR: u64 = 31_536_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_as_good_as_what_it_allows() {
        for (policy, weak) in [
            ("default-src 'none'; script-src 'nonce-a'", false),
            (
                "script-src 'nonce-a' 'unsafe-inline' https: 'strict-dynamic'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
                false,
            ),
            (
                "default-src 'self'; script-src 'self' 'unsafe-inline'",
                true,
            ),
            (
                "default-src 'none'; script-src 'nonce-a' 'unsafe-eval'",
                true,
            ),
            ("default-src 'none'; script-src 'self' data:", true),
            ("default-src *", true),
            (
                "default-src 'self'; object-src 'none'; frame-ancestors 'none'",
                true,
            ),
            ("frame-ancestors 'none'", true),
        ] {
            assert_eq!(weakness(policy, false).is_some(), weak, "{policy}");
        }
    }

    #[test]
    fn an_age_may_be_quoted() {
        assert_eq!(age("includeSubDomains; Max-Age=\"63072000\""), 63_072_000);
        assert_eq!(age("includeSubDomains"), 0);
    }
}

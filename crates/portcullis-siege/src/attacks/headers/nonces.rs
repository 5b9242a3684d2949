//! Nonces of a content security policy.

use std::collections::HashSet;

use super::policies::allows_no_script;
use crate::{
    Level,
    attacks::expect::Expected,
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn nonces(context: &Context) -> Finding {
    let request = Request::get(route(&context.profile.routes.page)?)
        .key(context)
        .header("x-nonce", "siege")
        .header("csp-nonce", "siege");
    let mut seen = HashSet::new();
    let count = context.intensity.scale(100);
    for _ in 0..count {
        let answer = context.expect(&request).await?;
        let Some(nonce) = nonce(&answer) else {
            if allows_no_script(&answer) {
                return Ok("no script may run: a nonce is not needed".to_owned());
            }
            let missing = answer.holds(false, "the page has no nonce").map(drop);
            return missing.map(|()| String::new());
        };
        is_fine(&answer, &nonce)?;
        if !seen.insert(nonce) {
            let evidence = request.evidence(context, &answer, "a nonce came twice");
            return Err(evidence.only_in_a_siege().into());
        }
    }
    Ok(format!("{count} nonces, all differ"))
}

fn nonce(answer: &Answer) -> Option<String> {
    let csp = answer.header("content-security-policy");
    let (_, rest) = csp.split_once("'nonce-")?;
    let (nonce, _) = rest.split_once('\'')?;
    Some(nonce.to_owned())
}

fn is_fine(answer: &Expected<'_>, nonce: &str) -> Result<(), Failure> {
    let text = answer.text();
    let attributes = [format!("nonce=\"{nonce}\""), format!("nonce={nonce}")];
    let what = if nonce.trim_end_matches('=').len() < 22 {
        Some("a nonce of less than 128 bits")
    } else if !attributes.iter().any(|attribute| text.contains(attribute)) {
        Some("the body's nonce is not the header's")
    } else if !answer.header("cache-control").contains("no-store") {
        Some("a page with a nonce, without Cache-Control: no-store")
    } else {
        None
    };
    let fine = answer.flawless(what).map(drop);
    // CSP Level 3, 7.1: a MUST is only that each differs.
    fine.map_err(|failure| failure.at_most(Level::Should, "CSP Level 3 7.1: SHOULD"))
}

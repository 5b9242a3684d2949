//! When a signature was made, and of which request.

use super::Signed;
use crate::{
    context::Context,
    signing::{Draft, now},
    verdict::Finding,
    wire::Request,
};

/// Changes a draft.
type Change = fn(&mut Draft);

pub(crate) async fn dates(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let drafts = [wrong_dates(&signed), mistyped_dates(&signed)].concat();
    for (what, draft) in &drafts {
        signed.refuses(what, &draft.sign(signed.key)).await?;
    }
    // What is signed is not changed afterwards: an old signature made young again.
    let old = signed.draft().date("created", 0);
    let signature = old.signature(signed.key);
    let young = old.date("created", now()).with_signature(&signature);
    signed
        .refuses("created set anew after signing", &young)
        .await?;
    Ok(format!("{} dates refused", drafts.len() + 1))
}

fn wrong_dates(signed: &Signed<'_>) -> Vec<(&'static str, Draft)> {
    let (now, age) = (now(), signed.signatures.max_age_seconds);
    let draft = || signed.draft();
    // Two minutes are more than clocks may differ.
    let young = now.saturating_sub(age.min(180));
    vec![
        (
            "created too long ago",
            draft().date("created", now.saturating_sub(age + 120)),
        ),
        ("created in 1970", draft().date("created", 0)),
        ("created in ten minutes", draft().date("created", now + 600)),
        ("no created", draft().without_param("created")),
        (
            "its end was two minutes ago",
            draft().date("created", young).date("expires", now - 120),
        ),
        (
            "its end is before it was created",
            draft().date("expires", now - 3600),
        ),
    ]
}

fn mistyped_dates(signed: &Signed<'_>) -> Vec<(&'static str, Draft)> {
    let now = now();
    let created = |value: &str| signed.draft().param("created", value);
    vec![
        ("created as text", created(&format!("\"{now}\""))),
        ("created with a fraction", created(&format!("{now}.5"))),
        ("created before 1970", created(&format!("-{now}"))),
        ("created true", created("?1")),
        ("created beyond all integers", created("9999999999999999")),
        (
            "expires as text",
            signed.draft().param("expires", "\"never\""),
        ),
    ]
}

/// A signature of one request on another one, both ways: signed as another and sent as the right one, and
/// signed as the right one and sent as another.
pub(crate) async fn moved(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let mut tried = Vec::new();
    for (name, components, change) in CHANGES {
        let covered = &signed.signatures.components;
        if !components
            .iter()
            .any(|component| covered.iter().any(|c| c == component))
        {
            continue;
        }
        let right = signed.draft();
        let mut other = right.clone();
        change(&mut other);
        let request = with_signature_of(&right, &other, &signed);
        let what = format!("a signature of another {name}");
        signed.refuses(&what, &request).await?;
        let request = with_signature_of(&other, &right, &signed);
        let request = match name {
            "authority" => request.header("host", &other.authority),
            _ => request,
        };
        let what = format!("the signature of the right {name} on another");
        // What is nowhere, or not allowed there, is refused for that too.
        let allowed = [400, 401, 403, 404, 405, 415, 421];
        signed.refuses_with(&allowed, &what, &request).await?;
        tried.push(name);
    }
    Ok(format!("another {}: refused", tried.join(", ")))
}

/// The one request, with what the other one was signed with.
fn with_signature_of(sent: &Draft, other: &Draft, signed: &Signed<'_>) -> Request {
    sent.with_signature(&other.signature(signed.key))
}

fn other_path(draft: &mut Draft) {
    let query = draft.target.split_once('?');
    let query = query.map(|(_, query)| format!("?{query}"));
    draft.target = format!("/siege-other{}", query.unwrap_or_default());
}

fn other_query(draft: &mut Draft) {
    let and = if draft.target.contains('?') { '&' } else { '?' };
    draft.target = format!("{}{and}siege=1", draft.target);
}

fn other_type(draft: &mut Draft) {
    for (name, value) in &mut draft.fields {
        if name == "content-type" {
            *value = b"text/plain".to_vec();
        }
    }
}

/// What is another one, the components that bind it, and how it is changed.
const CHANGES: [(&str, &[&str], Change); 5] = [
    ("method", &["@method"], |draft| {
        draft.method = "PUT".to_owned()
    }),
    (
        "path",
        &["@path", "@target-uri", "@request-target"],
        other_path,
    ),
    (
        "query",
        &["@query", "@target-uri", "@request-target"],
        other_query,
    ),
    ("authority", &["@authority", "@target-uri"], |draft| {
        draft.authority = "siege.example".to_owned();
    }),
    ("content type", &["content-type"], other_type),
];

//! What belongs to one client, changed and deleted with the key of another (API1).

use super::{objects::other_opens, paths::unlike};
use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn written_by_another(context: &Context) -> Finding {
    let own = route(&context.profile.routes.own)?;
    let other = context.profile.keys.other.as_deref().unwrap_or_default();
    other_opens(context, other).await?;
    let before = as_owner(context, own).await?;
    if !before.is_good() {
        let why = format!("{} for {own} with the right key", before.status);
        return Err(Failure::not_tested(why));
    }
    let mut seen = Vec::new();
    for method in ["PATCH", "PUT", "DELETE"] {
        let (request, answer) = write(context, method, own, &before).await?;
        let status = answer.status;
        if answer.is_good() && is_harm(context, &request, &before).await? {
            let what = format!("{method} {own} is served to the key of another client");
            return Err(request
                .evidence(context, &answer, what)
                .only_in_a_siege()
                .into());
        }
        seen.push((method, status));
    }
    judged(&seen)
}

/// Refusals for what was sent, not for who sent it, show nothing.
fn judged(seen: &[(&str, u16)]) -> Finding {
    let note = seen
        .iter()
        .map(|(method, status)| format!("{method} {status}"));
    let note = note.collect::<Vec<_>>().join(", ");
    let is_refusal = |status: u16| matches!(status, 401 | 403 | 404 | 410);
    if seen.iter().all(|(_, status)| matches!(status, 405 | 501)) {
        return Err(Failure::not_tested(format!(
            "no method writes there: {note}"
        )));
    }
    if !seen.iter().any(|(_, status)| is_refusal(*status)) {
        return Err(Failure::unclear(note));
    }
    Ok(note)
}

/// A write that says yes to everything did nothing: what was there has changed, or another path is refused.
async fn is_harm(context: &Context, request: &Request, before: &Answer) -> Result<bool, Failure> {
    let after = as_owner(context, &request.path).await?;
    if matches!(after.status, 404 | 410) {
        return Ok(true);
    }
    let nowhere = Request {
        path: elsewhere(&request.path),
        ..request.clone()
    };
    let nowhere = context.send(&nowhere).await?;
    let is_changed = after.is_good() && after.body != before.body;
    Ok(matches!(nowhere.status, 401 | 403 | 404 | 410)
        || is_changed && is_steady(context, &request.path, &after).await?)
}

/// A path of the same form with an ID that nothing has: a number stays one, and a UUID too.
fn elsewhere(own: &str) -> String {
    let (folder, id) = own.rsplit_once('/').unwrap_or(("", own));
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{folder}/{NO_NUMBER}");
    }
    let is_uuid = id.len() == NO_UUID.len() && id.matches('-').count() == 4;
    if is_uuid {
        return format!("{folder}/{NO_UUID}");
    }
    unlike(own)
}

/// Whether two answers in a row have the same body.
async fn is_steady(context: &Context, path: &str, after: &Answer) -> Result<bool, Failure> {
    Ok(as_owner(context, path).await?.body == after.body)
}

async fn as_owner(context: &Context, own: &str) -> Result<Answer, Failure> {
    context.send(&context.get(own)).await
}

/// With what a route for JSON may take: nothing, what was there, what the route for bodies takes.
async fn write(
    context: &Context,
    method: &str,
    own: &str,
    before: &Answer,
) -> Result<(Request, Answer), Failure> {
    let other = context.profile.keys.other.as_deref().unwrap_or_default();
    let request = Request::new(method, own).with_key(context, other);
    if method == "DELETE" {
        let answer = context.send(&request).await?;
        return Ok((request, answer));
    }
    let request = request.header("content-type", "application/json");
    let mut tried = (request.clone(), Answer::default());
    let sample = Vec::from(context.sample().text());
    for body in [b"{}".to_vec(), before.body.clone(), sample] {
        let request = request.clone().body(body);
        let answer = context.send(&request).await?;
        tried = (request, answer);
        if !matches!(tried.1.status, 400 | 422) {
            break;
        }
    }
    Ok(tried)
}

/// It fits 32 bits.
const NO_NUMBER: &str = "2147483629";
const NO_UUID: &str = "51e6e51e-6e51-4e6e-951e-6e516e516e51";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_has_the_form_of_what_is() {
        assert_eq!(elsewhere("/orders/17"), "/orders/2147483629");
        assert_eq!(elsewhere("/orders/a"), "/orders/asiegeqz");
        let uuid = "/o/123e4567-e89b-42d3-a456-426614174000";
        assert_eq!(elsewhere(uuid), format!("/o/{NO_UUID}"));
    }

    #[test]
    fn what_was_refused_for_its_body_shows_nothing() {
        let all = |status| ["PATCH", "PUT", "DELETE"].map(|method| (method, status));

        assert!(judged(&all(403)).is_ok());
        assert!(judged(&[("PUT", 422), ("DELETE", 404)]).is_ok());
        assert!(matches!(judged(&all(422)), Err(Failure::Unclear(_))));
        assert!(matches!(judged(&all(429)), Err(Failure::Unclear(_))));
        assert!(matches!(judged(&all(405)), Err(Failure::NotTested(_))));
    }
}

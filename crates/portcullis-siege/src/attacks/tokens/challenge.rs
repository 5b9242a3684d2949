//! Where a token stands in a request, and what is said of one that is wrong.

use super::Bearer;
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn two_fields(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let pairs: [fn(String) -> Vec<String>; 5] = [
        |right| vec![right, WRONG.to_owned()],
        |right| vec![WRONG.to_owned(), right],
        |right| vec![right.clone(), right],
        |right| vec![format!("{right}, {WRONG}")],
        |right| vec![right, "Basic c2llZ2U6c2llZ2U=".to_owned()],
    ];
    for pair in pairs {
        let right = bearer.forge.right();
        let fields = pair(format!("Bearer {right}"));
        let what = format!("{} Authorization, one of them right", fields.len());
        judge(&bearer, &what, &right, bearer.with(&fields)).await?;
    }
    let right = bearer.forge.right();
    let fields = [format!("Basic {right}"), format!("Bearer{right}")];
    for field in fields {
        judge(
            &bearer,
            "a token without its scheme",
            &right,
            bearer.with(&[field]),
        )
        .await?;
    }
    let route = &bearer.forge.tokens.route;
    let and = if route.contains('?') { '&' } else { '?' };
    let query = Request::get(format!("{route}{and}access_token={right}"));
    judge(&bearer, "a token in the query", &right, query).await?;
    let cookie = Request::get(route).header("cookie", format!("access_token={right}"));
    judge(&bearer, "a token in a cookie", &right, cookie).await?;
    // RFC 9110, section 11.1.
    for scheme in ["bearer", "BEARER"] {
        let right = bearer.forge.right();
        context.remember(&right);
        let request = bearer.with(&[format!("{scheme} {right}")]);
        let answer = context.send(&request).await?;
        if !answer.is_good() {
            let what = format!("the scheme {scheme:?}, which has no case");
            return Err(bearer.breach(&what, &right, &answer));
        }
    }
    Ok("one Authorization, and nothing else".to_owned())
}

async fn judge(
    bearer: &Bearer<'_>,
    what: &str,
    right: &str,
    request: Request,
) -> Result<(), Failure> {
    bearer.context.remember(right);
    let answer = bearer.context.send(&request).await?;
    bearer.judge(&[400, 401], what, right, &answer)
}

pub(crate) async fn challenge(context: &Context) -> Finding {
    let bearer = Bearer::admitted(context).await?;
    let none = context.send(&bearer.request()).await?;
    let expired = bearer.forge.with_claim("exp", 0);
    let wrong = bearer.send(&expired).await?;
    let of_none = flaw(&none).or_else(|| {
        let told = bearer_of(&none).contains("error=");
        told.then(|| "an error code without credentials".to_owned())
    });
    if let Some(what) = of_none {
        let what = format!("no token: {what}");
        return Err(bearer.request().breach(context, &none, what));
    }
    let signature = expired.rsplit('.').next().unwrap_or_default();
    let flaw = flaw(&wrong).or_else(|| {
        let told = bearer_of(&wrong).contains("error=\"invalid_token\"");
        let no_code = || "no error=\"invalid_token\"".to_owned();
        let repeats = wrong.mentions(signature);
        let repeated = repeats.then(|| "the answer repeats the token".to_owned());
        repeated.or_else(|| (!told).then(no_code))
    });
    match flaw {
        Some(what) => Err(bearer.breach(&format!("a wrong token: {what}"), &expired, &wrong)),
        None => Ok(format!("{}; {}", bearer_of(&none), bearer_of(&wrong))),
    }
}

const WRONG: &str = "Bearer siege.siege.siege";

/// The challenge for a token, which others may stand beside, in fields of their own or in one.
fn bearer_of(answer: &Answer) -> String {
    let fields = answer.headers.get_all("www-authenticate").iter();
    let fields: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    let all = fields.join(", ");
    let place = all.to_ascii_lowercase().find("bearer");
    place.map_or(String::new(), |at| all[at..].to_owned())
}

/// What any refusal must have.
fn flaw(answer: &Answer) -> Option<String> {
    if answer.status != 401 {
        Some(format!("{} where 401 was expected", answer.status))
    } else if bearer_of(answer).is_empty() {
        Some("401 without a Bearer challenge".to_owned())
    } else if !answer.header("cache-control").contains("no-store") {
        Some("401 without no-store".to_owned())
    } else {
        None
    }
}

// ===== impl Bearer =====

impl Bearer<'_> {
    fn with(&self, fields: &[String]) -> Request {
        let request = self.request();
        let fields = fields.iter();
        fields.fold(request, |request, field| {
            request.header("authorization", field)
        })
    }
}

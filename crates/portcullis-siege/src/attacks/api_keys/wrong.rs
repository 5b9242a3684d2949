//! No key, and keys that are wrong: by everything, or by a character.

use super::{
    form::{self, Form, changed, credential},
    key, protected,
    refusals::UNKNOWN,
    refused::{is_refused, other_words, same_refusal},
};
use crate::{Level, Severity, context::Context, verdict::Finding, wire::Request};

pub(crate) async fn no_key(context: &Context) -> Finding {
    let request = Request::get(protected(context)?);
    let answer = context.expect(&request).await?;
    let content_type = answer.header("content-type");
    is_refused(&answer, "no key")?;
    if answer.status == 403 {
        let evidence = request.evidence(context, &answer, "403 without a key, and not 401");
        return Err(evidence.at_most(Level::Opinion).costs(Severity::Low).into());
    }
    answer
        .holds(
            answer.has("www-authenticate"),
            "401 without WWW-Authenticate",
        )
        .map_err(|failure| failure.costs(Severity::Low))?;
    answer
        .holds(
            content_type.starts_with("application/problem+json"),
            "401 that is no problem+json",
        )
        .map_err(|failure| failure.costs(Severity::Low))
        .map_err(|failure| failure.at_most(Level::Opinion, "no standard says that it must be"))?;
    Ok(format!("401, {}", answer.header("www-authenticate")))
}

pub(crate) async fn wrong_key(context: &Context) -> Finding {
    let path = protected(context)?;
    let none = context.send(&Request::get(path)).await?;
    let request = Request::get(path).with_key(context, UNKNOWN);
    let same = same_refusal(context, &request, &none).await;
    let why = "no standard says that it must be the same";
    same.map_err(|failure| other_words(failure, Level::Opinion, why))?;
    Ok(format!("the same {}", none.status))
}

pub(crate) async fn wrong_secret(context: &Context) -> Finding {
    let path = protected(context)?;
    let unknown = context
        .send(&Request::get(path).with_key(context, UNKNOWN))
        .await?;
    let key = key(context)?;
    for at in [key.len() / 2, key.len() * 3 / 4, key.len() - 1] {
        let request = Request::get(path).with_key(context, changed(key, at));
        same_refusal(context, &request, &unknown).await?;
    }
    let Some(form) = Form::parse(key) else {
        return Ok("the same refusal of 3 changed keys".to_owned());
    };
    // A checksum refuses those before anybody looks for the key.
    let nobody = Request::get(path).with_key(context, form.of_nobody());
    let nobody = context.send(&nobody).await?;
    for at in [0, form::SECRET - 1] {
        let request = Request::get(path).with_key(context, form.wrong_at(at));
        same_refusal(context, &request, &nobody).await?;
    }
    Ok(
        "the same refusal of 3 changed keys, and of 2 wrong secrets with right checksums"
            .to_owned(),
    )
}

pub(crate) async fn near_misses(context: &Context) -> Finding {
    let path = protected(context)?;
    let unknown = context
        .send(&Request::get(path).with_key(context, UNKNOWN))
        .await?;
    let key = key(context)?;
    let token = credential(key);
    // The case of a scheme is nothing (RFC 9110, 11.1).
    let scheme = &key[..key.len() - token.len()];
    let swapped: String = token
        .chars()
        .map(|c| {
            if c.is_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let mut misses = vec![
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!("{key} 0"),
        key.repeat(2),
    ];
    if swapped != token {
        misses.push(format!("{scheme}{swapped}"));
    }
    for miss in &misses {
        let request = Request::get(path).with_key(context, miss);
        let same = same_refusal(context, &request, &unknown).await;
        let why = "a key's form is no secret";
        same.map_err(|failure| other_words(failure, Level::Should, why))?;
    }
    let status = unknown.status;
    Ok(format!(
        "the same {status} for {} near misses",
        misses.len()
    ))
}

//! Keys that were valid once, and a store that fails.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    protected,
    refusals::UNKNOWN,
    refused::{is_no_limit, not_let_in, other_words, same_refusal},
};
use crate::{
    Level,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn dead_keys(context: &Context) -> Finding {
    let path = protected(context)?;
    let keys = &context.profile.keys;
    let unknown = Request::get(path).with_key(context, UNKNOWN);
    let unknown = context.send(&unknown).await?;
    let mut tried = Vec::new();
    for (name, key) in [("revoked", &keys.revoked), ("expired", &keys.expired)] {
        let Some(key) = key else { continue };
        let request = Request::get(path).with_key(context, key);
        let same = same_refusal(context, &request, &unknown).await;
        let why = "only who had the key is told";
        same.map_err(|failure| other_words(failure, Level::Should, why))?;
        tried.push(name);
    }
    if let Some(key) = &keys.unscoped {
        let request = Request::get(path).with_key(context, key);
        let answer = context.expect(&request).await?;
        is_no_limit(&answer)?;
        let refused = answer.status([401, 403, 404], "a key of another scope");
        refused.map_err(|failure| not_let_in(failure, Some(answer.status)))?;
        tried.push("unscoped");
    }
    Ok(tried.join(", "))
}

pub(crate) async fn store_down(context: &Context) -> Finding {
    let switches = &context.profile.switches;
    flip(context, &switches.key_store_down).await?;
    sleep(Duration::from_millis(300)).await;
    let request = Request::get(protected(context)?).key(context);
    let answer = context.expect(&request).await;
    flip(context, &switches.key_store_up).await?;
    let answer = answer?;
    let refused = answer.status([503], "a key while the store is down");
    refused.map_err(|failure| not_let_in(failure, Some(answer.status)))?;
    Ok("503".to_owned())
}

/// Sends a switch's request.
pub(crate) async fn flip(context: &Context, switch: &Option<String>) -> Result<Answer, Failure> {
    let Some((method, path)) = switch.as_deref().and_then(|text| text.split_once(' ')) else {
        return Err(Failure::not_tested(
            "a switch is missing, or is not `METHOD /path`",
        ));
    };
    let answer = context
        .send(&Request::new(method, path).key(context))
        .await?;
    if answer.is_good() {
        Ok(answer)
    } else {
        Err(Failure::unclear(format!(
            "{method} {path} answers {}",
            answer.status
        )))
    }
}

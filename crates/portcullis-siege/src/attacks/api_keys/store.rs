//! Keys that were valid once, and a store that fails.

use std::time::Duration;

use tokio::time::sleep;

use super::{protected, refused};
use crate::{
    context::Context,
    verdict::{Failure, Finding},
    wire::{Answer, Request},
};

pub(crate) async fn dead_keys(context: &Context) -> Finding {
    let path = protected(context)?;
    let keys = &context.profile.keys;
    let mut tried = Vec::new();
    for (name, key, status) in [
        ("revoked", &keys.revoked, 401),
        ("expired", &keys.expired, 401),
        ("unscoped", &keys.unscoped, 403),
    ] {
        let Some(key) = key else { continue };
        let request = Request::get(path).with_key(context, key);
        refused(context, &request, &[status]).await?;
        tried.push(name);
    }
    Ok(tried.join(", "))
}

pub(crate) async fn store_down(context: &Context) -> Finding {
    let switches = &context.profile.switches;
    flip(context, &switches.key_store_down).await?;
    sleep(Duration::from_millis(300)).await;
    let request = Request::get(protected(context)?).key(context);
    let answer = context.send(&request).await;
    flip(context, &switches.key_store_up).await?;
    let answer = answer?;
    match answer.status {
        503 => Ok("503".to_owned()),
        status => Err(request.breach(
            context,
            &answer,
            format!("{status} while the key store is down"),
        )),
    }
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

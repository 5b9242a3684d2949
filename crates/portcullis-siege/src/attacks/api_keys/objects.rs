//! What belongs to one client, and what only some may do (API1, API5).

use super::{
    door::{Door, nowhere},
    paths::{SLASHES, variants},
};
use crate::{
    context::{Context, route},
    verdict::{Failure, Finding},
    wire::Request,
};

pub(crate) async fn of_another(context: &Context) -> Finding {
    let own = route(&context.profile.routes.own)?;
    let other = context.profile.keys.other.as_deref().unwrap_or_default();
    other_opens(context, other).await?;
    let as_other = |path: &str| Request::get(path).with_key(context, other);
    let public = [Request::get(own), as_other(&nowhere())];
    let door = Door::behind(context, &context.get(own), public).await?;
    let spelled = variants(own, context.control(), SLASHES);
    let spelled = spelled.iter().map(|path| as_other(path));
    let requests = [as_other(own)].into_iter().chain(spelled);
    let how = "to the key of another client";
    let count = door
        .holds(context, requests.collect::<Vec<_>>(), how)
        .await?;
    Ok(format!(
        "{count} requests with another client's key, none served"
    ))
}

/// A key that opens nothing shows nothing.
pub(super) async fn other_opens(context: &Context, other: &str) -> Result<(), Failure> {
    let Some(protected) = &context.profile.routes.protected else {
        return Ok(());
    };
    let request = Request::get(protected).with_key(context, other);
    let answer = context.send(&request).await?;
    if answer.is_good() {
        return Ok(());
    }
    let why = format!("{} for keys.other on {protected}", answer.status);
    Err(Failure::not_tested(why))
}

pub(crate) async fn not_allowed(context: &Context) -> Finding {
    let admin = route(&context.profile.routes.admin)?;
    let elsewhere = context.send(&context.get(&nowhere())).await?;
    let mut seen = Vec::new();
    for method in ["GET", "HEAD"] {
        let request = Request::new(method, admin).key(context);
        let answer = context.send(&request).await?;
        if answer.status == 429 {
            return Err(Failure::unclear(format!(
                "429 for {method} {admin}: a limit is in the way"
            )));
        }
        if !answer.is_good() {
            seen.push(answer.status.to_string());
        } else if elsewhere.is_good() {
            return Err(Failure::unclear("every path is served"));
        } else {
            let what = format!("{method} {admin} is served to a key that may not use it");
            return Err(request.breach(context, &answer, what));
        }
    }
    Ok(format!("{} for GET and HEAD", seen.join(" and ")))
}

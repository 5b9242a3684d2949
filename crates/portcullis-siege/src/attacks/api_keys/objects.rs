//! What belongs to one client, and what only some may do (API1, API5).

use super::{
    door::{Door, nowhere},
    paths::spelled,
};
use crate::{
    Severity,
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
    let spelled = spelled(own, context.control()).map(|(path, _)| as_other(&path));
    let named = OWNERS
        .iter()
        .flat_map(|name| ["1", "admin", "owner"].map(|value| as_other(own).header(name, value)));
    let requests = [as_other(own)].into_iter().chain(spelled).chain(named);
    let how = "to the key of another client";
    let requests: Vec<_> = requests.collect();
    let count = door.holds(context, requests, how).await?;
    is_not_told(context, as_other(own)).await?;
    Ok(format!(
        "{count} requests with another client's key, none served"
    ))
}

/// Who may not read it may not know either that it is there: conditions are of those who may (RFC 9110, 13.2.1).
async fn is_not_told(context: &Context, plain: Request) -> Result<(), Failure> {
    let refused = context.send(&plain).await?.status;
    for (name, value) in [
        ("if-none-match", "*"),
        ("if-match", "\"siege\""),
        ("range", "bytes=0-0"),
    ] {
        let request = plain.clone().header(name, value);
        let answer = context.expect(&request).await?;
        let what = format!(
            "{} with {name}: {value}, and {refused} without",
            answer.status
        );
        let is_told = refused == 404 && matches!(answer.status, 206 | 304 | 412 | 416);
        let told = answer.holds(!is_told, what);
        told.map_err(|failure| failure.costs(Severity::Medium))?;
    }
    Ok(())
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
    let plain = ["GET", "HEAD"].map(|method| (Request::new(method, admin).key(context), None));
    let spelled = spelled(admin, context.control());
    let spelled = spelled.map(|(path, twin)| (context.get(&path), Some(twin)));
    for (request, twin) in plain.into_iter().chain(spelled) {
        let answer = match context.send(&request).await {
            Ok(answer) => answer,
            // A path that no client writes, or a connection that was closed: no way in.
            Err(Failure::Unclear(_)) if twin.is_some() => continue,
            Err(failure) => return Err(failure),
        };
        if answer.status == 429 {
            return Err(Failure::unclear(format!(
                "429 for {} {}: a limit is in the way",
                request.method, request.path
            )));
        }
        if !answer.is_good() {
            seen.push(answer.status);
        } else if elsewhere.is_good() {
            return Err(Failure::unclear("every path is served"));
        } else if let Some(twin) = twin
            && context.send(&context.get(&twin)).await?.is_good()
        {
            // What is not there is served in this way, too.
        } else {
            let (method, path) = (&request.method, &request.path);
            let what = format!("{method} {path} is served to a key that may not use it");
            return Err(request.breach(context, &answer, what));
        }
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    let seen: Vec<_> = seen.iter().map(u16::to_string).collect();
    Ok(format!("{} for {count} requests", seen.join(" or ")))
}

/// By which a server may be told who the owner is.
const OWNERS: [&str; 5] = [
    "x-client-id",
    "x-user-id",
    "x-account-id",
    "x-tenant-id",
    "x-forwarded-user",
];

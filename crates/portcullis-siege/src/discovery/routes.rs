//! Which routes a server has: those that many have, and those of an OpenAPI document.

use serde_json::Value;

use crate::{context::Context, openapi, profile::Routes, wire::Request};

/// Paths that many servers have, and those of an OpenAPI document.
pub(super) async fn routes(context: &Context, known: Routes, document: &Value) -> Routes {
    let mut routes = known;
    let health = first_good(context, &["/health", "/healthz", "/livez"]).await;
    let own_path = context.target.path().map(str::to_owned);
    routes.health = routes.health.or(health);
    routes.control = routes
        .control
        .or(own_path)
        .or_else(|| routes.health.clone());
    if routes.ready.is_none() {
        routes.ready = first_good(context, &["/ready", "/readyz"]).await;
    }
    if routes.metrics.is_none() {
        routes.metrics = metrics(context).await;
    }
    openapi::describe(document, &mut routes);
    if routes.protected.is_none() {
        routes.protected = protected(context, &routes).await;
    }
    if routes.page.is_none() && nonce_at(context, "/").await {
        routes.page = Some("/".to_owned());
    }
    if routes.limited.is_none() {
        routes.limited = limited(context, &routes).await;
    }
    routes
}

async fn first_good(context: &Context, paths: &[&str]) -> Option<String> {
    for path in paths {
        if context
            .send(&Request::get(*path))
            .await
            .is_ok_and(|answer| answer.is_good())
        {
            return Some((*path).to_owned());
        }
    }
    None
}

async fn metrics(context: &Context) -> Option<String> {
    let answer = context.send(&context.get("/metrics")).await.ok()?;
    let is_it = answer.is_good() && answer.mentions("# TYPE");
    is_it.then(|| "/metrics".to_owned())
}

async fn protected(context: &Context, routes: &Routes) -> Option<String> {
    let known = [&routes.metrics, &routes.limited, &routes.body];
    let mut paths: Vec<_> = known.into_iter().flatten().map(String::as_str).collect();
    paths.extend(["/metrics", "/", "/api"]);
    for path in paths {
        let answer = context.send(&Request::get(path)).await;
        if answer.is_ok_and(|answer| answer.status == 401) && opens(context, path).await {
            return Some(path.to_owned());
        }
    }
    None
}

/// Whether the valid key, if there is one, finds something there: a server that wants a key everywhere
/// answers 401 for paths that it doesn't have.
async fn opens(context: &Context, path: &str) -> bool {
    let answer = context.send(&context.get(path)).await;
    context.profile.keys.valid.is_none() || answer.is_ok_and(|answer| answer.is_good())
}

async fn nonce_at(context: &Context, path: &str) -> bool {
    let answer = context.send(&Request::get(path)).await;
    answer.is_ok_and(|answer| answer.header("content-security-policy").contains("'nonce-"))
}

/// A route whose answers carry the fields of a rate limit.
async fn limited(context: &Context, routes: &Routes) -> Option<String> {
    let known = [&routes.protected, &routes.control];
    let mut paths: Vec<_> = known.into_iter().flatten().cloned().collect();
    paths.push("/".to_owned());
    for path in paths {
        let answer = context.send(&context.get(&path)).await.ok();
        if answer.is_some_and(|answer| answer.is_good() && answer.has("ratelimit-policy")) {
            return Some(path);
        }
    }
    None
}

//! What a server shows by itself.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    Error,
    attacks::slow_path,
    context::Context,
    process::Process,
    profile::{Profile, Routes},
    wire::{Answer, Frames, Request},
};

/// What a server showed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Whether it speaks HTTP/2 by prior knowledge.
    pub(crate) http2: bool,
    /// Whether the connections are the server's own.
    pub(crate) own_server: bool,
    /// What the control route answers.
    pub(crate) control_status: u16,
    /// Its process, if that can be seen.
    pub(crate) process: Option<Process>,
}

/// Looks at what the server has. What the profile gives stays.
///
/// # Errors
///
/// Fails if the server can't be attacked.
pub(crate) async fn discover(context: Context, own_server: bool) -> Result<Context, Error> {
    let budget = Arc::clone(&context.budget);
    look(context, own_server)
        .await
        .map_err(|error| match budget.stopped() {
            Some(stop) => Error::server(format!("{stop}, before the first attack")),
            None => error,
        })
}

async fn look(mut context: Context, own_server: bool) -> Result<Context, Error> {
    first_answer(&context).await?;
    let mut profile = Profile::clone(&context.profile);
    profile.routes = routes(&context, profile.routes).await;
    match profile.keys.valid {
        Some(_) => key_opens(&context, &profile.routes).await?,
        None => forget_closed(&context, &mut profile.routes).await,
    }
    context.profile = Arc::new(profile);
    let control_status = control(&context).await?;
    context.found = Arc::new(Found {
        http2: speaks_http2(&context).await,
        own_server,
        control_status,
        process: Process::listening(context.target.address().port()),
    });
    Ok(context)
}

/// Returns the status of the control route. It must serve.
async fn control(context: &Context) -> Result<u16, Error> {
    let path = context.control();
    match context.send(&Request::get(path)).await {
        Ok(answer) if answer.status == 429 || answer.status >= 500 => Err(Error::server(format!(
            "{path} answers {}; name a route that serves: routes.control",
            answer.status
        ))),
        Ok(answer) => Ok(answer.status),
        Err(_) => {
            let target = &context.target;
            Err(Error::server(format!("{target} does not answer {path}")))
        }
    }
}

/// Whether there is a server of HTTP at all.
async fn first_answer(context: &Context) -> Result<(), Error> {
    let target = &context.target;
    let path = target.path().unwrap_or("/");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n",
        target.authority()
    );
    let seen = context.exchange(request).await;
    let wrong = |why: &str| Error::server(format!("{target} {why}"));
    let seen = seen.map_err(|_| wrong("can't be reached: nothing listens there"))?;
    let answers = seen.answers();
    match (answers.first(), seen.received.is_empty(), seen.closed) {
        (Some(answer), ..) => same_host(context, answer),
        (None, true, true) => Err(wrong("closes the connection without an answer")),
        (None, true, false) => Err(wrong("accepts, and does not answer within 4 s")),
        (None, false, _) => Err(wrong("does not speak HTTP/1.1")),
    }
}

/// A redirect is never followed; one to another host means that this is not the server.
fn same_host(context: &Context, answer: &Answer) -> Result<(), Error> {
    let location = answer.header("location");
    let elsewhere = location
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or(rest))
        .filter(|authority| *authority != context.target.authority());
    match elsewhere {
        Some(authority)
            if context.profile.routes.control.is_none() && context.target.path().is_none() =>
        {
            let target = &context.target;
            Err(Error::server(format!(
                "{target} redirects to {authority}; attack that, or name a route here: routes.control"
            )))
        }
        _ => Ok(()),
    }
}

/// Paths that many servers have, and those of an OpenAPI document.
async fn routes(context: &Context, known: Routes) -> Routes {
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
    describe(context, &mut routes).await;
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

/// Routes of `/openapi.json` that need no parameters.
async fn describe(context: &Context, routes: &mut Routes) {
    let Ok(answer) = context.send(&Request::get("/openapi.json")).await else {
        return;
    };
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(paths) = document["paths"].as_object() else {
        return;
    };
    let plain = paths.iter().filter(|(path, _)| !path.contains('{'));
    for (path, item) in plain {
        let post = &item["post"]["requestBody"];
        if routes.body.is_none() && !post.is_null() {
            routes.body = Some(path.clone());
        }
        let is_closed = |what: &Value| !what["security"].as_array().is_none_or(Vec::is_empty);
        let closed = is_closed(&item["get"]) || !item["get"].is_null() && is_closed(&document);
        if routes.protected.is_none() && closed {
            routes.protected = Some(path.clone());
        }
    }
}

/// A key that opens nothing is a mistake in the profile: everything would be refused.
async fn key_opens(context: &Context, routes: &Routes) -> Result<(), Error> {
    let Some(path) = &routes.protected else {
        return Ok(());
    };
    let header = &context.profile.keys.header;
    match context.send(&context.get(path)).await {
        Ok(answer) if is_closed(&answer) => Err(Error::server(format!(
            "the valid key, sent as {header}, does not open {path}: it answers {} \
             (keys.valid, keys.header, routes.protected)",
            answer.status
        ))),
        _ => Ok(()),
    }
}

/// Without a valid key, a route that wants one shows nothing but that.
async fn forget_closed(context: &Context, routes: &mut Routes) {
    let plain = [
        &mut routes.limited,
        &mut routes.slow,
        &mut routes.panic,
        &mut routes.panic_body,
        &mut routes.large,
        &mut routes.page,
    ];
    for route in plain {
        forget(context, route, |path| Request::get(slow_path(path, 1))).await;
    }
    forget(context, &mut routes.body, |path| Request::new("POST", path)).await;
}

async fn forget(context: &Context, route: &mut Option<String>, request: impl Fn(&str) -> Request) {
    if let Some(path) = route.as_deref()
        && let Ok(answer) = context.send(&request(path)).await
        && is_closed(&answer)
    {
        *route = None;
    }
}

const fn is_closed(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

async fn speaks_http2(context: &Context) -> bool {
    let Ok(frames) = Frames::connect(context, context.fresh()).await else {
        return false;
    };
    let within = Duration::from_secs(2);
    frames
        .wait(within, |seen| seen.acks > 0 || seen.closed)
        .await
        && frames.seen().acks > 0
}

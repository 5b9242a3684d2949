//! What a server shows by itself.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    arena::Arena,
    attacks::slow_path,
    process::Process,
    profile::{Profile, Routes},
    wire::{Answer, Ask, Frames},
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

/// Asks the server for what it has. What the profile says stays.
///
/// # Errors
///
/// One line: why it can't be attacked.
pub(crate) async fn discover(mut arena: Arena, own_server: bool) -> Result<Arena, String> {
    first_answer(&arena).await?;
    let mut profile = Profile::clone(&arena.profile);
    profile.routes = routes(&arena, profile.routes).await;
    match profile.keys.valid {
        Some(_) => key_opens(&arena, &profile.routes).await?,
        None => forget_closed(&arena, &mut profile.routes).await,
    }
    arena.profile = Arc::new(profile);

    let control = arena.ask(&Ask::get(arena.control())).await;
    let control =
        control.map_err(|_| format!("{} does not answer {}", arena.target, arena.control()))?;
    if control.status == 429 || control.status >= 500 {
        let (path, status) = (arena.control(), control.status);
        return Err(format!(
            "{path} answers {status}; name a route that serves: routes.control"
        ));
    }
    arena.found = Arc::new(Found {
        http2: speaks_http2(&arena).await,
        own_server,
        control_status: control.status,
        process: Process::listening(arena.target.address().port()),
    });
    Ok(arena)
}

/// Whether there is a server of HTTP at all.
async fn first_answer(arena: &Arena) -> Result<(), String> {
    let target = &arena.target;
    let path = target.path().unwrap_or("/");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n",
        target.authority()
    );
    let seen = arena.exchange(request).await;
    let seen = seen.map_err(|_| format!("{target} can't be reached: nothing listens there"))?;
    let answers = seen.answers();
    match (answers.first(), seen.received.is_empty(), seen.closed) {
        (Some(answer), ..) => same_host(arena, answer),
        (None, true, true) => Err(format!("{target} closes the connection without an answer")),
        (None, true, false) => Err(format!("{target} accepts, and does not answer within 4 s")),
        (None, false, _) => Err(format!("{target} does not speak HTTP/1.1")),
    }
}

/// A redirect is never followed; one to another host means that this is not the server.
fn same_host(arena: &Arena, answer: &Answer) -> Result<(), String> {
    let location = answer.header("location");
    let elsewhere = location
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or(rest))
        .filter(|authority| *authority != arena.target.authority());
    match elsewhere {
        Some(authority)
            if arena.profile.routes.control.is_none() && arena.target.path().is_none() =>
        {
            Err(format!(
                "{} redirects to {authority}; attack that, or name a route here: routes.control",
                arena.target
            ))
        }
        _ => Ok(()),
    }
}

/// Paths that many servers have, and those of an OpenAPI document.
async fn routes(arena: &Arena, known: Routes) -> Routes {
    let mut routes = known;
    let health = first_good(arena, &["/health", "/healthz", "/livez"]).await;
    let own_path = arena.target.path().map(str::to_owned);
    routes.health = routes.health.or(health);
    routes.control = routes
        .control
        .or(own_path)
        .or_else(|| routes.health.clone());
    if routes.ready.is_none() {
        routes.ready = first_good(arena, &["/ready", "/readyz"]).await;
    }
    if routes.metrics.is_none() {
        routes.metrics = metrics(arena).await;
    }
    describe(arena, &mut routes).await;
    if routes.protected.is_none() {
        routes.protected = protected(arena, &routes).await;
    }
    if routes.page.is_none() && nonce_at(arena, "/").await {
        routes.page = Some("/".to_owned());
    }
    if routes.limited.is_none() {
        routes.limited = limited(arena, &routes).await;
    }
    routes
}

async fn first_good(arena: &Arena, paths: &[&str]) -> Option<String> {
    for path in paths {
        if arena
            .ask(&Ask::get(*path))
            .await
            .is_ok_and(|answer| answer.is_good())
        {
            return Some((*path).to_owned());
        }
    }
    None
}

async fn metrics(arena: &Arena) -> Option<String> {
    let answer = arena.ask(&arena.get("/metrics")).await.ok()?;
    let is_it = answer.is_good() && answer.mentions("# TYPE");
    is_it.then(|| "/metrics".to_owned())
}

async fn protected(arena: &Arena, routes: &Routes) -> Option<String> {
    let known = [&routes.metrics, &routes.limited, &routes.body];
    let mut paths: Vec<_> = known.into_iter().flatten().map(String::as_str).collect();
    paths.extend(["/metrics", "/", "/api"]);
    for path in paths {
        let answer = arena.ask(&Ask::get(path)).await;
        if answer.is_ok_and(|answer| answer.status == 401) {
            return Some(path.to_owned());
        }
    }
    None
}

async fn nonce_at(arena: &Arena, path: &str) -> bool {
    let answer = arena.ask(&Ask::get(path)).await;
    answer.is_ok_and(|answer| answer.header("content-security-policy").contains("'nonce-"))
}

/// A route whose answers carry the fields of a rate limit.
async fn limited(arena: &Arena, routes: &Routes) -> Option<String> {
    let known = [&routes.protected, &routes.control];
    let mut paths: Vec<_> = known.into_iter().flatten().cloned().collect();
    paths.push("/".to_owned());
    for path in paths {
        let answer = arena.ask(&arena.get(&path)).await.ok();
        if answer.is_some_and(|answer| answer.is_good() && answer.has("ratelimit-policy")) {
            return Some(path);
        }
    }
    None
}

/// Routes of `/openapi.json` that need no parameters.
async fn describe(arena: &Arena, routes: &mut Routes) {
    let Ok(answer) = arena.ask(&Ask::get("/openapi.json")).await else {
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
async fn key_opens(arena: &Arena, routes: &Routes) -> Result<(), String> {
    let Some(path) = &routes.protected else {
        return Ok(());
    };
    match arena.ask(&arena.get(path)).await {
        Ok(answer) if is_closed(&answer) => Err(format!(
            "the valid key does not open {path}: it answers {} (keys.valid, routes.protected)",
            answer.status
        )),
        _ => Ok(()),
    }
}

/// Without a valid key, a route that wants one shows nothing but that.
async fn forget_closed(arena: &Arena, routes: &mut Routes) {
    let plain = [
        &mut routes.limited,
        &mut routes.slow,
        &mut routes.panic,
        &mut routes.panic_body,
        &mut routes.large,
        &mut routes.page,
    ];
    for route in plain {
        forget(arena, route, |path| Ask::get(slow_path(path, 1))).await;
    }
    forget(arena, &mut routes.body, |path| Ask::new("POST", path)).await;
}

async fn forget(arena: &Arena, route: &mut Option<String>, ask: impl Fn(&str) -> Ask) {
    if let Some(path) = route.as_deref()
        && let Ok(answer) = arena.ask(&ask(path)).await
        && is_closed(&answer)
    {
        *route = None;
    }
}

const fn is_closed(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

async fn speaks_http2(arena: &Arena) -> bool {
    let Ok(frames) = Frames::connect(arena, arena.fresh()).await else {
        return false;
    };
    let within = Duration::from_secs(2);
    frames
        .wait(within, |seen| seen.acks > 0 || seen.closed)
        .await
        && frames.seen().acks > 0
}

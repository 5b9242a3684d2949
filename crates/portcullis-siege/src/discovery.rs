//! What a server shows by itself.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

mod routes;

use self::routes::routes;
use crate::{
    Error,
    attacks::slow_path,
    context::Context,
    openapi,
    process::Process,
    profile::{Profile, Routes},
    sample::{self, Sample},
    wire::{Answer, Frames, Request},
};

/// What a server showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Whether it speaks HTTP/2 by prior knowledge.
    pub(crate) http2: bool,
    /// Whether the connections are the server's own.
    pub(crate) own_server: bool,
    /// What the control route answers.
    pub(crate) control_status: u16,
    /// How long that took.
    pub(crate) control_took: Duration,
    /// Whether it serves one connection, and no other meanwhile: attacks side by side would be blamed on
    /// each other.
    pub(crate) is_serial: bool,
    /// Its process, if that can be seen.
    pub(crate) process: Option<Process>,
    /// A body that the route for bodies takes.
    pub(crate) sample: Sample,
    /// What `/openapi.json` declares of queries: paths, and names of parameters.
    pub(crate) queries: Vec<(String, String)>,
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
    let named = profile.routes.protected.clone();
    let document = openapi::fetch(&context).await;
    profile.routes = routes(&context, profile.routes, &document).await;
    match profile.keys.valid {
        Some(_) => key_opens(&context, &profile.routes).await?,
        None => forget_closed(&context, &mut profile.routes).await,
    }
    is_there(&context, named.as_deref()).await?;
    let sample = sample::find(&context, &profile.routes, &document).await;
    survives(&context, &profile.routes).await?;
    if sample.refusal().is_none() && sample.kind().is_some() {
        profile.routes.body_type = sample.kind().map(str::to_owned);
        profile.routes.body_sample = Some(sample.text().to_owned());
    }
    context.profile = Arc::new(profile);
    let began = Instant::now();
    let control_status = control(&context).await?;
    let control_took = began.elapsed();
    context.found = Arc::new(Found {
        http2: speaks_http2(&context).await,
        own_server,
        control_status,
        control_took,
        is_serial: is_serial(&context, control_took).await,
        process: Process::listening(context.target.address().port()),
        sample,
        queries: openapi::queries(&document),
    });
    Ok(context)
}

/// A small body, of whatever kind, ends no server.
async fn survives(context: &Context, routes: &Routes) -> Result<(), Error> {
    let Some(path) = routes
        .body
        .as_ref()
        .filter(|_| context.budget.stopped().is_none())
    else {
        return Ok(());
    };
    if context.raw().await.is_ok() {
        return Ok(());
    }
    Err(Error::server(format!(
        "{} is gone: it ended when a small body was sent to {path} with POST: \"siege\", or {{}} as \
         application/json",
        context.target
    )))
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

/// Whether a few connections that have begun a request keep all others waiting. Three tries, because a
/// machine may be busy.
async fn is_serial(context: &Context, took: Duration) -> bool {
    let patience = Duration::from_millis(300).max(took * 8);
    for _ in 0..3 {
        if serves_beside(context, patience).await {
            return false;
        }
    }
    true
}

async fn serves_beside(context: &Context, patience: Duration) -> bool {
    let mut begun = Vec::new();
    for _ in 0..3 {
        let Ok(mut raw) = context.raw().await else {
            return true;
        };
        // A server that closes such a connection is free again.
        let _ = raw.send("GET ").await;
        begun.push(raw);
    }
    let request = Request::get(context.control());
    timeout(patience, context.send(&request)).await.is_ok()
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
    if !matches!(answer.status, 300..400) {
        return Ok(());
    }
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

/// A protected route that is nowhere is a mistake in the profile: everything would be answered with 404.
async fn is_there(context: &Context, named: Option<&str>) -> Result<(), Error> {
    let Some(path) = named else {
        return Ok(());
    };
    let (answer, whose) = match context.profile.keys.valid {
        Some(_) => (context.send(&context.get(path)).await, "with the valid key"),
        None => (
            context.send(&Request::get(path)).await,
            "without a key, and no other is given",
        ),
    };
    match answer {
        Ok(answer) if answer.status == 404 => Err(Error::server(format!(
            "{path} is not there: it answers 404 {whose} (keys.valid, routes.protected)"
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

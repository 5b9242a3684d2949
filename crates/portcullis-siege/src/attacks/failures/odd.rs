//! Answers that are neither good nor plain errors: 405, 415, redirects, options.

use super::{
    inside::{STACKS, field, told, version},
    parameters,
};
use crate::{
    attacks::{
        answers::{Kind, all},
        headers::SECURITY,
    },
    context::Context,
    verdict::{Failure, Finding},
    wire::Request,
};

/// Sends what a client sends by mistake. What is not answered is not looked at.
async fn odd(context: &Context) -> Result<Vec<Kind>, Failure> {
    let control = context.control();
    let mut requests = vec![
        Request::new("OPTIONS", control),
        Request::new("POST", control).key(context),
        Request::new("PUT", "/siege-unknown").key(context),
        Request::get(format!("{}/", control.trim_end_matches('/'))).key(context),
        Request::get(format!("/{control}")).key(context),
        Request::get(control).header("accept", "application/x-siege"),
        Request::get(control).header("if-match", "\"siege\""),
        Request::get(control).header("range", "bytes=999999999-"),
    ];
    if let Some(path) = &context.profile.routes.protected {
        requests.push(Request::new("OPTIONS", path).key(context));
        requests.push(Request::new("DELETE", path).key(context));
    }
    if let Some(path) = &context.profile.routes.body {
        let post = || Request::new("POST", path).key(context);
        requests.extend([
            post()
                .header("content-type", "application/x-siege")
                .body("a"),
            post().header("content-type", "application/json").body("{"),
            post().header("content-encoding", "siege").body("a"),
            Request::get(path).key(context),
        ]);
    }
    answered(context, requests).await
}

/// Those that are answered, with their answers.
pub(super) async fn answered(
    context: &Context,
    requests: impl IntoIterator<Item = Request>,
) -> Result<Vec<Kind>, Failure> {
    let mut kinds = Vec::new();
    for request in requests {
        match context.send(&request).await {
            Ok(answer) => kinds.push(Kind { request, answer }),
            Err(Failure::Unclear(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    if kinds.is_empty() {
        Err(Failure::unclear("none of the requests was answered"))
    } else {
        Ok(kinds)
    }
}

pub(crate) async fn ids_of_odd(context: &Context) -> Finding {
    let has_id = |kind: &Kind| kind.answer.has("x-request-id");
    if !all(context).await?.iter().all(has_id) {
        return Err(Failure::not_tested(
            "other answers have no request ID (I04)",
        ));
    }
    let kinds = odd(context).await?;
    match kinds.iter().find(|kind| !has_id(kind)) {
        None => Ok(format!("an ID on {} odd answers", kinds.len())),
        Some(kind) => Err(kind.breach(context, "no request ID")),
    }
}

pub(crate) async fn headers_of_odd(context: &Context) -> Finding {
    let plain = all(context).await?;
    let expected = SECURITY
        .iter()
        .filter(|name| plain.iter().all(|kind| kind.answer.has(name)));
    let expected: Vec<_> = expected.collect();
    if expected.is_empty() {
        return Err(Failure::not_tested(
            "no security header is on all other answers (J13)",
        ));
    }
    let kinds = odd(context).await?;
    for kind in &kinds {
        let missing = expected.iter().find(|name| !kind.answer.has(name));
        kind.flawless(context, missing.map(|name| format!("without {name}")))?;
    }
    let (count, names) = (kinds.len(), expected.len());
    Ok(format!("{names} headers on {count} odd answers"))
}

pub(crate) async fn fields_of_debuggers(context: &Context) -> Finding {
    let (plain, kinds) = (all(context).await?, odd(context).await?);
    for kind in plain.iter().chain(&kinds) {
        let told = field(&kind.answer).map(|name| format!("the field {name} tells of the inside"));
        kind.flawless(context, told)?;
    }
    Ok(format!("{} kinds of answers", plain.len() + kinds.len()))
}

/// What a query or a path may bring a handler or a database to say.
pub(crate) async fn odd_queries(context: &Context) -> Finding {
    let routes = &context.profile.routes;
    let paths = [Some(context.control()), routes.protected.as_deref()];
    let queries = paths.into_iter().flatten().flat_map(|path| {
        let and = if path.contains('?') { '&' } else { '?' };
        QUERIES.map(|query| context.get(&format!("{path}{and}{query}")))
    });
    let numbers = routes.slow.iter().flat_map(|path| {
        let fill = |number| context.get(&path.replace("{ms}", number));
        NUMBERS.map(fill)
    });
    let segments = paths.into_iter().flatten().flat_map(|path| {
        let bare = path.split('?').next().unwrap_or_default();
        SEGMENTS.map(|segment| context.get(&format!("{}/{segment}", bare.trim_end_matches('/'))))
    });
    let own = parameters::odd(context);
    let own = own.iter().map(|path| context.get(path));
    let requests = queries.chain(numbers).chain(segments).chain(own);
    let kinds = answered(context, requests.collect::<Vec<_>>()).await?;
    if kinds
        .iter()
        .all(|kind| matches!(kind.answer.status, 429 | 503))
    {
        return Err(Failure::unclear("all queries are answered with 429 or 503"));
    }
    let errors = kinds.iter().filter(|kind| kind.is_error());
    for kind in errors {
        let told = told(&kind.request, &kind.answer, STACKS);
        kind.flawless(
            context,
            told.map(|name| format!("the error's body says {name:?}")),
        )?;
    }
    Ok(format!("{} queries and paths", kinds.len()))
}

pub(crate) async fn versions(context: &Context) -> Finding {
    let (plain, kinds) = (all(context).await?, odd(context).await?);
    for kind in plain.iter().chain(&kinds).filter(|kind| kind.is_error()) {
        let told = version(&kind.answer);
        kind.flawless(
            context,
            told.map(|name| format!("the error's body says {name:?}")),
        )?;
    }
    Ok(format!("{} kinds of answers", plain.len() + kinds.len()))
}

/// Where a number is wanted.
const NUMBERS: [&str; 4] = ["siege", "-1", "", "1e1000"];
/// What a path may end with.
const SEGMENTS: [&str; 4] = [
    "%ff%fe",
    "%27",
    "99999999999999999999999999",
    "%7B%7B7*7%7D%7D",
];

const QUERIES: [&str; 10] = [
    "id='",
    "id=1%27%20OR%20%271%27=%271",
    "id[]=1&id[a]=2",
    "id=%ff%fe",
    "id=%00",
    "id=99999999999999999999999999",
    "id=-1&limit=-1&offset=-1",
    "id=%7B%7B7*7%7D%7D",
    "sort=siege&order=siege&filter=siege",
    "%zz=%",
];

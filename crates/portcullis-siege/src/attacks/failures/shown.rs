//! Errors for who looks like a browser or a developer.

use super::{
    LEAKS,
    inside::{STACKS, told},
    odd::answered,
};
use crate::{attacks::answers::Kind, context::Context, verdict::Finding, wire::Request};

pub(crate) async fn shown_to_browsers(context: &Context) -> Finding {
    let plain = answered(context, errors(context)).await?;
    let mut count = 0;
    for kind in plain.iter().filter(|kind| kind.is_error()) {
        for other in answered(context, disguised(&kind.request)).await? {
            let told = more(kind, &other)
                .map(|name| format!("an error that is looked at in another way says {name:?}"));
            other.flawless(context, told)?;
            count += 1;
        }
    }
    Ok(format!("{count} errors, no more than to others"))
}

fn errors(context: &Context) -> Vec<Request> {
    let routes = &context.profile.routes;
    let mut requests = vec![
        Request::get("/siege-unknown"),
        context.get("/siege-unknown"),
        Request::new("DELETE", context.control()).key(context),
    ];
    requests.extend(routes.protected.as_ref().map(Request::get));
    requests.extend(routes.panic.as_ref().map(|path| context.get(path)));
    requests.extend(routes.body.as_ref().map(|path| {
        let post = Request::new("POST", path).key(context);
        post.header("content-type", "application/json").body("{")
    }));
    requests
}

/// The same request, as browsers and developers send it.
fn disguised(request: &Request) -> Vec<Request> {
    let and = if request.path.contains('?') { '&' } else { '?' };
    let fields = FIELDS
        .iter()
        .map(|(name, value)| request.clone().header(name, value));
    let queries = QUERIES.iter().map(|query| Request {
        path: format!("{}{and}{query}", request.path),
        ..request.clone()
    });
    fields.chain(queries).collect()
}

/// What an error tells that the plain one does not: that is for J11 to say.
fn more(plain: &Kind, other: &Kind) -> Option<&'static str> {
    let says = |kind: &Kind| {
        let stack = told(&kind.request, &kind.answer, STACKS);
        stack.or_else(|| told(&kind.request, &kind.answer, LEAKS))
    };
    if other.is_error() && says(plain).is_none() {
        says(other)
    } else {
        None
    }
}

const FIELDS: [(&str, &str); 7] = [
    ("accept", "text/html"),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept", "application/xml"),
    ("accept", "text/plain"),
    ("x-requested-with", "XMLHttpRequest"),
    ("x-debug", "1"),
    ("cookie", "debug=1; XDEBUG_SESSION=1"),
];

const QUERIES: [&str; 3] = ["debug=1", "debug=true&trace=1", "XDEBUG_SESSION_START=1"];

//! Every kind of answer that the server can be brought to give: what groups I, J and K look at.

use std::sync::Arc;

use super::limiter::until_limited;
use crate::{
    context::Context,
    verdict::Failure,
    wire::{Answer, Request},
};

/// One kind of answer.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}

// ===== impl Kind =====

impl Kind {
    pub(crate) const fn is_error(&self) -> bool {
        self.answer.status >= 400
    }

    /// Breached if anything is wrong.
    pub(crate) fn flawless(
        &self,
        context: &Context,
        wrong: Option<impl AsRef<str>>,
    ) -> Result<(), Failure> {
        match wrong {
            None => Ok(()),
            Some(what) => Err(self.breach(context, what.as_ref())),
        }
    }

    pub(crate) fn breach(&self, context: &Context, what: &str) -> Failure {
        let what = format!("{} {}: {what}", self.answer.status, self.request.path);
        self.request.breach(context, &self.answer, what)
    }
}

/// All of them, gathered once in a siege.
pub(crate) async fn all(context: &Context) -> Result<Arc<[Kind]>, Failure> {
    let gathered = context.answers.get_or_try_init(|| gather(context)).await?;
    for kind in gathered.iter() {
        context.noting_503(&kind.request.path, kind.answer.status);
    }
    // Whoever gathered them, a 503 may be that of a server without a place.
    context.noting(Ok(Arc::clone(gathered)), |kinds| {
        let mut statuses = kinds.iter().map(|kind| kind.answer.status);
        statuses.find(|status| *status == 503)
    })
}

async fn gather(context: &Context) -> Result<Arc<[Kind]>, Failure> {
    let routes = &context.profile.routes;
    let slow = routes
        .slow
        .as_ref()
        .map(|path| slow_path(path, too_slow(context)));
    let mut requests = vec![
        Request::get(context.control()),
        Request::get("/siege-unknown"),
        context.get("/siege-unknown"),
        Request::new("DELETE", context.control()).key(context),
    ];
    requests.extend(
        routes
            .protected
            .iter()
            .flat_map(|path| [Request::get(path), context.get(path)]),
    );
    requests.extend(
        [&routes.panic, &slow, &routes.page]
            .into_iter()
            .flatten()
            .map(|path| context.get(path)),
    );
    let mut kinds = Vec::new();
    for request in requests {
        match context.send(&request).await {
            Ok(answer) => kinds.push(Kind { request, answer }),
            Err(Failure::Unclear(_)) if panics(context, &request.path) => {}
            Err(failure) => return Err(failure),
        }
    }
    kinds.extend(too_large(context).await?);
    if routes.limited.is_some() {
        let seen = until_limited(context, context.fresh(), |_, request| request).await?;
        if seen.is_limited() {
            let (request, answer) = seen.last;
            kinds.push(Kind { request, answer });
        }
    }
    Ok(kinds.into())
}

/// Whether any error is a problem (RFC 9457). Where none is, that is one breach: E01's.
pub(crate) async fn has_problems(context: &Context) -> Result<bool, Failure> {
    let kinds = all(context).await?;
    let mut errors = kinds.iter().filter(|kind| kind.is_error());
    Ok(errors.any(|kind| {
        let content_type = kind.answer.header("content-type");
        content_type.starts_with("application/problem+json")
    }))
}

/// Whether a path leads to a panic: there may be no answer at all, which is for J01 to say.
pub(crate) fn panics(context: &Context, path: &str) -> bool {
    let panic = context.profile.routes.panic.as_deref();
    panic.is_some_and(|panic| path.starts_with(panic))
}

async fn too_large(context: &Context) -> Result<Option<Kind>, Failure> {
    let Some(path) = &context.profile.routes.body else {
        return Ok(None);
    };
    let length = context
        .profile
        .limits
        .body_bytes()
        .value
        .saturating_mul(2)
        .max(1);
    let request = context.sample().typed(Request::new("POST", path));
    let request = request
        .key(context)
        .header("content-length", length.to_string());
    let lines = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
    let lines: String = lines.collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n",
        context.target.authority()
    );
    let answer = context.exchange(head).await?.answers().into_iter().next();
    Ok(answer
        .filter(|answer| answer.status == 413)
        .map(|answer| Kind { request, answer }))
}

/// Longer than a handler may take.
pub(crate) fn too_slow(context: &Context) -> u64 {
    (context.profile.limits.request_seconds().value * 1000.0) as u64 + 2000
}

/// The slow route, for so many milliseconds.
pub(crate) fn slow_path(path: &str, ms: u64) -> String {
    path.replace("{ms}", &ms.to_string())
}

//! A body that nobody reads, with a request hidden in it (0.CL, CL.0).

use std::{net::IpAddr, time::Duration};

use tokio::task::JoinSet;

use super::{
    Lines,
    hidden::{hidden, not_served},
};
use crate::{
    attacks::limiter::until_limited,
    context::Context,
    verdict::{Failure, Finding},
    wire::{Exchange, Raw},
};

/// A request that may be answered before its body came.
#[derive(Debug)]
struct Early {
    what: &'static str,
    lines: Lines,
    length: u64,
    source: Option<IpAddr>,
}

pub(crate) async fn early_answers(context: &Context) -> Finding {
    let (all, mut tasks) = (early(context).await?, JoinSet::new());
    let count = all.len();
    for one in all {
        let context = context.clone();
        tasks.spawn(async move { (one.what, one.sent(&context).await) });
    }
    for (what, seen) in tasks.join_all().await {
        not_served(context, &seen?, what)?;
    }
    Ok(format!(
        "{count} bodies read, or the connection closed after the answer"
    ))
}

pub(crate) async fn unread_bodies(context: &Context) -> Finding {
    let control = context.control();
    let mut tries = vec![("DELETE", control), ("OPTIONS", control)];
    let protected = context.profile.routes.protected.as_deref();
    let paths = [Some(control), Some("/"), Some("/siege-unknown"), protected];
    tries.extend(paths.into_iter().flatten().map(|path| ("GET", path)));
    let mut tasks = JoinSet::new();
    for (method, path) in &tries {
        let (bytes, context) = (with_body(context, method, path), context.clone());
        tasks.spawn(async move { context.exchange(bytes).await });
    }
    for seen in tasks.join_all().await {
        not_served(context, &seen?, "the body of a GET or its kind is not read")?;
    }
    chunks_are_read(context).await?;
    Ok(format!(
        "{} bodies are not the next request",
        tries.len() + 1
    ))
}

/// A chunk begins with its size, so no request is hidden in it: what is not read is answered all the same.
async fn chunks_are_read(context: &Context) -> Result<(), Failure> {
    let lines = Lines::get(context).line("Transfer-Encoding: chunked");
    let seen = context
        .exchange(lines.then("5\r\nsiege\r\n0\r\n\r\n"))
        .await?;
    match seen.answers().len() {
        0 | 1 => Ok(()),
        count => Err(seen.breach(format!("{count} answers to one GET with a chunk"))),
    }
}

fn with_body(context: &Context, method: &str, path: &str) -> String {
    let hidden = hidden(context);
    Lines::with(context, method, path)
        .line(&format!("Content-Length: {}", hidden.len()))
        .then(&hidden)
}

// ===== impl Early =====

impl Early {
    fn new(what: &'static str, lines: Lines, length: u64) -> [Self; 2] {
        let expects = lines.clone().line("Expect: 100-continue");
        [lines, expects].map(|lines| Self {
            what,
            lines,
            length,
            source: None,
        })
    }

    /// Sends the head, and the body when the answer is there, or is not there in time.
    async fn sent(self, context: &Context) -> Result<Exchange, Failure> {
        context.budget.request()?;
        let from = self.source.or_else(|| context.fresh());
        let mut raw = Raw::connect(context, from).await?;
        let length = format!("Content-Length: {}", self.length);
        raw.send(self.lines.line(&length).then("")).await?;
        raw.read(EARLY).await;
        if !raw.is_closed() {
            raw.send(hidden(context)).await?;
            raw.read_answers().await;
        }
        Ok(raw.into_seen())
    }
}

/// What this server may answer early: 401, 404, 405, 413, 415, 417, 429.
async fn early(context: &Context) -> Result<Vec<Early>, Failure> {
    let (routes, length) = (&context.profile.routes, hidden(context).len() as u64);
    let unknown = Lines::with(context, "POST", "/siege-unknown");
    let mut all = Vec::from(Early::new("an early 401 or 404", unknown.clone(), length));
    all.extend(Early::new("an early 404", unknown.key(context), length));
    if let Some(path) = &routes.protected {
        let lines = Lines::with(context, "POST", path);
        all.extend(Early::new("an early 401", lines, length));
    }
    all.extend(Early::new("an early 405", Lines::post(context), length));
    if routes.body.is_some() {
        let coded = Lines::to_body(context)?.line("Content-Encoding: siege");
        all.extend(Early::new("an early 415", coded, length));
        let expects = Lines::to_body(context)?.line("Expect: siege");
        let [odd, _] = Early::new("an early 417", expects, length);
        all.push(odd);
        let beyond = context.profile.limits.body_bytes().value.saturating_mul(4);
        all.extend(Early::new("an early 413", Lines::to_body(context)?, beyond));
    }
    if let Some(path) = &routes.limited {
        let source = context.fresh();
        let served = until_limited(context, source, |_, request| request).await;
        let methods = match served {
            Ok(served) if served.is_limited() => &["GET", "POST"][..],
            _ => &[],
        };
        for method in methods {
            let lines = Lines::with(context, method, path).key(context);
            let both = Early::new("an early 429", lines, length);
            all.extend(both.map(|one| Early { source, ..one }));
        }
    }
    Ok(all)
}

/// How soon an answer that does not wait for the body comes.
const EARLY: Duration = Duration::from_millis(500);

//! Every kind of answer that the server can be brought to give: what groups I, J and K look at.

use std::sync::Arc;

use super::limiter::until_limited;
use crate::{
    arena::Arena,
    verdict::Trouble,
    wire::{Answer, Ask},
};

/// One kind of answer.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) ask: Ask,
    pub(crate) answer: Answer,
}

// ===== impl Kind =====

impl Kind {
    pub(crate) const fn is_error(&self) -> bool {
        self.answer.status >= 400
    }

    pub(crate) fn breach(&self, arena: &Arena, what: &str) -> Trouble {
        let what = format!("{} {}: {what}", self.answer.status, self.ask.path);
        self.ask.breach(arena, &self.answer, what)
    }
}

/// All of them, gathered once in a siege.
pub(crate) async fn all(arena: &Arena) -> Result<Arc<[Kind]>, Trouble> {
    let gathered = arena.answers.get_or_try_init(|| gather(arena)).await?;
    Ok(Arc::clone(gathered))
}

async fn gather(arena: &Arena) -> Result<Arc<[Kind]>, Trouble> {
    let routes = &arena.profile.routes;
    let slow = routes
        .slow
        .as_ref()
        .map(|path| slow_path(path, too_slow(arena)));
    let mut asks = vec![
        Ask::get(arena.control()),
        Ask::get("/siege-unknown"),
        arena.get("/siege-unknown"),
        Ask::new("DELETE", arena.control()).key(arena),
    ];
    asks.extend(
        routes
            .protected
            .iter()
            .flat_map(|path| [Ask::get(path), arena.get(path)]),
    );
    asks.extend(
        [&routes.panic, &slow, &routes.page]
            .into_iter()
            .flatten()
            .map(|path| arena.get(path)),
    );
    let mut kinds = Vec::new();
    for ask in asks {
        match arena.ask(&ask).await {
            Ok(answer) => kinds.push(Kind { ask, answer }),
            Err(Trouble::Unclear(_)) if panics(arena, &ask.path) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    kinds.extend(too_large(arena).await?);
    if routes.limited.is_some() {
        let seen = until_limited(arena, arena.fresh(), |_, ask| ask).await?;
        if seen.is_limited() {
            let (ask, answer) = seen.last;
            kinds.push(Kind { ask, answer });
        }
    }
    Ok(kinds.into())
}

/// Whether a path leads to a panic: there may be no answer at all, which is for J01 to say.
pub(crate) fn panics(arena: &Arena, path: &str) -> bool {
    let panic = arena.profile.routes.panic.as_deref();
    panic.is_some_and(|panic| path.starts_with(panic))
}

async fn too_large(arena: &Arena) -> Result<Option<Kind>, Trouble> {
    let Some(path) = &arena.profile.routes.body else {
        return Ok(None);
    };
    let length = arena.profile.limits.body_bytes.saturating_mul(2).max(1);
    let ask = Ask::new("POST", path)
        .key(arena)
        .header("content-length", length.to_string());
    let lines = ask
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
    let lines: String = lines.collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n",
        arena.target.authority()
    );
    let answer = arena.exchange(head).await?.answers().into_iter().next();
    Ok(answer
        .filter(|answer| answer.status == 413)
        .map(|answer| Kind { ask, answer }))
}

/// Longer than a handler may take.
pub(crate) fn too_slow(arena: &Arena) -> u64 {
    (arena.profile.limits.request_seconds * 1000.0) as u64 + 2000
}

/// The slow route, for so many milliseconds.
pub(crate) fn slow_path(path: &str, ms: u64) -> String {
    path.replace("{ms}", &ms.to_string())
}

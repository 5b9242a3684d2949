use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, header::WWW_AUTHENTICATE, request, response};

use super::{BodyCheck, Guard, Need, Reply, Verdict};
use crate::{Count, Reason, Rejection, RejectionKind};

/// A guard that admits what one of several guards admits: an API key or a token.
///
/// They are asked in the order in which they were added, until one does not reject, or rejects
/// credentials that are its own: a rejection whose [cause](Rejection::cause) is not
/// [`NoCredentials`](Reason::NoCredentials) is final, so that the first scheme that applies decides.
/// A rejection without a cause leaves it to the next. If all reject,
/// the first rejection with a server error counts (a store that is down must not look like a wrong
/// key), or else the first of all, with every challenge once (RFC 9110, section 11.6.1) and, of other
/// headers, with those that it has not itself. A refusal of credentials that comes with the
/// [body](Reply::check_body) has the challenges of all too, as one that came at once. What a guard
/// that rejects wrote into the reply is not said. Those that did not admit a request
/// [skip](Guard::skip) it: what may be their credentials is hidden, too.
///
/// ```
/// use portcullis_core::{AnyOf, Guard};
/// # fn example(keys: impl Guard, tokens: impl Guard) -> AnyOf {
/// AnyOf::new().or(keys).or(tokens)
/// # }
/// ```
#[derive(Clone, Default)]
pub struct AnyOf {
    guards: Arc<[Arc<dyn Guard>]>,
}

/// A check of one of several guards.
struct Apart {
    check: Box<dyn BodyCheck>,
    all: AnyOf,
}

/// Whose turn it is.
struct Turn {
    at: usize,
    /// What those before rejected with.
    so_far: Option<Rejection>,
}

// ===== impl AnyOf =====

impl AnyOf {
    /// Creates a guard that asks no other, and admits everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a guard. One that is off, such as `None`, is left out: it opens nothing.
    #[must_use]
    pub fn or(self, guard: impl Guard) -> Self {
        if !guard.is_on() {
            return self;
        }
        let added: Arc<dyn Guard> = Arc::new(guard);
        let guards = self.guards.iter().cloned().chain([added]);
        Self {
            guards: guards.collect(),
        }
    }

    /// Asks the guards from `at` on.
    fn ask(
        &self,
        at: usize,
        so_far: Option<Rejection>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        let Some(guard) = self.guards.get(at) else {
            return so_far.map_or(Verdict::Admit, Verdict::Reject);
        };
        let turn = Turn { at, so_far };
        // Its own, until it is known that it does not reject.
        let mut own = Reply::new(*reply.body_size());
        match guard.admit(head, &mut own) {
            Verdict::Defer(deferred) => {
                let all = self.clone();
                Verdict::Defer(deferred.apart(own, move |verdict, own, head, reply| {
                    all.after(verdict, own, turn, head, reply)
                }))
            }
            verdict => self.after(verdict, own, turn, head, reply),
        }
    }

    /// Adds the challenges of the others to a refusal of credentials.
    fn with_challenges(&self, rejection: Rejection) -> Rejection {
        if rejection.kind() != RejectionKind::Unauthenticated {
            return rejection;
        }
        let all = self.guards.iter().flat_map(Guard::challenges);
        all.fold(rejection, |rejection, challenge| {
            // It may be there with an error.
            let is_there = |(name, value): &(HeaderName, HeaderValue)| {
                *name == WWW_AUTHENTICATE && value.as_bytes().starts_with(challenge.as_bytes())
            };
            if rejection.headers().iter().any(is_there) {
                rejection
            } else {
                rejection.with_header(WWW_AUTHENTICATE, challenge)
            }
        })
    }

    /// Adds the challenges of the others to what a check refuses.
    fn apart(&self, check: Box<dyn BodyCheck>) -> Box<dyn BodyCheck> {
        let all = self.clone();
        Box::new(Apart { check, all })
    }

    fn after(
        &self,
        verdict: Verdict,
        mut own: Reply,
        turn: Turn,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        match verdict {
            Verdict::Reject(rejection) if is_final(&rejection) => {
                self.with_challenges(rejection).into()
            }
            Verdict::Reject(rejection) => {
                let rejection = worse(turn.so_far, rejection);
                self.ask(turn.at + 1, Some(rejection), head, reply)
            }
            other => {
                self.skip_others(turn.at, head);
                own.checks = mem::take(&mut own.checks)
                    .into_iter()
                    .map(|check| self.apart(check))
                    .collect();
                reply.merge(own);
                other
            }
        }
    }

    /// Lets a request pass by those that did not admit it.
    fn skip_others(&self, at: usize, head: &mut request::Parts) {
        let others = self.guards.iter().enumerate();
        for (_, guard) in others.filter(|(other, _)| *other != at) {
            guard.skip(head);
        }
    }
}

impl Guard for AnyOf {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        self.ask(0, None, head, reply)
    }

    fn skip(&self, head: &mut request::Parts) {
        self.guards.iter().for_each(|guard| guard.skip(head));
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        for guard in self.guards.iter().rev() {
            guard.complete(reply, head);
        }
    }

    fn defaults(&self) -> HeaderMap {
        let all = self.guards.iter().flat_map(Guard::defaults);
        all.filter_map(|(name, value)| Some((name?, value)))
            .collect()
    }

    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        self.guards.iter().flat_map(Guard::yields).collect()
    }

    fn strips(&self) -> Vec<HeaderName> {
        self.guards.iter().flat_map(Guard::strips).collect()
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.guards.iter().flat_map(Guard::writes).collect()
    }

    fn is_on(&self) -> bool {
        self.guards.iter().any(Guard::is_on)
    }

    fn describe(&self) -> String {
        let all: Vec<_> = self.guards.iter().map(Guard::describe).collect();
        all.join(" or ")
    }

    fn needs(&self) -> &'static [Need] {
        Need::list(|need| {
            let mut all = self.guards.iter().map(Guard::needs);
            all.any(|needs| needs.contains(&need))
        })
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        self.guards.iter().flat_map(Guard::challenges).collect()
    }

    fn counts(&self) -> Vec<Count> {
        self.guards.iter().flat_map(Guard::counts).collect()
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyOf({})", self.describe())
    }
}

// ===== impl Apart =====

impl BodyCheck for Apart {
    fn update(&mut self, bytes: &[u8]) {
        self.check.update(bytes);
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let finished = self.check.poll_finish(cx);
        finished.map_err(|rejection| self.all.with_challenges(rejection))
    }

    fn unfinished(&self) -> Option<Rejection> {
        let rejection = self.check.unfinished()?;
        Some(self.all.with_challenges(rejection))
    }
}

/// Returns `true` if the request had credentials of the guard that rejects.
fn is_final(rejection: &Rejection) -> bool {
    let is_none = |reason| reason == Reason::NoCredentials;
    rejection
        .cause()
        .is_some_and(|cause| !is_none(cause.reason()))
}

/// Returns the rejection that tells more, with the challenges of both, and with the headers of the other
/// whose names it has not.
fn worse(first: Option<Rejection>, mut second: Rejection) -> Rejection {
    let Some(mut first) = first else {
        return second;
    };
    let is_down = |rejection: &Rejection| rejection.kind().status().is_server_error();
    if is_down(&second) && !is_down(&first) {
        mem::swap(&mut first, &mut second);
    }
    if is_down(&first) {
        return first;
    }
    let told = first.headers().to_vec();
    let is_new = |header: &&(HeaderName, HeaderValue)| {
        if header.0 == WWW_AUTHENTICATE {
            !told.contains(header)
        } else {
            told.iter().all(|(name, _)| *name != header.0)
        }
    };
    let added = second.headers().iter().filter(is_new).cloned();
    added.fold(first, |first, (name, value)| first.with_header(name, value))
}

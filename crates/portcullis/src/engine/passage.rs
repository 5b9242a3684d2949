use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response, header::CONTENT_LENGTH, request, response};
use http_body::SizeHint;
use portcullis_core::{
    Deferred, Facts, Outcome, ProblemJson, Received, Rejection, RejectionKind, Reply, RequestId,
    Verdict, refuse,
};
use tokio::time::Instant;

use super::{
    BodyCount, Content, Stack,
    caught::{Caught, catch},
    deadline::Timer,
    scopes::in_scopes,
    watch::Watch,
};

/// One request on its way through an engine, and its response on the way back, to its last byte.
///
/// Boxed, and made once: it is large, and what contains it is moved often.
pub(super) struct Passage {
    watch: Watch,
    reply: Reply,
    /// The guard that is asked next.
    next: usize,
    /// What guards said that are asked about every request, unless they admit. The last first.
    pending: Vec<Verdict>,
    timer: Timer,
    /// For what is refused when the head is gone.
    request_id: Option<RequestId>,
    /// How many bytes of the response are still to come, where that is known.
    left: Option<u64>,
}

/// What lasts to the end of a response's body.
pub struct Watched(Box<Passage>);

/// What comes of asking guards.
pub(super) enum Step<F> {
    /// The application runs.
    Run(F),
    /// The request is answered.
    Answer(Response<Bytes>),
    /// A guard must wait.
    Wait(Box<Waiting<F>>),
}

/// What waits for a deferred verdict. Boxed: a future must be small where nothing is deferred.
pub(super) struct Waiting<F> {
    pub(super) deferred: Deferred,
    pub(super) head: request::Parts,
    pub(super) go_on: GoOn<F>,
}

type GoOn<F> = Box<dyn FnOnce(&mut Passage, Verdict, request::Parts) -> Step<F> + Send>;

// ===== impl Passage =====

impl Passage {
    #[inline]
    pub(super) fn new(stack: Arc<Stack>, size: SizeHint) -> Box<Self> {
        Box::new(Self {
            watch: Watch::new(stack),
            reply: Reply::new(size),
            next: 0,
            pending: Vec::new(),
            timer: Timer::default(),
            request_id: None,
            left: None,
        })
    }

    /// Asks the guards that are asked about every request, and lets the observers begin.
    #[inline]
    pub(super) fn begin(&mut self, head: &mut request::Parts) {
        let stack = &*self.watch.stack;
        if stack.time_limit.is_some() || !stack.observers.is_empty() {
            let now = Instant::now();
            Facts::of_mut(&mut head.extensions).set(Received(now));
            if let Some(limit) = &stack.time_limit {
                self.timer = limit.start(head, now);
            }
        }
        while self.next < self.watch.stack.always_asked {
            self.ask_always(head);
        }
        self.pending.reverse();
        self.request_id = Facts::of(&head.extensions).get().cloned();
        self.watch.begin(head, &mut self.reply);
    }

    /// Asks guards, every one of them, and keeps what they say but admit. A panic is an objection.
    fn ask_always(&mut self, head: &mut request::Parts) {
        let asked = self.catch(|passage| {
            while passage.next < passage.watch.stack.always_asked {
                passage.next += 1;
                let guard = &passage.watch.stack.guards[passage.next - 1];
                let verdict = guard.admit(head, &mut passage.reply);
                if !verdict.is_admit() {
                    passage.pending.push(verdict);
                }
            }
        });
        if let Err(caught) = asked {
            caught.log(Facts::of(&head.extensions).get());
            self.pending.push(RejectionKind::Panicked.into());
        }
    }

    /// Asks guards until one does not admit.
    #[inline]
    pub(super) fn ask(&mut self, head: &mut request::Parts) -> Verdict {
        if let Some(verdict) = self.pending.pop() {
            return verdict;
        }
        while let Some(guard) = self.watch.stack.guards.get(self.next) {
            if self.reply.has_scopes() {
                return self.ask_in_scope(head);
            }
            self.next += 1;
            match guard.admit(head, &mut self.reply) {
                Verdict::Admit => {}
                verdict => return verdict,
            }
        }
        Verdict::Admit
    }

    /// Asks the guards that are left in the scopes that those above them entered.
    #[cold]
    fn ask_in_scope(&mut self, head: &mut request::Parts) -> Verdict {
        let mut entered = self.reply.take_scopes();
        let verdict = in_scopes(&mut entered, || self.ask(head));
        self.reply.put_scopes(entered);
        verdict
    }

    /// Runs code of others: in scope, and with its panics caught.
    #[inline]
    pub(super) fn run<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> Result<T, Caught> {
        if !self.reply.has_scopes() {
            return self.catch(run);
        }
        let mut scopes = self.reply.take_scopes();
        let result = self.catch(|passage| in_scopes(&mut scopes, || run(passage)));
        self.reply.put_scopes(scopes);
        result
    }

    #[inline]
    fn catch<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> Result<T, Caught> {
        if self.watch.stack.catches_panics {
            catch(|| run(self))
        } else {
            Ok(run(self))
        }
    }

    /// Prepares for the application: returns how its body is counted, or why it is refused.
    #[inline]
    pub(super) fn enter(
        &mut self,
        head: &request::Parts,
    ) -> Result<Option<Arc<BodyCount>>, Rejection> {
        let size = self.reply.body_size();
        let limit = self.reply.body_limit();
        if let Some(limit) = limit.filter(|limit| size.lower() > *limit) {
            return Err(BodyCount::too_large(limit));
        }
        self.watch.on_request(head);
        let is_known = match limit {
            Some(limit) => size.upper().is_some_and(|most| most <= limit),
            None => size.exact().is_some() || !self.watch.is_on(),
        };
        if !is_known {
            self.watch.count = Some(BodyCount::new(limit));
        }
        Ok(self.watch.count.clone())
    }

    /// Waits for a deferred verdict, and goes on.
    pub(super) fn poll_waiting<F>(
        &mut self,
        waiting: &mut Option<Box<Waiting<F>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<F>> {
        let polled = self.run(|passage| {
            let Some(Waiting { deferred, head, .. }) = waiting.as_deref_mut() else {
                return Poll::Ready(passage.answer(RejectionKind::Panicked));
            };
            let mut verdict = ready!(deferred.poll(cx, head, &mut passage.reply));
            if verdict.is_admit() {
                verdict = passage.ask(head);
            }
            Poll::Ready(match waiting.take() {
                Some(waiting) => (waiting.go_on)(passage, verdict, waiting.head),
                None => passage.answer(RejectionKind::Panicked),
            })
        });
        match polled {
            Ok(Poll::Ready(step)) => Poll::Ready(step),
            Ok(Poll::Pending) => self.poll_timer(cx).map(Step::Answer),
            Err(caught) => Poll::Ready(Step::Answer(self.on_panic(&caught))),
        }
    }

    /// Polls the application. Returns its response, or the one that takes its place.
    #[inline]
    pub(super) fn poll_application<F, B, E>(
        &mut self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Content<B>>, E>>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        let polled = match self.run(|_| future.poll(cx)) {
            Ok(polled) => polled,
            Err(caught) => return Poll::Ready(Ok(self.on_panic(&caught).map(Content::answer))),
        };
        // Whatever the application made of the error: the limit was passed.
        if let Some(limit) = self
            .watch
            .count
            .as_ref()
            .and_then(|count| count.passed_limit())
        {
            let response = self.refuse(BodyCount::too_large(limit));
            return Poll::Ready(Ok(response.map(Content::answer)));
        }
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response.map(Content::inner))),
            Poll::Ready(Err(error)) => {
                self.watch.end(Outcome::Failed);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let late = ready!(self.poll_timer(cx));
                Poll::Ready(Ok(late.map(Content::answer)))
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        ready!(self.timer.poll(cx));
        let limit = self.watch.stack.time_limit;
        let kind = limit.map_or(RejectionKind::TimedOut, |limit| limit.kind);
        Poll::Ready(self.refuse(kind.into()))
    }

    #[cold]
    pub(super) fn on_panic(&mut self, caught: &Caught) -> Response<Bytes> {
        caught.log(self.request_id.as_ref());
        self.refuse(RejectionKind::Panicked.into())
    }

    fn answer<F>(&self, kind: RejectionKind) -> Step<F> {
        Step::Answer(self.refuse(kind.into()))
    }

    /// Renders a rejection. Where the responder panics, it is rendered as a problem.
    #[cold]
    pub(super) fn refuse(&self, rejection: Rejection) -> Response<Bytes> {
        let rejection = rejection.with_request_id(self.request_id.clone());
        let respond = &*self.watch.stack.respond;
        catch(|| refuse(respond, rejection.clone())).unwrap_or_else(|caught| {
            caught.log(self.request_id.as_ref());
            refuse(&ProblemJson::new(), rejection)
        })
    }

    /// Completes a response, whoever made it.
    #[inline]
    pub(super) fn finish<B>(
        mut self: Box<Self>,
        response: Response<Content<B>>,
    ) -> (response::Parts, Content<B>, Option<Watched>) {
        let (head, content) = self.complete(response).into_parts();
        self.watch.on_head(&head);
        let is_watched = self.watch.stack.watches_bodies() || self.reply.is_holding();
        if is_watched {
            self.left = declared(&head.headers);
        }
        (head, content, is_watched.then_some(Watched(self)))
    }

    /// Lets every guard complete a response. Where one panics the response is a 500, which the
    /// others complete.
    #[inline]
    fn complete<B>(&mut self, mut response: Response<Content<B>>) -> Response<Content<B>> {
        let mut broken = Vec::new();
        loop {
            let (mut head, content) = response.into_parts();
            let template = &self.watch.stack.template;
            template.complete(&mut head.headers, &mut self.reply);
            let mut at = self.watch.stack.guards.len();
            let completed = self.catch(|passage| {
                while at > 0 {
                    at -= 1;
                    if !broken.contains(&at) {
                        passage.watch.stack.guards[at].complete(&passage.reply, &mut head);
                    }
                }
            });
            match completed {
                Ok(()) => return Response::from_parts(head, content),
                Err(caught) => {
                    broken.push(at);
                    response = self.on_panic(&caught).map(Content::answer);
                }
            }
        }
    }
}

// ===== impl Watched =====

impl Watched {
    /// Runs a poll of the body: in scope, and with its panics caught.
    #[inline]
    pub(super) fn run<T>(&mut self, poll: impl FnOnce() -> T) -> Result<T, Caught> {
        self.0.run(|_| poll())
    }

    /// Begins with a body of which this much is known.
    #[inline]
    pub(super) fn on_body(&mut self, is_end: bool, exact: Option<u64>) {
        self.0.left = exact.or(self.0.left);
        if is_end || self.0.left == Some(0) || self.0.watch.has_no_body() {
            self.end(Outcome::Complete);
        }
    }

    /// Notes some bytes. A server that knows the length does not ask for more, so the last of them
    /// is the end.
    #[inline]
    pub(super) fn on_bytes(&mut self, bytes: u64, is_end: bool) {
        self.0.watch.on_bytes(bytes);
        self.0.left = self.0.left.map(|left| left.saturating_sub(bytes));
        if is_end || self.0.left == Some(0) {
            self.end(Outcome::Complete);
        }
    }

    #[cold]
    pub(super) fn on_panic(&mut self, caught: &Caught) {
        caught.log(self.0.request_id.as_ref());
        self.end(Outcome::Panicked);
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        drop(self.0.reply.take_held());
        drop(self.0.reply.take_scopes());
        self.0.watch.end(outcome);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// Returns the length that a response declares.
fn declared(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

// ===== impl Step =====

impl<F> Step<F> {
    /// Goes on with a verdict.
    #[inline]
    pub(super) fn new<R: Run<Future = F>>(
        run: R,
        passage: &mut Passage,
        verdict: Verdict,
        head: request::Parts,
    ) -> Self {
        match verdict {
            Verdict::Admit => match passage.enter(&head) {
                Ok(count) => {
                    let mut entered = passage.reply.take_scopes();
                    let future = in_scopes(&mut entered, || run.run(head, count));
                    passage.reply.put_scopes(entered);
                    Self::Run(future)
                }
                Err(rejection) => Self::refuse(run, passage, rejection, &head),
            },
            Verdict::Reject(rejection) => Self::refuse(run, passage, rejection, &head),
            Verdict::Answer(response) => Self::Answer(*response),
            Verdict::Defer(deferred) => Self::Wait(Box::new(Waiting {
                deferred,
                head,
                go_on: Box::new(move |passage, verdict, head| {
                    Self::new(run, passage, verdict, head)
                }),
            })),
        }
    }

    #[cold]
    fn refuse<R: Run<Future = F>>(
        run: R,
        passage: &Passage,
        rejection: Rejection,
        head: &request::Parts,
    ) -> Self {
        if rejection.kind() == RejectionKind::BodyTooLarge {
            run.drain(head);
        }
        Self::Answer(passage.refuse(rejection))
    }
}

/// A service that is ready, and the body that it will get.
pub(super) trait Run: Send + 'static {
    type Future;

    fn run(self, head: request::Parts, count: Option<Arc<BodyCount>>) -> Self::Future;

    /// Reads the body that nobody else will.
    fn drain(self, head: &request::Parts);
}

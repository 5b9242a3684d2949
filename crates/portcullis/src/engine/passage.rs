use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Response, request, response};
use http_body::SizeHint;
use portcullis_core::{
    Ended, Facts, Format, Outcome, Received, Rejection, RejectionKind, Reply, RequestId, Verdict,
};
use tokio::time::Instant;

use super::{
    BodyCount, Content, Stack,
    caught::{Caught, catch},
    deadline::Timer,
    scopes::in_scopes,
    step::{Step, Waiting},
    watch::Watch,
    watched::Watched,
};

/// One request on its way through an engine, and its response on the way back, to its last byte.
///
/// Boxed, and made once: it is large, and what contains it is moved often.
pub(super) struct Passage {
    pub(super) watch: Watch,
    pub(super) reply: Reply,
    /// The guard that is asked next.
    next: usize,
    /// What guards said that are asked about every request, unless they admit. The last first.
    pending: Vec<Verdict>,
    /// Of the response's head, and then of its body.
    pub(super) timer: Timer,
    /// For what is refused when the head is gone.
    pub(super) request_id: Option<RequestId>,
    /// What is known of the response.
    pub(super) ended: Ended,
    /// How it ends if nobody wants more of the response.
    pub(super) is_gone: Outcome,
    pub(super) is_head: bool,
    pub(super) is_connect: bool,
    pub(super) format: Format,
}

// ===== impl Passage =====

impl Passage {
    #[inline]
    pub(super) fn new(stack: Arc<Stack>, size: SizeHint) -> Box<Self> {
        let passage = Box::new_uninit();
        Box::write(
            passage,
            Self {
                watch: Watch::new(stack),
                reply: Reply::new(size),
                next: 0,
                pending: Vec::new(),
                timer: Timer::default(),
                request_id: None,
                ended: Ended::new(Outcome::ClientGone),
                is_gone: Outcome::ClientGone,
                is_connect: false,
                is_head: false,
                format: Format::Problem,
            },
        )
    }

    /// Asks the guards that are asked about every request, and lets the observers begin.
    #[inline]
    pub(super) fn begin(&mut self, head: &mut request::Parts) {
        self.is_head = head.method == Method::HEAD;
        self.is_connect = head.method == Method::CONNECT;
        let stack = &*self.watch.stack;
        if stack.leaves_facts() {
            let now = Instant::now();
            let facts = Facts::of_mut(&mut head.extensions);
            facts.set(Received(now));
            if let Some(uri_from) = stack.uri_from {
                facts.set_original_uri(uri_from);
            }
            if let Some(limit) = &stack.time_limit {
                self.timer = limit.start(head, now);
            }
        }
        while self.next < self.watch.stack.always_asked {
            self.ask_always(head);
        }
        self.pending.reverse();
        self.format = self.watch.stack.format_early(head);
        self.request_id = Facts::of(&head.extensions).get().cloned();
        self.watch.begin(head, &mut self.reply);
        self.open_span();
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
            self.watch.on_panic(caught.into_panic());
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
        head: &mut request::Parts,
    ) -> Result<Option<Arc<BodyCount>>, Rejection> {
        // Of a guard alone: it is asked when observers have begun.
        if self.reply.opens_span() {
            self.request_id = Facts::of(&head.extensions).get().cloned();
            self.open_span();
        }
        let time_limit = self.watch.stack.time_limit;
        self.watch.count = BodyCount::of(&mut self.reply, head, self.watch.is_on(), time_limit)?;
        self.watch.on_request(head);
        if let Some(count) = &self.watch.count {
            // It may be refused yet.
            self.format = self.watch.stack.format(head);
            count.pause_deadline(head);
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
            Ok(Poll::Pending) => self.poll_timer(cx).map(Step::answer),
            Err(caught) => Poll::Ready(Step::answer(self.on_panic(caught))),
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
        // Written where it stays: what comes out of a scope is moved twice.
        let mut polled = Poll::Pending;
        if let Err(caught) = self.run(|_| polled = future.poll(cx)) {
            return Poll::Ready(Ok(self.on_panic(caught).map(Content::answer)));
        }
        // Whatever the application made of the error: the limit was passed.
        if let Some(rejection) = self.watch.count.as_ref().and_then(|count| count.refusal()) {
            let response = self.refuse(rejection);
            return Poll::Ready(Ok(response.map(Content::answer)));
        }
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(self.checked(response))),
            Poll::Ready(Err(error)) => {
                self.end(Outcome::ServiceError);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let late = ready!(self.poll_timer(cx));
                Poll::Ready(Ok(late.map(Content::answer)))
            }
        }
    }

    /// Returns the application's response, or what takes its place where it came too early.
    #[inline]
    fn checked<B>(&self, response: Response<B>) -> Response<Content<B>> {
        let count = self.watch.count.as_ref();
        match count.and_then(|count| count.unfinished()) {
            Some(rejection) => self.refuse(rejection).map(Content::answer),
            None => response.map(Content::inner),
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let count = self.watch.count.as_ref();
        ready!(self.timer.poll(count.and_then(|count| count.waited()), cx));
        let limit = self.watch.stack.time_limit;
        let kind = limit.map_or(RejectionKind::TimedOut, |limit| limit.kind);
        Poll::Ready(self.refuse(kind.into()))
    }

    /// Completes a response, whoever made it.
    #[inline]
    pub(super) fn finish<B>(
        mut self: Box<Self>,
        response: Response<Content<B>>,
    ) -> (response::Parts, Content<B>, Option<Watched>) {
        let (mut head, mut content) = response.into_parts();
        if let Some(answer) = self.complete(&mut head, content.is_answer()) {
            content = Content::answer(answer);
        }
        self.note_head(&head);
        self.timer.clear();
        if let Some(waited) = self.watch.count.as_ref().and_then(|count| count.waited()) {
            waited.answered();
        }
        if self.is_upgrade(head.status) {
            self.leave_upgrade(&mut head);
        }
        let is_watched =
            self.watch.stack.watches_bodies() || self.reply.is_holding() || self.reply.has_ends();
        let watched = is_watched.then(|| Watched::new(self, &head.headers));
        (head, content, watched)
    }

    /// Lets every guard complete a response. Where one panics the response is a 500, which the
    /// others complete: returns the body of that.
    pub(super) fn complete(
        &mut self,
        head: &mut response::Parts,
        mut is_refused: bool,
    ) -> Option<Bytes> {
        let mut answer = None;
        let mut broken = Vec::new();
        loop {
            let template = self.watch.stack.template(is_refused);
            template.complete(&mut head.headers, &mut self.reply);
            let mut at = self.watch.stack.guards.len();
            let completed = self.catch(|passage| {
                while at > 0 {
                    at -= 1;
                    if !broken.contains(&at) {
                        passage.watch.stack.guards[at].complete(&passage.reply, head);
                    }
                }
            });
            let Err(caught) = completed else {
                self.watch.on_head(head);
                return answer;
            };
            broken.push(at);
            is_refused = true;
            let (parts, body) = self.on_panic(caught).into_parts();
            *head = parts;
            answer = Some(body);
        }
    }
}

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, header::EXPECT, request};
use portcullis_core::{RejectionKind, Reply, Verdict};
use tower_service::Service;

use super::{
    BodyCount, EdgeFuture, Stack, Wrapped,
    bodies::{RequestBodies, ResponseBodies},
    caught::{Caught, catch},
    passage::Passage,
    step::{Run, Step},
};

/// What an [`EdgeLayer`](crate::EdgeLayer) makes of a service, and each of its parts alone.
///
/// A clone shares everything, so it costs one `Arc`. It is not ready: `poll_ready` clones the inner
/// service from a template, and makes it ready; `call` calls that one.
///
/// `M` says what becomes of bodies: see [`Wrapped`].
pub struct EdgeService<S, M = Wrapped> {
    shared: Arc<Shared<S>>,
    /// The service that is ready, or why there is none: it panicked.
    ready: Option<Result<S, Box<Caught>>>,
    bodies: PhantomData<fn() -> M>,
}

struct Shared<S> {
    stack: Arc<Stack>,
    template: S,
}

/// A service that is ready, and the body of a request to it.
struct Ready<S, B, M> {
    ready: S,
    body: B,
    bodies: PhantomData<fn() -> M>,
}

// ===== impl EdgeService =====

impl<S, M> EdgeService<S, M> {
    #[inline]
    pub(crate) fn new(stack: Arc<Stack>, template: S) -> Self {
        Self {
            shared: Arc::new(Shared { stack, template }),
            ready: None,
            bodies: PhantomData,
        }
    }
}

impl<S, M, ReqBody, ResBody> Service<Request<ReqBody>> for EdgeService<S, M>
where
    M: RequestBodies<ReqBody> + ResponseBodies<ResBody>,
    S: Service<Request<M::Request>, Response = Response<ResBody>> + Clone + Send + 'static,
    ReqBody: Send + 'static,
{
    type Response = Response<<M as ResponseBodies<ResBody>>::Response>;
    type Error = S::Error;
    type Future = EdgeFuture<S::Future, M>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Shared { stack, template } = &*self.shared;
        let Ok(service) = self.ready.get_or_insert_with(|| Ok(template.clone())) else {
            return Poll::Ready(Ok(()));
        };
        if !stack.catches_panics {
            return service.poll_ready(cx);
        }
        catch(|| service.poll_ready(cx)).unwrap_or_else(|caught| {
            // Whose request comes now is answered so, and it is logged with its ID.
            self.ready = Some(Err(Box::new(caught)));
            Poll::Ready(Ok(()))
        })
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let ready = self.ready.take();
        assert!(
            ready.is_some() || self.shared.stack.catches_panics,
            "called a service that was not ready"
        );
        let (mut head, body) = req.into_parts();
        let mut passage = Passage::new(Arc::clone(&self.shared.stack), M::size(&body));
        passage.begin(&mut head);
        let ready =
            ready.and_then(|ready| ready.map_err(|caught| passage.note_panic(*caught)).ok());
        // Written where it stays: what an application's future moves is large.
        let mut future = EdgeFuture::new();
        // Lent, not given: what goes into a scope is moved twice.
        let mut rest = Some((ready, body, head));
        let ran = passage.run(|passage| {
            if let Some((ready, body, head)) = rest.take() {
                future.step = Ready::<_, _, M>::admit(ready, body, passage, head);
            }
        });
        if let Err(caught) = ran {
            future.step = Step::answer(passage.on_panic(caught));
        }
        future.passage = Some(passage);
        future
    }
}

impl<S, M> Clone for EdgeService<S, M> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: None,
            bodies: PhantomData,
        }
    }
}

impl<S, M> fmt::Debug for EdgeService<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeService").finish_non_exhaustive()
    }
}

// ===== impl Ready =====

impl<S, B, M> Ready<S, B, M>
where
    Self: Run,
{
    /// Asks the guards, and calls the service if all of them admit.
    #[inline(always)]
    fn admit(
        ready: Option<S>,
        body: B,
        passage: &mut Passage,
        mut head: request::Parts,
    ) -> Step<<Self as Run>::Future> {
        let verdict = passage.ask(&mut head);
        match ready {
            Some(ready) => Step::new(
                Self {
                    ready,
                    body,
                    bodies: PhantomData,
                },
                passage,
                verdict,
                head,
            ),
            None => match verdict {
                Verdict::Reject(rejection) => Step::answer(passage.refuse_head(rejection, &head)),
                Verdict::Answer(response) => Step::answer(*response),
                Verdict::Admit | Verdict::Defer(_) => passage.answer(RejectionKind::Panicked),
            },
        }
    }
}

impl<S, B, M> Run for Ready<S, B, M>
where
    M: RequestBodies<B>,
    S: Service<Request<M::Request>> + Send + 'static,
    B: Send + 'static,
{
    type Future = S::Future;

    const CHECKS: bool = M::CHECKS;

    #[inline]
    fn run(mut self, head: request::Parts, count: Option<Arc<BodyCount>>) -> S::Future {
        let body = M::request(self.body, count);
        self.ready.call(Request::from_parts(head, body))
    }

    fn drain(self, head: &request::Parts, reply: &mut Reply) {
        // Who expects a response first sends nothing to read.
        if !head.headers.contains_key(EXPECT) {
            M::drain(self.body, reply);
        }
    }
}

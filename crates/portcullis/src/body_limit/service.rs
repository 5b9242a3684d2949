use std::{
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, header, request};
use http_body::Body;
use portcullis_core::{Facts, ProblemJson, Rejection, RejectionKind, Respond};
use tower_service::Service;

use super::{KeepWrapped, RequestBody, ResponseFuture, UnwrapBody, drain};

/// Middleware that limits the size of request bodies. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit<S, R = ProblemJson, W = KeepWrapped> {
    inner: S,
    limit: Option<u64>,
    respond: R,
    unwrap: W,
}

impl<S, R, W> BodyLimit<S, R, W> {
    #[inline]
    pub(super) const fn new(inner: S, limit: Option<u64>, respond: R, unwrap: W) -> Self {
        Self {
            inner,
            limit,
            respond,
            unwrap,
        }
    }
}

impl<S, R, W, ReqBody, ResBody> Service<Request<ReqBody>> for BodyLimit<S, R, W>
where
    S: Service<Request<W::Body>, Response = Response<ResBody>>,
    R: Respond<ResBody>,
    W: UnwrapBody<ReqBody>,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let respond = self.respond.clone();
        let size = req.body().size_hint();
        let Some(limit) = self.limit else {
            return ResponseFuture::known(self.call_known(req), respond);
        };
        if size.upper().is_some_and(|most| most <= limit) {
            return ResponseFuture::known(self.call_known(req), respond);
        }
        if size.lower() > limit || declared(req.headers()) > limit {
            return refuse_at_once(req, limit, respond);
        }
        let tripped = Arc::new(AtomicBool::new(false));
        let request_id = Facts::of(req.extensions()).get().cloned();
        let late = too_large(limit).request_id(request_id);
        let counted = req.map(|body| {
            let body = RequestBody::counted(body, limit, Arc::clone(&tripped));
            self.unwrap.unwrap(body)
        });
        ResponseFuture::counted(self.inner.call(counted), late, tripped, respond)
    }
}

impl<S, R, W> BodyLimit<S, R, W> {
    #[inline]
    fn call_known<B>(&mut self, req: Request<B>) -> S::Future
    where
        S: Service<Request<W::Body>>,
        W: UnwrapBody<B>,
    {
        let req = req.map(|body| self.unwrap.unwrap(RequestBody::known(body)));
        self.inner.call(req)
    }
}

fn refuse_at_once<B, F, R>(req: Request<B>, limit: u64, respond: R) -> ResponseFuture<F, R>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = req.into_parts();
    if !expects_an_answer_first(&head) {
        drain::spawn(body);
    }
    ResponseFuture::refused(too_large(limit).about(&head), respond)
}

fn too_large(limit: u64) -> Rejection {
    Rejection::new(RejectionKind::BodyTooLarge).detail(format!("at most {limit} bytes are allowed"))
}

/// What the client says of the body's length; 0 where it says nothing.
fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let text = length.and_then(|length| length.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn expects_an_answer_first(head: &request::Parts) -> bool {
    head.headers.contains_key(header::EXPECT)
}

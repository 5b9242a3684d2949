use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{ObservedBody, Observer, ResponseFuture, layer::RouteFrom, record::Record};
use crate::Facts;

/// Middleware that tells an [`Observer`] of every exchange. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct Observe<S, O> {
    inner: S,
    observer: O,
    route_from: Option<RouteFrom>,
}

impl<S, O> Observe<S, O> {
    #[inline]
    pub(super) const fn new(inner: S, observer: O, route_from: Option<RouteFrom>) -> Self {
        Self {
            inner,
            observer,
            route_from,
        }
    }
}

impl<S, O, ReqBody, ResBody> Service<Request<ReqBody>> for Observe<S, O>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    O: Observer,
    ResBody: Body,
{
    type Response = Response<ObservedBody<ResBody, O::Watch>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, O::Watch>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let (mut head, body) = req.into_parts();
        let started = Facts::receive(&mut head.extensions);
        let route = self.route_from.and_then(|route| route(&head.extensions));
        let watch = self.observer.begin(&head, route);
        let req = Request::from_parts(head, body);
        let mut record = Record::new(watch, started, &req);
        let inner = record.scope(|| self.inner.call(req));
        ResponseFuture::new(inner, record)
    }
}

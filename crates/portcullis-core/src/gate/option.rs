use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{request, response};
use pin_project_lite::pin_project;

use super::{Guard, Permit, Verdict};
use crate::Rejection;

pin_project! {
    /// Future of an optional [`Guard`].
    #[derive(Debug)]
    pub struct OptionFuture<F> {
        #[pin]
        future: F,
    }
}

// ===== impl Option<Guard> =====

impl<G> Guard for Option<G>
where
    G: Guard,
{
    type Permit = Option<G::Permit>;
    type Future = OptionFuture<G::Future>;

    #[inline]
    fn admit(&self, head: &request::Parts) -> Verdict<Self::Permit, Self::Future> {
        match self {
            Some(guard) => guard.admit(head).optional(),
            None => Verdict::Admit(None),
        }
    }

    fn describe(&self) -> String {
        self.as_ref().map_or("off".to_owned(), Guard::describe)
    }
}

impl<P, F> Verdict<P, F> {
    /// The same verdict, of a guard that may not be there.
    pub(super) fn optional(self) -> Verdict<Option<P>, OptionFuture<F>> {
        match self {
            Self::Admit(permit) => Verdict::Admit(Some(permit)),
            Self::Defer(future) => Verdict::Defer(OptionFuture { future }),
            Self::Reject(rejection) => Verdict::Reject(rejection),
        }
    }
}

impl<P> Permit for Option<P>
where
    P: Permit,
{
    #[inline]
    fn on_request(&mut self, head: &mut request::Parts) {
        if let Some(permit) = self {
            permit.on_request(head);
        }
    }

    #[inline]
    fn on_response(&mut self, head: &mut response::Parts) {
        if let Some(permit) = self {
            permit.on_response(head);
        }
    }
}

// ===== impl OptionFuture =====

impl<F, P> Future for OptionFuture<F>
where
    F: Future<Output = Result<P, Rejection>>,
{
    type Output = Result<Option<P>, Rejection>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_ok(Some)
    }
}

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

    fn admit(&self, head: &request::Parts) -> Verdict<Self::Permit, Self::Future> {
        let Some(guard) = self else {
            return Verdict::Admit(None);
        };
        match guard.admit(head) {
            Verdict::Admit(permit) => Verdict::Admit(Some(permit)),
            Verdict::Defer(future) => Verdict::Defer(OptionFuture { future }),
            Verdict::Reject(rejection) => Verdict::Reject(rejection),
        }
    }
}

impl<P> Permit for Option<P>
where
    P: Permit,
{
    fn on_request(&mut self, head: &mut request::Parts) {
        if let Some(permit) = self {
            permit.on_request(head);
        }
    }

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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_ok(Some)
    }
}

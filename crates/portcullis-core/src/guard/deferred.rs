use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::request;
use pin_project_lite::pin_project;

use super::{Reply, Verdict};

/// A verdict that is not known yet. Made by [`Verdict::defer`].
pub struct Deferred(Pin<Box<dyn Waiting>>);

/// A future that judges a head when it is ready.
trait Waiting: Send {
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Poll<Verdict>;
}

pin_project! {
    struct Wait<F, J> {
        #[pin]
        future: F,
        judge: Option<J>,
    }
}

// ===== impl Deferred =====

impl Deferred {
    pub(super) fn new<F, J>(future: F, judge: J) -> Self
    where
        F: Future + Send + 'static,
        J: FnOnce(F::Output, &mut request::Parts, &mut Reply) -> Verdict + Send + 'static,
    {
        let judge = Some(judge);
        Self(Box::pin(Wait { future, judge }))
    }

    /// Waits, and judges the head. The verdict may be another one that must wait.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Poll<Verdict> {
        self.0.as_mut().poll(cx, head, reply)
    }

    /// Lets `then` look at the verdict, and change it.
    #[must_use]
    pub fn then<T>(self, then: T) -> Self
    where
        T: FnOnce(Verdict, &mut request::Parts, &mut Reply) -> Verdict + Send + 'static,
    {
        let (first, then) = (self, Some(then));
        Self(Box::pin(Then { first, then }))
    }

    /// Waits with a reply apart, and lets `then` look at the verdict, and change it.
    pub(super) fn apart<T>(self, own: Reply, then: T) -> Self
    where
        T: FnOnce(Verdict, Reply, &mut request::Parts, &mut Reply) -> Verdict + Send + 'static,
    {
        let (first, then) = (self, Some(then));
        Self(Box::pin(Apart { first, own, then }))
    }
}

// ===== impl Wait =====

impl<F, J> Waiting for Wait<F, J>
where
    F: Future + Send,
    J: FnOnce(F::Output, &mut request::Parts, &mut Reply) -> Verdict + Send,
{
    #[expect(clippy::expect_used, reason = "a verdict is polled until it is ready")]
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Poll<Verdict> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        let judge = this.judge.take().expect("polled after ready");
        Poll::Ready(judge(output, head, reply))
    }
}

/// A verdict that is looked at.
struct Then<T> {
    first: Deferred,
    then: Option<T>,
}

impl<T> Unpin for Then<T> {}

impl<T> Waiting for Then<T>
where
    T: FnOnce(Verdict, &mut request::Parts, &mut Reply) -> Verdict + Send,
{
    #[expect(clippy::expect_used, reason = "a verdict is polled until it is ready")]
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Poll<Verdict> {
        loop {
            match ready!(self.first.poll(cx, head, reply)) {
                Verdict::Defer(next) => self.first = next,
                verdict => {
                    let then = self.then.take().expect("polled after ready");
                    return Poll::Ready(then(verdict, head, reply));
                }
            }
        }
    }
}

/// A verdict that another may follow.
struct Apart<T> {
    first: Deferred,
    own: Reply,
    then: Option<T>,
}

impl<T> Unpin for Apart<T> {}

impl<T> Waiting for Apart<T>
where
    T: FnOnce(Verdict, Reply, &mut request::Parts, &mut Reply) -> Verdict + Send,
{
    #[expect(clippy::expect_used, reason = "a verdict is polled until it is ready")]
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        head: &mut request::Parts,
        reply: &mut Reply,
    ) -> Poll<Verdict> {
        let this = &mut *self;
        loop {
            match ready!(this.first.poll(cx, head, &mut this.own)) {
                Verdict::Defer(next) => this.first = next,
                verdict => {
                    let then = this.then.take().expect("polled after ready");
                    let own = mem::take(&mut this.own);
                    return Poll::Ready(then(verdict, own, head, reply));
                }
            }
        }
    }
}

use std::{
    convert::Infallible,
    future::Future,
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use tower::{Service, ServiceExt};

use crate::{Body, request};

/// A service that panics when called before it was ready. Its clones start out not ready.
///
/// It answers with the request's body on the second poll, so that a future can be dropped between.
#[derive(Debug, Default)]
pub struct Probe {
    ready: bool,
}

/// Response future for [`Probe`].
#[derive(Debug)]
pub struct Later<B>(Option<B>, bool);

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<B> Service<Request<B>> for Probe {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Later<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        assert!(
            mem::take(&mut self.ready),
            "called a service that was not ready"
        );
        Later(Some(req.into_body()), false)
    }
}

impl<B> Unpin for Later<B> {}

impl<B> Future for Later<B> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if mem::replace(&mut self.1, true) {
            self.0 = None;
            return Poll::Ready(Ok(Response::new(Body::from("probed"))));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Fails unless the service keeps the contract that every portcullis layer promises.
///
/// Called by [`contract!`](crate::contract).
pub async fn check_contract<S, B>(mut service: S)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Send + 'static,
{
    for _ in 0..3 {
        let Ok(ready) = service.ready().await;
        let Ok(_) = ready.call(request("/")).await;
    }
    check_cancellation(service.clone()).await;
    // A request that was given up on must not hurt the next one.
    let Ok(_) = service.clone().oneshot(request("/")).await;
    let Ok(_) = service.oneshot(request("/")).await;
}

/// Drops a future before its first poll, and another after it.
async fn check_cancellation<S, B>(mut service: S)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let Ok(ready) = service.ready().await;
    drop(ready.call(request("/")));
    let Ok(ready) = service.ready().await;
    let mut future = pin!(ready.call(request("/")));
    let _ = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
}

/// Asserts what every layer promises: the error type of the inner service is kept, the service is
/// `Clone + Send + Sync + 'static` and its future `Send`, only a ready service is called, and a
/// dropped future leaves no trace.
#[macro_export]
macro_rules! contract {
    ($($layer:expr),+ $(,)?) => {
        #[tokio::test]
        async fn keeps_the_contract() {
            $($crate::check_contract($crate::__private::Layer::layer(&$layer, $crate::Probe::default())).await;)+
        }
    };
}

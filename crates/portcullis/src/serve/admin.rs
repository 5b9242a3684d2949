//! Another service, on a listener of its own.

use std::{future::Future, pin::Pin};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use portcullis_core::BoxError;
use tokio::task::{AbortHandle, JoinSet};
use tower_service::Service;

use super::{Connections, Listener, Server, accept::Accept, transport::Transport};

/// A service for operators, served from the start to the very end. Dropped, it stops.
pub(super) struct Admin {
    serving: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    task: Option<AbortHandle>,
}

// ===== impl Admin =====

impl Admin {
    pub(super) fn new<S, B>(listener: impl Listener, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let accept = Accept {
            listener: Box::new(listener),
            transport: Transport::Plain,
        };
        let connections = Server::new(service).connections;
        Self {
            serving: Some(Box::pin(serve(accept, connections))),
            task: None,
        }
    }

    pub(super) fn start(&mut self) {
        if let Some(serving) = self.serving.take() {
            let serving = tokio::spawn(serving);
            self.task = Some(serving.abort_handle());
            tokio::spawn(async {
                if let Err(error) = serving.await
                    && error.is_panic()
                {
                    tracing::error!(target: "portcullis", %error, "the admin listener ended");
                }
            });
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Its connections end with it.
async fn serve<S, B>(mut accept: Accept, connections: Connections<S>)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let mut served = JoinSet::new();
    accept
        .run(&connections.open, |io, peer, transport| {
            while served.try_join_next().is_some() {}
            served.spawn(connections.serve(io, peer, transport));
        })
        .await;
}

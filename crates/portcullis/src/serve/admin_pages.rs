use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
    request,
};
use tower_service::Service;

use crate::{EdgeLayer, Health};

/// What operators ask: probes, metrics, what an edge does. A service for [`Server::admin`], which
/// answers GET and HEAD, with `no-store`; other methods with 405, other paths with 404.
///
/// It lets everybody in: bind its listener to an address that only operators reach.
///
/// ```
/// use portcullis::{Edge, Health, serve::{AdminPages, Server}};
/// # use tokio::net::TcpListener;
/// # use tower::Layer;
///
/// # async fn run<S>(app: Server<S>) -> Result<(), Box<dyn std::error::Error>> {
/// let health = Health::new();
/// let edge = Edge::new().build()?;
/// let pages = AdminPages::new()
///     .health(&health)
///     .explain(&edge)
///     .page("/version", "text/plain", || env!("CARGO_PKG_VERSION").to_owned());
/// let app = app.admin(TcpListener::bind("127.0.0.1:9090").await?, pages);
/// # Ok(())
/// # }
/// ```
///
/// With `portcullis_prometheus`, for metrics:
/// `.respond("/metrics", move |head| metrics.respond(&head.headers))`.
///
/// [`Server::admin`]: super::Server::admin
#[derive(Clone, Debug, Default)]
pub struct AdminPages {
    health: Option<Health>,
    pages: Vec<Page>,
}

#[derive(Clone)]
struct Page {
    path: &'static str,
    respond: Arc<Respond>,
}

type Respond = dyn Fn(&request::Parts) -> Response<String> + Send + Sync;

// ===== impl AdminPages =====

impl AdminPages {
    /// Creates a service without a page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the probes, on the paths that the health has, with all details: the names of checks, and
    /// with `?verbose` why they fail.
    #[must_use]
    pub fn health(mut self, health: &Health) -> Self {
        self.health = Some(health.clone());
        self
    }

    /// Answers `/explain` with what an edge does now, as text.
    #[must_use]
    pub fn explain<M: 'static>(self, edge: &EdgeLayer<M>) -> Self {
        let edge = edge.clone();
        let text = move || edge.explain().to_string();
        self.page("/explain", "text/plain; charset=utf-8", text)
    }

    /// Answers a path with a text that is made for each request. Of pages with one path the first
    /// answers.
    ///
    /// # Panics
    ///
    /// Panics if `content_type` is no value of a field.
    #[must_use]
    pub fn page(
        self,
        path: &'static str,
        content_type: &'static str,
        text: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        self.respond(path, move |_| {
            let mut response = Response::new(text());
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, content_type.clone());
            response
        })
    }

    /// Answers a path with a response that depends on the request's head, such as on `Accept`. Of pages
    /// with one path the first answers.
    #[must_use]
    pub fn respond(
        mut self,
        path: &'static str,
        respond: impl Fn(&request::Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let respond = Arc::new(respond);
        self.pages.push(Page { path, respond });
        self
    }

    fn answer<B>(&self, request: Request<B>) -> Response<String> {
        let (head, _) = request.into_parts();
        if let Some(health) = &self.health
            && let Some(answer) = health.probe_of_operator(&head)
        {
            return answer.map(|body| String::from_utf8_lossy(&body).into_owned());
        }
        let path = head.uri.path();
        let page = self.pages.iter().find(|page| page.path == path);
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let is_probe = |health: &Health| health.probe_paths().contains(&path);
            let is_there = page.is_some() || self.health.as_ref().is_some_and(is_probe);
            return if is_there {
                not_allowed()
            } else {
                status(StatusCode::NOT_FOUND)
            };
        }
        let Some(page) = page else {
            return status(StatusCode::NOT_FOUND);
        };
        let mut response = (page.respond)(&head);
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
        response
    }
}

impl<B> Service<Request<B>> for AdminPages {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request)))
    }
}

// ===== impl Page =====

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Page").field(&self.path).finish()
    }
}

fn not_allowed() -> Response<String> {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

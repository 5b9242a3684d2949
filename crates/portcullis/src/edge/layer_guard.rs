//! A layer of somebody else as a guard.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, poll_fn, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{HeaderName, SET_COOKIE, VARY},
    request,
};
use portcullis_core::{BoxError, Guard, Rejection, RejectionKind, Reply, Verdict};
use tower_layer::Layer;
use tower_service::Service;

/// A layer of somebody else as a guard, for a slot of an edge: tower-http's `CorsLayer` and
/// `CsrfLayer`, or another that judges by the head alone.
///
/// The layer is asked about each request's method, URI, version and headers. If it lets the request
/// pass, the fields that it adds to a response are added to the one that the request gets, whoever
/// gives it: `Vary` and `Set-Cookie` are added to, others replaced. If it answers itself, so does the
/// guard: a 401 and a 403 are refusals that keep the layer's fields, everything else is the answer.
///
/// What it says of a body is not kept, such as `Content-Encoding` and `ETag` (RFC 9110, section 8): the
/// body is another one. `Cache-Control` is, but not on refusals and probes, which are never stored.
/// What it changes in the request is not kept, and it cannot see what only the application's response
/// has. A layer that fails refuses: 500.
///
/// ```
/// use http::Method;
/// use portcullis::{ConfigError, Edge, Slot, edge::LayerGuard};
/// use tower_http::{cors::CorsLayer, csrf::CsrfLayer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cors = CorsLayer::new()
///     .allow_origin("https://app.example".parse::<http::HeaderValue>()?)
///     .allow_methods([Method::GET, Method::POST]);
/// let csrf = CsrfLayer::new().add_trusted_origin("https://app.example")?;
/// let edge = Edge::new()
///     .guard(Slot::CrossOrigin, LayerGuard::new("CORS", cors))
///     .guard(Slot::CrossOrigin, LayerGuard::new("CSRF", csrf))
///     .build()?;
/// # let _ = edge;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LayerGuard {
    name: Arc<str>,
    ask: Arc<Ask>,
}

type Ask = dyn Fn(Request<()>) -> Asked + Send + Sync;
type Asked = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

/// The service that a [`LayerGuard`] puts a layer around: whoever reaches it passes.
#[derive(Clone, Copy, Debug)]
pub struct Passes(());

/// In the extensions of a response: the request reached the service.
#[derive(Clone, Copy)]
struct Passed;

// ===== impl LayerGuard =====

impl LayerGuard {
    /// Creates a guard of a layer. The name is for people: `edge.explain()` has it.
    pub fn new<L>(name: &str, layer: L) -> Self
    where
        L: Layer<Passes>,
        L::Service: Service<Request<()>, Response = Response<Bytes>>,
        L::Service: Clone + Send + Sync + 'static,
        <L::Service as Service<Request<()>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<()>>>::Future: Send,
    {
        let service = layer.layer(Passes(()));
        let ask = move |request| -> Asked {
            let mut service = service.clone();
            Box::pin(async move {
                let is_ready = poll_fn(|cx| service.poll_ready(cx)).await;
                is_ready.map_err(Into::into)?;
                service.call(request).await.map_err(Into::into)
            })
        };
        Self {
            name: name.into(),
            ask: Arc::new(ask),
        }
    }
}

impl Guard for LayerGuard {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let mut asked = (self.ask)(copy(head));
        // Hardly any layer waits.
        match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => judge(answer, reply),
            Poll::Pending => Verdict::defer(asked, |answer, _, reply| judge(answer, reply)),
        }
    }

    fn describe(&self) -> String {
        self.name.to_string()
    }
}

impl fmt::Debug for LayerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LayerGuard({})", self.name)
    }
}

// ===== impl Passes =====

impl Service<Request<()>> for Passes {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::default();
        response.extensions_mut().insert(Passed);
        ready(Ok(response))
    }
}

/// Returns a request with the same head, without its extensions.
fn copy(head: &request::Parts) -> Request<()> {
    let mut request = Request::new(());
    request.method_mut().clone_from(&head.method);
    request.uri_mut().clone_from(&head.uri);
    request.headers_mut().clone_from(&head.headers);
    *request.version_mut() = head.version;
    request
}

fn judge(answer: Result<Response<Bytes>, BoxError>, reply: &mut Reply) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(target: "portcullis", %error, "a layer failed that judges requests");
            return Rejection::new(RejectionKind::Misconfigured)
                .with_layer("layer_guard")
                .into();
        }
    };
    let kind = match response.status() {
        _ if response.extensions().get::<Passed>().is_some() => {
            pass(&response, reply);
            return Verdict::Admit;
        }
        StatusCode::UNAUTHORIZED => RejectionKind::Unauthenticated,
        StatusCode::FORBIDDEN => RejectionKind::Forbidden,
        _ => return Verdict::answer(response),
    };
    let fields = response.headers().iter();
    let fields = fields.filter(|(name, _)| !is_of_body(name));
    let rejection = fields.fold(
        Rejection::new(kind).with_layer("layer_guard"),
        |rejection, (name, value)| rejection.with_header(name.clone(), value.clone()),
    );
    rejection.into()
}

/// Adds what a layer adds to a response.
fn pass(response: &Response<Bytes>, reply: &mut Reply) {
    let headers = response.headers();
    for name in headers.keys().filter(|name| !is_of_body(name)) {
        let mut values = headers.get_all(name).iter().cloned();
        if name != VARY
            && name != SET_COOKIE
            && let Some(first) = values.next()
        {
            reply.insert(name.clone(), first);
        }
        for value in values {
            reply.append(name.clone(), value);
        }
    }
}

fn is_of_body(name: &HeaderName) -> bool {
    OF_BODY.contains(&name.as_str())
}

/// What describes a representation and its transfer (RFC 9110, sections 6.6.2, 8 and 14; RFC 9112,
/// section 6.1; RFC 9530).
const OF_BODY: [&str; 13] = [
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "repr-digest",
    "trailer",
    "transfer-encoding",
];

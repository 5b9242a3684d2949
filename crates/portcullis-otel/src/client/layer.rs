use std::{
    any::type_name,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderName, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::call::{Call, Config};
use crate::context::Inherited;

/// Traces the calls of an HTTP client, and passes on the trace, baggage and the request's ID.
///
/// # What happens
///
/// It is for any Tower client: a `Service<http::Request<B>>` whose response is an
/// `http::Response`. Response, error and body stay as they are. Each call
///
/// - is a span of kind `CLIENT` (semantic conventions 1.44), a child of OpenTelemetry's current
///   context, if that is sampled. Where no provider is set, or the context isn't sampled, there is no
///   span, but what is sent still has a span ID of its own;
/// - carries what [`Propagator`](crate::Propagator) writes: `traceparent`, `tracestate` and
///   `baggage`. If there is a trace, what the request has of these fields is replaced: a handler that
///   copies a client's fields doesn't pass on more than its edge let in. Without a trace (outside
///   any exchange, and nothing is exported) no `traceparent` is written;
/// - carries the ID of the request that is served, as `x-request-id`, unless the call has that field.
///   The ID is in OpenTelemetry's context if a [`Tracing`](crate::Tracing) observes the exchange, also
///   one that only [propagates](crate::Tracing::propagating), and if this layer was made before the
///   request came. Without one, insert the `RequestId` of the incoming request's `Facts` into the
///   outgoing one's; that is looked at first. Else the field is not written;
/// - is one measurement of the histogram `http.client.request.duration`, in seconds, with the global
///   meter provider that is set at the first call.
///
/// The inner service runs with the call's span as OpenTelemetry's current context.
///
/// The span ends at the head of the response, and the duration is the time to it: the conventions let
/// a span end there, and want none whose end depends on when an application drops a body that it
/// didn't read. A call whose future is dropped ends as `cancelled`.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use opentelemetry::{Context, trace::{SpanContext, TraceContextExt, TraceFlags, TraceState}};
/// use portcullis_otel::ClientTraceLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let upstream = service_fn(|request: Request<()>| async move {
///     let sent = request.headers()["traceparent"].to_str().unwrap_or_default();
///     Ok::<_, Infallible>(Response::new(sent.to_owned()))
/// });
/// let client = ClientTraceLayer::new().layer(upstream);
///
/// // As a handler finds it where an edge is observed by `Tracing`.
/// let span = SpanContext::new(1.into(), 2.into(), TraceFlags::NOT_SAMPLED, false, TraceState::NONE);
/// let _handler = Context::new().with_remote_span_context(span).attach();
/// let response = client.oneshot(Request::get("http://api.example/").body(())?).await?;
///
/// assert!(response.body().starts_with("00-00000000000000000000000000000001-"));
/// # Ok(())
/// # }
/// ```
///
/// hyper-util's client is a Tower service as it is: `layer.layer(client)`. reqwest has requests of
/// its own; these lines make them of `http`'s, and keep its error:
///
/// ```text
/// let client = layer.layer(service_fn(move |request: http::Request<reqwest::Body>| {
///     let client = client.clone();
///     async move {
///         let response = client.execute(request.try_into()?).await?;
///         Ok::<_, reqwest::Error>(http::Response::from(response))
///     }
/// }));
/// ```
///
/// # Order
///
/// Inside of retries (`portcullis::outbound`), so that each try is a span, as the conventions want it;
/// outside of what signs the request.
///
/// # Configuration
///
/// | method | default | why |
/// |---|---|---|
/// | [`with_request_id_header`](Self::with_request_id_header) | `x-request-id` | what an edge reads |
/// | [`without_fields`](Self::without_fields) | fields are sent | |
///
/// # Telemetry
///
/// | attribute | span | metric | |
/// |---|---|---|---|
/// | `http.request.method` | yes | yes | `_OTHER` for unknown ones |
/// | `http.request.method_original` | yes | | of unknown ones |
/// | `server.address`, `server.port` | yes | yes | of the URI, or `Host`; the scheme's port |
/// | `url.full` | yes | | without credentials and secrets of the query, cut after 2,048 bytes |
/// | `http.response.status_code` | yes | yes | |
/// | `network.protocol.version` | yes | yes | of the response |
/// | `error.type` | yes | yes | the status from 400 on, the type of the error, or `cancelled` |
///
/// Known are the methods of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, if a
/// [`Telemetry`](crate::Telemetry) was built before the first call, or else the conventions' ten.
/// The span's name is the method, `HTTP` for unknown ones. With an `error.type` its status is `Error`.
///
/// # Security considerations
///
/// Whoever is called learns the trace's ID, the request's ID, and the baggage: for services of others
/// use [`without_fields`](Self::without_fields). Where a client chooses the host of a call (webhooks),
/// it chooses values of `server.address`: the SDK bounds the series of a metric, 2,000 by default.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientTraceLayer(Arc<Config>);

/// Service of [`ClientTraceLayer`].
#[derive(Clone)]
pub struct ClientTraceService<S> {
    inner: S,
    config: Arc<Config>,
}

pin_project! {
    /// Future of [`ClientTraceService`].
    pub struct ClientTraceFuture<F> {
        #[pin]
        inner: F,
        call: Call,
    }
}

// ===== impl ClientTraceLayer =====

impl ClientTraceLayer {
    /// Creates a layer that makes spans and sends all fields.
    pub fn new() -> Self {
        Inherited::expect_reader();
        Self(Arc::default())
    }

    /// Sets the field that carries the request's ID.
    pub fn with_request_id_header(self, name: HeaderName) -> Self {
        Self(Arc::new(Config::new(Some(name), self.0.sends())))
    }

    /// Sends no field: for services of others, who should learn nothing. What the request has of
    /// them stays.
    pub fn without_fields(self) -> Self {
        Self(Arc::new(Config::new(None, false)))
    }
}

impl Default for ClientTraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ClientTraceLayer {
    type Service = ClientTraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let config = Arc::clone(&self.0);
        ClientTraceService { inner, config }
    }
}

// ===== impl ClientTraceService =====

impl<S, B, ResBody> Service<Request<B>> for ClientTraceService<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ClientTraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let call = Call::begin(&self.config, &mut head);
        let current = call.enter();
        let inner = self.inner.call(Request::from_parts(head, body));
        drop(current);
        ClientTraceFuture { inner, call }
    }
}

impl<S: fmt::Debug> fmt::Debug for ClientTraceService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientTraceService")
            .field(&self.inner)
            .finish()
    }
}

// ===== impl ClientTraceFuture =====

impl<F, ResBody, E> Future for ClientTraceFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let current = this.call.enter();
        let result = ready!(this.inner.poll(cx));
        drop(current);
        match &result {
            Ok(response) => this.call.respond(response.status(), response.version()),
            Err(_) => this.call.fail(type_name::<E>()),
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for ClientTraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTraceFuture").finish_non_exhaustive()
    }
}

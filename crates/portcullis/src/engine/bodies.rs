use std::sync::Arc;

use bytes::Bytes;
use http_body::{Body, SizeHint};
use portcullis_core::{BoxError, Reply};

use super::{BodyCount, Content, EdgeBody, RequestBody, Watched, drain};

/// What becomes of request bodies on their way to a service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take request bodies of type `{B}`",
    note = "an edge of `portcullis_axum::edge()` goes into `Router::layer`; around a whole router that is served by hyper, or another service, use `portcullis::Edge`"
)]
pub trait RequestBodies<B>: 'static {
    /// The body that the service takes.
    type Request;

    /// Whether what guards [check](crate::Reply::check_body) of a body is checked. Where it is not, a
    /// request whose body must be is refused.
    const CHECKS: bool = true;

    /// Returns what is known of a body's length.
    fn size(body: &B) -> SizeHint;

    /// Returns the service's body, counted where it must be.
    fn request(body: B, count: Option<Arc<BodyCount>>) -> Self::Request;

    /// Reads a body that nobody else will, so that the client can read the response. Keeps what the
    /// reply holds meanwhile.
    fn drain(body: B, reply: &mut Reply);
}

/// What becomes of response bodies on their way out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make response bodies of type `{B}`",
    note = "a layer that leaves bodies as they are needs `From<Bytes>` of the response's body, to answer with; an edge needs `http_body::Body<Data = Bytes>`"
)]
pub trait ResponseBodies<B>: 'static {
    /// The body of the response.
    type Response;

    /// Returns the response's body, watched where it must be.
    fn response(content: Content<B>, watched: Option<Watched>) -> Self::Response;
}

/// Leaves bodies as they are: for parts that look at heads only. The response's body must be
/// `From<Bytes>`, as `Full<Bytes>` and axum's are: the part answers with one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a type that is only named")]
pub enum Plain {}

/// Wraps bodies: the service takes a [`RequestBody`], and answers with an [`EdgeBody`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a type that is only named")]
pub enum Wrapped {}

// ===== impl (Requests, Responses) =====

/// A mode for request bodies, and one for response bodies.
impl<Q, R, B> RequestBodies<B> for (Q, R)
where
    Q: RequestBodies<B>,
    R: 'static,
{
    type Request = Q::Request;

    const CHECKS: bool = Q::CHECKS;

    #[inline]
    fn size(body: &B) -> SizeHint {
        Q::size(body)
    }

    #[inline]
    fn request(body: B, count: Option<Arc<BodyCount>>) -> Q::Request {
        Q::request(body, count)
    }

    fn drain(body: B, reply: &mut Reply) {
        Q::drain(body, reply);
    }
}

impl<Q, R, B> ResponseBodies<B> for (Q, R)
where
    Q: 'static,
    R: ResponseBodies<B>,
{
    type Response = R::Response;

    #[inline]
    fn response(content: Content<B>, watched: Option<Watched>) -> R::Response {
        R::response(content, watched)
    }
}

// ===== impl Plain =====

impl<B> RequestBodies<B> for Plain {
    type Request = B;

    const CHECKS: bool = false;

    #[inline]
    fn size(_: &B) -> SizeHint {
        SizeHint::default()
    }

    #[inline]
    fn request(body: B, count: Option<Arc<BodyCount>>) -> B {
        if let Some(count) = count {
            count.believe();
        }
        body
    }

    #[inline]
    fn drain(_: B, _: &mut Reply) {}
}

impl<B: From<Bytes> + 'static> ResponseBodies<B> for Plain {
    type Response = B;

    #[inline]
    fn response(content: Content<B>, watched: Option<Watched>) -> B {
        if let Some(watched) = watched {
            watched.end_unwatched();
        }
        content.into_inner().unwrap_or_else(Into::into)
    }
}

// ===== impl Wrapped =====

impl<B> RequestBodies<B> for Wrapped
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Request = RequestBody<B>;

    #[inline]
    fn size(body: &B) -> SizeHint {
        body.size_hint()
    }

    #[inline]
    fn request(body: B, count: Option<Arc<BodyCount>>) -> RequestBody<B> {
        RequestBody::new(body, count)
    }

    fn drain(body: B, reply: &mut Reply) {
        drain::spawn(body, reply);
    }
}

impl<B> ResponseBodies<B> for Wrapped
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Response = EdgeBody<B>;

    #[inline]
    fn response(content: Content<B>, watched: Option<Watched>) -> EdgeBody<B> {
        EdgeBody::new(content, watched)
    }
}

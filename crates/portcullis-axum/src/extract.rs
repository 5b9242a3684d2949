use std::any::type_name;

use axum::body::Body;
use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use portcullis::{Facts, Format, ProblemJson, Rejection, RejectionKind, RequestId, facts, refuse};

/// Extracts one of the [`Facts`] that the edge left in the request.
///
/// `Fact(ip): Fact<ClientIp>`. As an `Option` for facts that are not always there: the `Principal`
/// on a public path, the `CspNonce` where no policy has one.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an extractor, destructured by users"
)]
pub struct Fact<T>(pub T);

/// Nothing left the fact that was asked for. Answered with a problem and status 500, and logged.
///
/// Rendered by [`ProblemJson`]: a handler does not know the edge's responder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MissingFact {
    wanted: &'static str,
    request_id: Option<RequestId>,
}

/// Answers with a [`Rejection`]: one of the application's own, or what a breaker says of an upstream.
///
/// Rendered by [`ProblemJson`], with all that every rejection carries, such as `Retry-After`.
///
/// ```
/// use axum::response::IntoResponse;
/// use portcullis::{Rejection, RejectionKind, RequestId};
/// use portcullis_axum::{Fact, Refused};
///
/// async fn closed(Fact(id): Fact<RequestId>) -> Refused {
///     let rejection = Rejection::new(RejectionKind::Unavailable);
///     Refused(rejection.with_request_id(Some(id)))
/// }
/// # let _ = axum::Router::<()>::new().route("/", axum::routing::get(closed));
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a response, made by users")]
pub struct Refused(pub Rejection);

// ===== impl Fact =====

impl<S, T> FromRequestParts<S> for Fact<T>
where
    S: Sync,
    T: facts::Fact,
{
    type Rejection = MissingFact;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingFact> {
        let facts = Facts::of(&parts.extensions);
        facts
            .get::<T>()
            .cloned()
            .map(Self)
            .ok_or_else(|| MissingFact {
                wanted: type_name::<T>(),
                request_id: facts.get().cloned(),
            })
    }
}

impl<S, T> OptionalFromRequestParts<S> for Fact<T>
where
    S: Sync,
    T: facts::Fact,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(Facts::of(&parts.extensions).get::<T>().cloned().map(Self))
    }
}

// ===== impl MissingFact =====

impl IntoResponse for MissingFact {
    fn into_response(self) -> Response {
        let Self { wanted, request_id } = self;
        tracing::error!(
            target: "portcullis", wanted, request_id = request_id.as_ref().map(tracing::field::display),
            "nothing left this fact in the request: is the edge's layer around this route?"
        );
        let rejection = Rejection::new(RejectionKind::Misconfigured);
        Refused(rejection.with_request_id(request_id)).into_response()
    }
}

// ===== impl Refused =====

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refuse(&ProblemJson::new(), self.0, Format::Problem).map(Body::from)
    }
}

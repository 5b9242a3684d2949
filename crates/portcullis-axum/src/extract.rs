use std::any::type_name;

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use portcullis::{Facts, facts::Fact};

/// Extracts one of the [`Facts`] that the edge's layers left in the request.
///
/// `FromEdge(ip): FromEdge<ClientIp>`. As an `Option` for facts that are not always there: the
/// `Principal` on a public path, the `CspNonce` outside the HTML profile.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an extractor, destructured by users"
)]
pub struct FromEdge<T>(pub T);

/// No layer left the fact that was asked for. Answered with an empty 500, and logged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Missing {
    wanted: &'static str,
}

impl<S, T> FromRequestParts<S> for FromEdge<T>
where
    S: Sync,
    T: Fact,
{
    type Rejection = Missing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Missing> {
        let wanted = type_name::<T>();
        let fact = Facts::of(&parts.extensions).get::<T>();
        fact.cloned().map(Self).ok_or(Missing { wanted })
    }
}

impl<S, T> OptionalFromRequestParts<S> for FromEdge<T>
where
    S: Sync,
    T: Fact,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(Facts::of(&parts.extensions).get::<T>().cloned().map(Self))
    }
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        let wanted = self.wanted;
        tracing::error!(target: "portcullis", wanted, "no layer left this in the request");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

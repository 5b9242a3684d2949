use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::{ConnectInfo, MatchedPath},
};
use http::Extensions;
use portcullis::{
    Edge,
    body_limit::{RequestBody, UnwrapBody},
};

/// What an [`Edge`] learns from axum.
pub trait EdgeExt {
    /// The same edge, for axum.
    type Axum;

    /// Names routes by [`matched_path`] in spans and metrics, finds the peer of `axum::serve` by
    /// [`connect_info`], and gives handlers axum's own body ([`AxumBody`]).
    #[must_use]
    fn for_axum(self) -> Self::Axum;
}

/// Gives axum its own body back where nothing must be counted.
///
/// Without it everything works too: axum puts the wrapped body into a box.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit type that users name")]
pub struct AxumBody;

impl<A, L, O, R, W, P> EdgeExt for Edge<A, L, O, R, W, P> {
    type Axum = Edge<A, L, O, R, AxumBody, P>;

    fn for_axum(self) -> Self::Axum {
        let edge = self.route_from(matched_path).peer_from(connect_info);
        edge.unwrap_bodies(AxumBody)
    }
}

impl UnwrapBody<Body> for AxumBody {
    type Body = Body;

    #[inline]
    fn unwrap(&self, body: RequestBody<Body>) -> Body {
        match body.into_known() {
            Ok(body) => body,
            Err(counted) => Body::new(counted),
        }
    }
}

/// The template of the route that matched, such as `/users/{id}`.
///
/// Known to layers that are added with `Router::layer`, not to those around the whole router.
#[must_use]
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

/// The peer, where the router is served with `into_make_service_with_connect_info::<SocketAddr>`.
#[must_use]
pub fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get().map(|ConnectInfo(peer)| *peer)
}

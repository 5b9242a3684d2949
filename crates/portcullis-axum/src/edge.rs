use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath};
use http::Extensions;
use portcullis::Edge;

/// What an [`Edge`] learns from axum.
pub trait EdgeExt {
    /// Names routes by [`matched_path`] in spans and metrics, and finds the peer of `axum::serve`
    /// by [`connect_info`].
    #[must_use]
    fn for_axum(self) -> Self;
}

impl<A, L, O, R> EdgeExt for Edge<A, L, O, R> {
    fn for_axum(self) -> Self {
        self.route_from(matched_path).peer_from(connect_info)
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

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{ConnectInfo, MatchedPath, OriginalUri},
};
use http::{Extensions, Uri};
use http_body::{Body as _, SizeHint};
use portcullis::{
    Reply,
    edge::{BodyCount, Content, Edge, EdgeBody, RequestBodies, ResponseBodies, Watched, Wrapped},
};

/// An [`Edge`] for an axum app. [`edge`] creates one.
pub type AxumEdge = Edge<AxumBody>;

/// What an [`AxumEdge`] is built to: a layer for `Router::layer`.
pub type EdgeLayer = portcullis::EdgeLayer<AxumBody>;

/// Leaves axum its own bodies where nothing must be counted or watched. A type that is only named.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a type that is only named")]
pub enum AxumBody {}

/// Creates an edge with safe defaults for an axum app.
///
/// It names routes by [`matched_path`] in spans and metrics, finds the peer of `axum::serve` by
/// [`connect_info`], compares paths with the [`original_uri`] where routers are nested, and lets
/// handlers take axum's own body.
pub fn edge() -> AxumEdge {
    Edge::with_bodies()
        .route_from(matched_path)
        .peer_from(connect_info)
        .uri_from(original_uri)
}

/// Returns the URI that the client asked for: a router that is nested takes its prefix off.
#[must_use]
pub fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get().map(|OriginalUri(uri)| uri)
}

/// Returns the template of the route that matched, such as `/users/{id}`.
///
/// Known to layers that are added with `Router::layer`, not to those around the whole router.
#[must_use]
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

/// Returns the peer, where the router is served with
/// `into_make_service_with_connect_info::<SocketAddr>`.
#[must_use]
pub fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get().map(|ConnectInfo(peer)| *peer)
}

/// Leaves the peer as axum's `ConnectInfo<SocketAddr>`, for handlers that extract it below
/// [`portcullis::serve`](portcullis::serve::Server::leave_peer).
pub fn leave_connect_info(extensions: &mut Extensions, peer: SocketAddr) {
    extensions.insert(ConnectInfo(peer));
}

// ===== impl AxumBody =====

impl RequestBodies<Body> for AxumBody {
    type Request = Body;

    #[inline]
    fn size(body: &Body) -> SizeHint {
        body.size_hint()
    }

    #[inline]
    fn request(body: Body, count: Option<Arc<BodyCount>>) -> Body {
        let body = <Wrapped as RequestBodies<Body>>::request(body, count);
        match body.into_known() {
            Ok(own) => own,
            Err(counted) => Body::new(counted),
        }
    }

    fn drain(body: Body, reply: &mut Reply) {
        <Wrapped as RequestBodies<Body>>::drain(body, reply);
    }
}

impl ResponseBodies<Body> for AxumBody {
    type Response = Body;

    #[inline]
    fn response(content: Content<Body>, watched: Option<Watched>) -> Body {
        let body: EdgeBody<Body> = <Wrapped as ResponseBodies<Body>>::response(content, watched);
        match body.into_unwatched() {
            Ok(own) => own,
            Err(watched) => Body::new(watched),
        }
    }
}

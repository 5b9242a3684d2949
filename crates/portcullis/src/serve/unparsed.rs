//! Requests that the parser refuses, answered by an edge.

use std::{net::SocketAddr, sync::Arc};

use http::{Method, Request, StatusCode, Uri, request};
use portcullis_core::{Facts, PeerAddr, Rejection, RejectionKind};

use super::refusal::Render;
use crate::EdgeLayer;

/// Answers as an edge does.
pub(super) fn by<M: 'static>(edge: EdgeLayer<M>) -> Render {
    Arc::new(move |status, peer| {
        let kind = match status {
            StatusCode::URI_TOO_LONG => RejectionKind::UriTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => RejectionKind::HeadersTooLarge,
            _ => RejectionKind::Malformed,
        };
        edge.refuse_unparsed(head(peer), Rejection::new(kind).with_layer("server"))
    })
}

/// All that is known of a request that nobody could read.
fn head(peer: SocketAddr) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    // What OpenTelemetry calls a method that it doesn't know.
    head.method = Method::from_bytes(b"_OTHER").unwrap_or_default();
    head.uri = Uri::from_static("*");
    Facts::of_mut(&mut head.extensions).set(PeerAddr(peer));
    head
}

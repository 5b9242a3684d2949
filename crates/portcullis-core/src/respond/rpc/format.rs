//! Which requests are calls.

use http::{HeaderMap, HeaderName, Method, header::CONTENT_TYPE, request};

use super::super::format::{Codec, Format};

/// Returns the format of a refused call, if the request is one. A request that is none costs the
/// look at its content type, or at its query.
#[inline]
pub(in super::super) fn format_of(head: &request::Parts) -> Option<Format> {
    if head.method == Method::POST {
        posted(&head.headers)
    } else if head.method == Method::GET && is_connect(head.uri.query()?) {
        Some(Format::Connect)
    } else {
        None
    }
}

#[inline]
fn posted(headers: &HeaderMap) -> Option<Format> {
    let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
    let (kind, subtype) = content_type.split_at_checked(APPLICATION.len())?;
    if !kind.eq_ignore_ascii_case(APPLICATION) {
        return None;
    }
    framed(subtype).or_else(|| {
        let version = headers.get(CONNECT_PROTOCOL_VERSION)?;
        (version == "1").then_some(Format::Connect)
    })
}

/// Returns the format of a call whose messages are framed: its content type says it.
#[inline]
fn framed(subtype: &[u8]) -> Option<Format> {
    // Most often it is `json`.
    if !matches!(subtype.first()?, b'g' | b'G' | b'c' | b'C') {
        return None;
    }
    let essence = subtype.split(|byte| *byte == b';').next()?.trim_ascii();
    let mut parts = essence.splitn(2, |byte| *byte == b'+');
    let (name, codec) = (parts.next()?, parts.next());
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let json = codec.is_some_and(|codec| codec.eq_ignore_ascii_case(b"json"));
    let known = if json { Codec::Json } else { Codec::Proto };
    match codec {
        _ if is(b"grpc") => Some(Format::Grpc(known)),
        _ if is(b"grpc-web") => Some(Format::GrpcWeb(known)),
        _ if is(b"grpc-web-text") => Some(Format::GrpcWebText(known)),
        Some(_) if is(b"connect") => Some(Format::ConnectStream(known)),
        _ => None,
    }
}

fn is_connect(query: &str) -> bool {
    query.split('&').any(|parameter| parameter == CONNECT_V1)
}

const APPLICATION: &[u8] = b"application/";
const CONNECT_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const CONNECT_V1: &str = "connect=v1";

//! A refusal as the status of a gRPC call.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{super::format::Codec, code::Code, details, message};
use crate::Rejection;

/// The status of a call that was refused.
pub(in super::super) struct Grpc {
    fields: Vec<(HeaderName, String)>,
}

// ===== impl Grpc =====

impl Grpc {
    pub(in super::super) fn new(rejection: &Rejection) -> Self {
        let code = Code::from(rejection.kind());
        let message = message(rejection);
        let message = cut(&message);
        let encoded = utf8_percent_encode(message, ENCODED).to_string();
        let mut fields = vec![
            (GRPC_STATUS, code.number().to_string()),
            (GRPC_MESSAGE, encoded),
            (DETAILS, details::to_header(rejection, code, message)),
        ];
        if let Some(seconds) = rejection.retry_after_seconds() {
            let milliseconds = seconds.saturating_mul(1000).min(MOST_PUSHBACK);
            fields.push((PUSHBACK, milliseconds.to_string()));
        }
        Self { fields }
    }

    /// Renders the status into the head, with no body: what HTTP/2 sends as one HEADERS frame that
    /// ends the stream.
    pub(in super::super) fn trailers_only(self, codec: Codec) -> Response<Bytes> {
        let content_type = match codec {
            Codec::Proto => "application/grpc",
            Codec::Json => "application/grpc+json",
        };
        let mut response = with_type(content_type, Bytes::new());
        for (name, value) in self.fields {
            // Digits, base64 and what is percent-encoded: each fits.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Renders the status into the body, where a page of another origin reads it too.
    pub(in super::super) fn web(self, codec: Codec) -> Response<Bytes> {
        let content_type = match codec {
            Codec::Proto => "application/grpc-web",
            Codec::Json => "application/grpc-web+json",
        };
        with_type(content_type, self.frame().into())
    }

    pub(in super::super) fn web_text(self, codec: Codec) -> Response<Bytes> {
        let content_type = match codec {
            Codec::Proto => "application/grpc-web-text",
            Codec::Json => "application/grpc-web-text+json",
        };
        with_type(content_type, BASE64_STANDARD.encode(self.frame()).into())
    }

    /// Returns a frame of trailers (gRPC-Web, "Message framing").
    fn frame(self) -> Vec<u8> {
        let lines = self.fields.iter();
        let lines: String = lines
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        super::framed(TRAILERS, lines.as_bytes())
    }
}

fn with_type(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Returns as much of a message as every client takes: many allow 8 KiB for all fields.
fn cut(message: &str) -> &str {
    if message.len() <= LONGEST_MESSAGE {
        return message;
    }
    // A character has at most four bytes.
    let ends = (LONGEST_MESSAGE - 3..=LONGEST_MESSAGE).rev();
    ends.filter_map(|end| message.get(..end))
        .next()
        .unwrap_or("")
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// When the client may try again, if it is one that does by itself (gRPC A6, "Pushback").
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Clients read 32 bits, of which one is the sign.
const MOST_PUSHBACK: u64 = i32::MAX as u64;

/// All but space and visible ASCII without `%` (gRPC over HTTP/2, "Percent-Encoded").
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The frame has trailers, uncompressed.
const TRAILERS: u8 = 0x80;

const LONGEST_MESSAGE: usize = 1024;

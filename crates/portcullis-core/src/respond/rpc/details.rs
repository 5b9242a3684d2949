//! What programs read of a refused call: the messages of `google/rpc/error_details.proto`.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use serde_json::{Value, json};

use super::code::Code;
use crate::{Rejection, RequestId};

/// One message about a refusal.
pub(super) enum Detail<'a> {
    /// `ErrorInfo`: the kind of rejection.
    Error(&'static str),
    /// `RequestInfo`.
    Request(&'a RequestId),
    /// `RetryInfo`: when the client may come back, in seconds.
    Retry(u64),
}

/// Returns what there is to say of a rejection.
pub(super) fn of(rejection: &Rejection) -> impl Iterator<Item = Detail<'_>> {
    let error = Detail::Error(rejection.kind().slug());
    let request = rejection.request_id().map(Detail::Request);
    let retry = rejection.retry_after_seconds().map(Detail::Retry);
    [Some(error), request, retry].into_iter().flatten()
}

/// Returns `grpc-status-details-bin`: a `google.rpc.Status` in base64 without padding (gRPC over
/// HTTP/2, "Binary-Header").
pub(super) fn to_header(rejection: &Rejection, code: Code, message: &str) -> String {
    let mut status = Vec::with_capacity(USUAL_LENGTH);
    put_number(&mut status, 1, code.number().into());
    put(&mut status, 2, message.as_bytes());
    for detail in of(rejection) {
        let mut any = Vec::new();
        let url = ["type.googleapis.com/", detail.name()].concat();
        put(&mut any, 1, url.as_bytes());
        put(&mut any, 2, &detail.encoded());
        put(&mut status, 3, &any);
    }
    BASE64_STANDARD_NO_PAD.encode(status)
}

// ===== impl Detail =====

impl Detail<'_> {
    /// Returns the full name of the message.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Error(_) => "google.rpc.ErrorInfo",
            Self::Request(_) => "google.rpc.RequestInfo",
            Self::Retry(_) => "google.rpc.RetryInfo",
        }
    }

    /// Returns the message in base64 without padding.
    pub(super) fn to_base64(&self) -> String {
        BASE64_STANDARD_NO_PAD.encode(self.encoded())
    }

    /// Returns the message as people read it.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Error(slug) => json!({ "reason": reason(slug), "domain": DOMAIN }),
            Self::Request(id) => json!({ "requestId": id.to_string() }),
            Self::Retry(seconds) => json!({ "retryDelay": format!("{seconds}s") }),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let mut message = Vec::new();
        match self {
            Self::Error(slug) => {
                put(&mut message, 1, reason(slug).as_bytes());
                put(&mut message, 2, DOMAIN.as_bytes());
            }
            Self::Request(id) => id.with_text(|id| put(&mut message, 1, id)),
            Self::Retry(seconds) => {
                let mut duration = Vec::new();
                put_number(&mut duration, 1, *seconds);
                put(&mut message, 1, &duration);
            }
        }
        message
    }
}

/// Returns a slug as a reason: `UPPER_SNAKE_CASE`.
fn reason(slug: &str) -> String {
    slug.to_ascii_uppercase().replace('-', "_")
}

/// Writes a text or a message (Protocol Buffers, "Encoding": wire type `LEN`).
fn put(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(field << 3 | 2);
    put_varint(message, value.len() as u64);
    message.extend_from_slice(value);
}

/// Writes a number (wire type `VARINT`).
fn put_number(message: &mut Vec<u8>, field: u8, number: u64) {
    message.push(field << 3);
    put_varint(message, number);
}

/// Writes seven bits a byte, the lowest first; all but the last have the eighth set.
fn put_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

const DOMAIN: &str = "portcullis";

/// A status with its details is about 200 bytes.
const USUAL_LENGTH: usize = 256;

//! A refusal as an error of Connect.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde::Serialize;
use serde_json::Value;

use super::{super::format::Codec, code::Code, details, framed, message};
use crate::Rejection;

/// The error of a call that was refused (Connect Protocol Reference, "Error and EndStreamResponse").
#[derive(Serialize)]
pub(in super::super) struct Connect {
    #[serde(serialize_with = "as_name")]
    code: Code,
    message: String,
    details: Vec<Detail>,
}

#[derive(Serialize)]
struct Detail {
    r#type: &'static str,
    value: String,
    debug: Value,
}

/// The last message of a stream.
#[derive(Serialize)]
struct EndStream {
    error: Connect,
}

// ===== impl Connect =====

impl Connect {
    pub(in super::super) fn new(rejection: &Rejection) -> Self {
        let details = details::of(rejection).map(|detail| Detail {
            r#type: detail.name(),
            value: detail.to_base64(),
            debug: detail.to_json(),
        });
        Self {
            code: rejection.kind().into(),
            message: message(rejection).into_owned(),
            details: details.collect(),
        }
    }

    pub(in super::super) fn unary(&self) -> Response<Bytes> {
        let mut response = Response::new(to_json(self).into());
        *response.status_mut() = self.code.status();
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }

    /// Renders the error as the only message of a stream: the status of that is always 200.
    pub(in super::super) fn stream(self, codec: Codec) -> Response<Bytes> {
        let json = to_json(&EndStream { error: self });
        let mut response = Response::new(framed(END_STREAM, &json).into());
        let content_type = match codec {
            Codec::Proto => STREAM_OF_PROTO,
            Codec::Json => STREAM_OF_JSON,
        };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

/// Strings only: this cannot fail.
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn as_name<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.name())
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const STREAM_OF_PROTO: HeaderValue = HeaderValue::from_static("application/connect+proto");
const STREAM_OF_JSON: HeaderValue = HeaderValue::from_static("application/connect+json");

/// The message is the last one of the stream.
const END_STREAM: u8 = 0x02;

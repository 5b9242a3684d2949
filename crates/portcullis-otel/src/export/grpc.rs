//! One unary call of gRPC: a message in a frame, and a status in the trailers.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use prost::Message;

use super::answer::{Answer, Attempt};

/// Puts a message in a frame.
pub(super) fn frame(message: &[u8], is_compressed: bool) -> Option<Bytes> {
    let length = u32::try_from(message.len()).ok()?;
    let mut frame = BytesMut::with_capacity(HEAD + message.len());
    frame.put_u8(u8::from(is_compressed));
    frame.put_u32(length);
    frame.put_slice(message);
    Some(frame.freeze())
}

/// Reads an answer. The status is in the trailers, or in the head of an answer without a message.
pub(super) fn read(
    status: StatusCode,
    head: &HeaderMap,
    body: &[u8],
    trailers: Option<&HeaderMap>,
) -> Attempt {
    let find = |name: &str| {
        trailers
            .and_then(|all| all.get(name))
            .or_else(|| head.get(name))
    };
    let code = find("grpc-status").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let Some(code) = code else {
        return without_status(status);
    };
    let message = find("grpc-message").and_then(|value| value.to_str().ok());
    let message = percent_decode_str(message.unwrap_or_default()).decode_utf8_lossy();
    let problem = format!("the answer's gRPC status is {code}: {message}");
    let delay = find("grpc-status-details-bin").and_then(|value| retry_info(value.as_bytes()));
    match code {
        OK => Attempt::Final(Answer::accepted(body.get(HEAD..).unwrap_or_default())),
        CANCELLED | DEADLINE_EXCEEDED | ABORTED | OUT_OF_RANGE | UNAVAILABLE | DATA_LOSS => {
            Attempt::Again(problem, delay)
        }
        RESOURCE_EXHAUSTED if delay.is_some() => Attempt::Again(problem, delay),
        _ => Attempt::Final(Answer::Refused(problem)),
    }
}

/// A proxy's answer, or no gRPC server (gRPC, "HTTP to gRPC Status Code Mapping").
fn without_status(status: StatusCode) -> Attempt {
    let problem = format!(
        "the answer has no gRPC status, and the HTTP status {}",
        status.as_u16()
    );
    match status.as_u16() {
        429 | 502 | 503 | 504 => Attempt::Again(problem, None),
        _ => Attempt::Final(Answer::Refused(problem)),
    }
}

/// Reads `RetryInfo` of a `google.rpc.Status`: after which time to send again.
fn retry_info(base64: &[u8]) -> Option<Duration> {
    let details = Status::decode(&*decode_base64(base64)?).ok()?.details;
    let info = details
        .iter()
        .find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay?;
    let nanos = u32::try_from(delay.nanos).ok()?;
    Some(Duration::new(
        u64::try_from(delay.seconds).ok()?,
        nanos.min(999_999_999),
    ))
}

fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    use base64::{
        Engine, alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, config)
        .decode(text)
        .ok()
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// A byte for compression, four for the length.
const HEAD: usize = 5;

const OK: u32 = 0;
const CANCELLED: u32 = 1;
const DEADLINE_EXCEEDED: u32 = 4;
const RESOURCE_EXHAUSTED: u32 = 8;
const ABORTED: u32 = 10;
const OUT_OF_RANGE: u32 = 11;
const UNAVAILABLE: u32 = 14;
const DATA_LOSS: u32 = 15;

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The collector has it, but for some records.
    Accepted {
        /// How many it did not want.
        rejected: u64,
        /// Why, in its own words.
        why: String,
    },
    /// The collector wants none of it, whenever it is sent.
    Refused(String),
    /// There was no answer, or none that is final.
    Failed(String),
}

/// What came of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Final(Answer),
    /// Sent again later, after this time if the collector says when.
    Again(String, Option<Duration>),
}

// ===== impl Answer =====

impl Answer {
    /// Reads the message of an answer. It is laid out alike for all signals.
    pub(super) fn accepted(message: &[u8]) -> Self {
        let partial = ExportTraceServiceResponse::decode(message).ok();
        let partial = partial
            .and_then(|message| message.partial_success)
            .unwrap_or_default();
        Self::Accepted {
            rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
            why: partial.error_message,
        }
    }
}

// ===== impl Attempt =====

impl Attempt {
    /// Reads an answer over HTTP (OTLP specification, "OTLP/HTTP Response").
    pub(super) fn of_http(status: StatusCode, headers: &HeaderMap, message: &[u8]) -> Self {
        let problem = format!("the answer's status is {}", status.as_u16());
        match status.as_u16() {
            200..=299 => Self::Final(Answer::accepted(message)),
            429 | 502 | 503 | 504 => Self::Again(problem, retry_after(headers)),
            _ => Self::Final(Answer::Refused(problem)),
        }
    }
}

/// In seconds. A date is not understood: then it is the usual time.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

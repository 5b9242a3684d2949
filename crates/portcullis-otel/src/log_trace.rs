//! The trace of a log record that has it as fields: a line about an exchange that has ended is written
//! when its span is not current any more.

use opentelemetry::{SpanId, TraceId};
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::{LogRecord, ScopeLogs},
};

/// Returns `true` for access lines and reports of errors, whose fields count more than what happens to be
/// current where the exchange ends, such as the span of another one around it.
pub(crate) fn is_own(scope: &ScopeLogs) -> bool {
    let scope = scope.scope.as_ref();
    scope.is_some_and(|scope| scope.name.starts_with("portcullis::"))
}

/// Moves the fields `trace_id` and `span_id` to where a record has its trace, unless it has one already.
/// What is not the ID of a trace, or of a span, stays where it is.
pub(crate) fn set_trace(record: &mut LogRecord, is_own: bool) {
    if !is_own && !record.trace_id.is_empty() {
        return;
    }
    let Some(trace) = text(record, TRACE).and_then(trace_id) else {
        return;
    };
    let span = match text(record, SPAN) {
        Some(text) => span_id(text),
        None => (!has(record, SPAN)).then(Vec::new),
    };
    let Some(span) = span else {
        return;
    };
    if record.trace_id != trace {
        // They are not known.
        record.flags = 0;
    }
    (record.trace_id, record.span_id) = (trace, span);
    let attributes = &mut record.attributes;
    attributes.retain(|own| own.key != TRACE && own.key != SPAN);
}

fn has(record: &LogRecord, name: &str) -> bool {
    record.attributes.iter().any(|own| own.key == name)
}

fn text<'r>(record: &'r LogRecord, name: &str) -> Option<&'r str> {
    let attribute = record.attributes.iter().find(|own| own.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn trace_id(text: &str) -> Option<Vec<u8>> {
    let id = TraceId::from_hex(text).ok().filter(|_| is_hex(text, 32))?;
    (id != TraceId::INVALID).then(|| id.to_bytes().to_vec())
}

fn span_id(text: &str) -> Option<Vec<u8>> {
    let id = SpanId::from_hex(text).ok().filter(|_| is_hex(text, 16))?;
    (id != SpanId::INVALID).then(|| id.to_bytes().to_vec())
}

/// In lower case, as W3C Trace Context writes them.
fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

const TRACE: &str = "trace_id";
const SPAN: &str = "span_id";

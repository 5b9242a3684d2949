//! Spans on their way out.

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message;
use std::{mem::size_of, time::Duration};

use crate::{
    limits::SpanLimits,
    pipeline::{Encode, Queue},
    record::Record,
    span::Spans,
};

/// A span that waits: of the edge, as it was noted, or of the application.
#[derive(Debug)]
pub(crate) enum Waiting {
    Edge(Box<Record>),
    Application(Box<SpanData>),
}

/// Encodes spans.
pub(crate) struct EncodeSpans {
    pub(crate) spans: Spans,
    pub(crate) limits: SpanLimits,
    pub(crate) resource: ResourceAttributesWithSchema,
}

/// Takes the application's spans from the SDK.
#[derive(Clone, Debug)]
pub(crate) struct QueueProcessor {
    pub(crate) queue: Queue<Waiting>,
    pub(crate) limits: SpanLimits,
}

// ===== impl EncodeSpans =====

impl Encode<Waiting> for EncodeSpans {
    fn encode(&self, batch: Vec<Waiting>) -> Vec<u8> {
        let spans = batch.into_iter().map(|waiting| match waiting {
            Waiting::Application(span) => *span,
            Waiting::Edge(record) => {
                let mut span = self.spans.build(&record);
                self.limits.cut(&mut span);
                span
            }
        });
        let resource_spans = group_spans_by_resource_and_scope(spans.collect(), &self.resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }
}

// ===== impl QueueProcessor =====

impl SpanProcessor for QueueProcessor {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, mut span: SpanData) {
        if span.span_context.is_sampled() {
            self.limits.cut(&mut span);
            let bytes = size(&span);
            self.queue.push(Waiting::Application(Box::new(span)), bytes);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        if self.queue.flush(LIMIT) {
            Ok(())
        } else {
            Err(OTelSdkError::Timeout(LIMIT))
        }
    }

    /// [`Telemetry::shutdown`](crate::Telemetry::shutdown) ends the queue.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// How many bytes a span holds, about.
fn size(span: &SpanData) -> usize {
    let events = span.events.events.iter();
    let events = events.map(|event| event.name.len() + PART + attributes(&event.attributes));
    let links = span.links.links.iter();
    let links = links.map(|link| PART + attributes(&link.attributes));
    let rest = events.sum::<usize>() + links.sum::<usize>() + attributes(&span.attributes);
    size_of::<SpanData>() + span.name.len() + rest
}

fn attributes(attributes: &[KeyValue]) -> usize {
    let each = attributes.iter().map(|attribute| {
        size_of::<KeyValue>() + attribute.key.as_str().len() + value(&attribute.value)
    });
    each.sum()
}

fn value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => {
            texts.iter().map(|text| text.as_str().len() + PART).sum()
        }
        Value::Array(Array::I64(numbers)) => numbers.len() * 8,
        Value::Array(Array::F64(numbers)) => numbers.len() * 8,
        Value::Array(Array::Bool(bits)) => bits.len(),
        _ => 0,
    }
}

/// What an event, a link or a string takes beside its text.
const PART: usize = 64;

const LIMIT: Duration = Duration::from_secs(30);

//! How much of a span or a log record is kept.

use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, any_value},
    logs::v1::LogRecord,
};
use opentelemetry_sdk::trace::{self, SpanData};

use crate::variables::Variables;

/// Limits of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    count: usize,
    /// In characters, of each string.
    length: Option<usize>,
}

/// Limits of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanLimits {
    attributes: Limits,
    events: u32,
    links: u32,
    event_attributes: u32,
    link_attributes: u32,
}

// ===== impl Limits =====

impl Limits {
    /// Reads the limits for attributes of one kind; the general ones count where it has none.
    pub(crate) fn read(variables: &mut Variables, prefix: &str) -> Self {
        let mut find = |rest: &str| {
            let general = variables.number(&format!("OTEL_{rest}"), 0);
            variables.number(&format!("{prefix}_{rest}"), 0).or(general)
        };
        Self {
            count: find("ATTRIBUTE_COUNT_LIMIT").unwrap_or(128),
            length: find("ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        }
    }

    /// Cuts a log record.
    pub(crate) fn cut_log(&self, record: &mut LogRecord) {
        let over = record.attributes.len().saturating_sub(self.count);
        record.attributes.truncate(self.count);
        record.dropped_attributes_count += u32::try_from(over).unwrap_or(u32::MAX);
        for attribute in &mut record.attributes {
            if let (Some(length), Some(value)) = (self.length, &mut attribute.value) {
                cut_any(value, length);
            }
        }
    }

    /// Cuts strings. Others are kept.
    fn cut(&self, attributes: &mut [KeyValue]) {
        let Some(length) = self.length else { return };
        for attribute in attributes {
            match &mut attribute.value {
                Value::String(text) => shorten(text, length),
                Value::Array(Array::String(texts)) => {
                    texts.iter_mut().for_each(|text| shorten(text, length));
                }
                _ => {}
            }
        }
    }
}

// ===== impl SpanLimits =====

impl SpanLimits {
    pub(crate) fn read(variables: &mut Variables) -> Self {
        let attributes = Limits::read(variables, "OTEL_SPAN");
        let mut number = |name: &str| variables.number(name, 0).unwrap_or(128);
        Self {
            attributes,
            events: number("OTEL_SPAN_EVENT_COUNT_LIMIT"),
            links: number("OTEL_SPAN_LINK_COUNT_LIMIT"),
            event_attributes: number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
            link_attributes: number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
        }
    }

    /// Returns the limits that the SDK applies by itself.
    pub(crate) fn for_sdk(&self) -> trace::SpanLimits {
        trace::SpanLimits {
            max_events_per_span: self.events,
            max_attributes_per_span: u32::try_from(self.attributes.count).unwrap_or(u32::MAX),
            max_links_per_span: self.links,
            max_attributes_per_event: self.event_attributes,
            max_attributes_per_link: self.link_attributes,
        }
    }

    /// Cuts a span, where the SDK has not.
    pub(crate) fn cut(&self, span: &mut SpanData) {
        let over = span.attributes.len().saturating_sub(self.attributes.count);
        span.attributes.truncate(self.attributes.count);
        span.dropped_attributes_count += u32::try_from(over).unwrap_or(u32::MAX);
        self.attributes.cut(&mut span.attributes);
        for event in &mut span.events.events {
            self.attributes.cut(&mut event.attributes);
        }
        span.links.links.truncate(self.links as usize);
        for link in &mut span.links.links {
            self.attributes.cut(&mut link.attributes);
        }
    }
}

fn shorten(text: &mut StringValue, length: usize) {
    if let Some((end, _)) = text.as_str().char_indices().nth(length) {
        *text = text.as_str()[..end].to_owned().into();
    }
}

fn cut_any(value: &mut AnyValue, length: usize) {
    match &mut value.value {
        Some(any_value::Value::StringValue(text)) => {
            if let Some((end, _)) = text.char_indices().nth(length) {
                text.truncate(end);
            }
        }
        Some(any_value::Value::BytesValue(bytes)) => bytes.truncate(length),
        Some(any_value::Value::ArrayValue(values)) => {
            values
                .values
                .iter_mut()
                .for_each(|value| cut_any(value, length));
        }
        _ => {}
    }
}

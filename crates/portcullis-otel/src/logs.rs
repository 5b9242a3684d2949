//! Log lines on their way out.

use std::{mem::size_of, time::Duration};

use opentelemetry::{InstrumentationScope, logs::AnyValue};
use opentelemetry_proto::{
    tonic::collector::logs::v1::ExportLogsServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogProcessor, SdkLogRecord},
};
use prost::Message;

use crate::{
    limits::Limits,
    log_trace::{is_own, set_trace},
    pipeline::{Encode, Queue},
};

/// A log record that waits.
pub(crate) type Waiting = Box<(SdkLogRecord, InstrumentationScope)>;

/// Encodes log records.
pub(crate) struct EncodeLogs {
    pub(crate) limits: Limits,
    pub(crate) resource: ResourceAttributesWithSchema,
}

/// Takes log records from the SDK.
#[derive(Debug)]
pub(crate) struct QueueProcessor(pub(crate) Queue<Waiting>);

// ===== impl EncodeLogs =====

impl Encode<Waiting> for EncodeLogs {
    fn encode(&self, batch: Vec<Waiting>) -> Vec<u8> {
        let records: Vec<_> = batch
            .iter()
            .map(|waiting| (&waiting.0, &waiting.1))
            .collect();
        let mut resource_logs =
            group_logs_by_resource_and_scope(&LogBatch::new(&records), &self.resource);
        let scopes = resource_logs
            .iter_mut()
            .flat_map(|resource| &mut resource.scope_logs);
        for scope in scopes {
            let is_own = is_own(scope);
            for record in &mut scope.log_records {
                set_trace(record, is_own);
                self.limits.cut_log(record);
            }
        }
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    }
}

// ===== impl QueueProcessor =====

impl LogProcessor for QueueProcessor {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        let bytes = size(record);
        self.0
            .push(Box::new((record.clone(), scope.clone())), bytes);
    }

    fn force_flush(&self) -> OTelSdkResult {
        if self.0.flush(LIMIT) {
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

/// How many bytes a log record holds, about.
fn size(record: &SdkLogRecord) -> usize {
    let attributes = record.attributes_iter();
    let attributes = attributes.map(|(key, value)| PART + key.as_str().len() + any(value));
    size_of::<SdkLogRecord>() + attributes.sum::<usize>() + record.body().map_or(0, any)
}

fn any(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => text.as_str().len(),
        AnyValue::Bytes(bytes) => bytes.len(),
        AnyValue::ListAny(values) => values.iter().map(|value| PART + any(value)).sum(),
        AnyValue::Map(values) => {
            let each = values
                .iter()
                .map(|(key, value)| PART + key.as_str().len() + any(value));
            each.sum()
        }
        _ => 0,
    }
}

/// What an attribute takes beside its text.
const PART: usize = 64;

const LIMIT: Duration = Duration::from_secs(30);

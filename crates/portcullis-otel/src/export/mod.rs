//! OTLP: to whom a signal's records go, over gRPC or over HTTP.

mod answer;
mod backoff;
mod connection;
mod endpoint;
mod exporter;
mod grpc;
mod target;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use self::{
    answer::Answer,
    exporter::Exporter,
    target::{Protocol, Target},
};

//! What the service logs, line by line.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, prelude::*};

/// JSON lines that several write.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

/// One of them.
#[derive(Debug)]
pub(super) struct Line(Value);

// ===== impl Log =====

impl Log {
    /// Logs what this thread logs, of the edge and of the service.
    pub(super) fn start(&self) -> DefaultGuard {
        let level = tracing::Level::TRACE;
        let ours = Targets::new()
            .with_target("portcullis", level)
            .with_target("access", level);
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_writer(self.clone())
            .with_filter(ours);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn values(&self) -> Vec<Value> {
        let text = self.text();
        let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
        values.collect()
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.values().into_iter().map(Line).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// ===== impl Line =====

impl Line {
    /// The request that it belongs to: its own field, or that of a span around it.
    pub(super) fn request_id(&self) -> Option<&str> {
        let spans = self.0["spans"].as_array().into_iter().flatten();
        let places = spans.chain([&self.0["fields"]]);
        let mut ids = places.filter_map(|place| place["request_id"].as_str());
        ids.next()
    }

    pub(super) fn message(&self) -> &str {
        self.0["fields"]["message"].as_str().unwrap_or_default()
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.0.to_string().contains(text)
    }
}

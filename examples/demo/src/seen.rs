//! What was written lately, so that the page can show one request's identity everywhere.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use portcullis::{Exchange, Observer, observe::Route};
use serde::Serialize;
use serde_json::{Value, json};

/// The last lines of the log, and the last spans. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Last>>);

#[derive(Debug, Default)]
struct Last {
    lines: VecDeque<String>,
    spans: VecDeque<(String, Value)>,
}

/// All that has the ID of one request.
#[derive(Debug, Serialize)]
pub(crate) struct Identity {
    pub(crate) span: Value,
    pub(crate) lines: Vec<String>,
}

/// Standard error, of which somebody may keep the last lines.
#[derive(Clone, Debug)]
pub(crate) struct Output(pub(crate) Option<Seen>);

// ===== impl Seen =====

impl Seen {
    /// Returns what is known of a request, once its exchange has ended.
    pub(crate) fn identity(&self, id: &str) -> Option<Identity> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, span) = last.spans.iter().find(|(of, _)| of == id)?;
        let lines = last.lines.iter().filter(|line| line.contains(id));
        Some(Identity {
            span: span.clone(),
            lines: lines.cloned().collect(),
        })
    }

    fn keep(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            let line = line.chars().take(LONGEST).collect();
            push(&mut last.lines, line);
        }
    }
}

impl Observer for Seen {
    fn end(&self, exchange: &Exchange) {
        let Some((id, trace)) = exchange.request_id().zip(exchange.trace()) else {
            return;
        };
        let span = json!({
            "trace_id": format!("{:032x}", trace.trace_id),
            "span_id": format!("{:016x}", trace.span_id),
            "links_to": trace.link.as_ref().map(|link| format!("{:032x}", link.trace_id)),
            "http.route": exchange.route().map(Route::as_str),
            "http.response.status_code": exchange.status().map(|status| status.as_u16()),
            "error.type": exchange.error_type(),
            "portcullis.request_id": id.to_string(),
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        push(&mut last.spans, (id.to_string(), span));
    }

    fn describe(&self) -> String {
        "what was seen lately".to_owned()
    }
}

// ===== impl Output =====

impl Output {
    pub(crate) fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(bytes)?;
        if let Some(seen) = &self.0 {
            seen.keep(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn push<T>(last: &mut VecDeque<T>, one: T) {
    if last.len() >= KEPT {
        last.pop_front();
    }
    last.push_back(one);
}

const KEPT: usize = 200;
/// Of a line, in characters.
const LONGEST: usize = 2000;

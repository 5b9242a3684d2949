mod cancelled;
mod hostile;
mod lines;
mod writing;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;

use super::{AccessLog, AccessLogBuilder};
use crate::Edge;

/// What was written.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

// ===== impl Written =====

impl Written {
    pub(super) fn builder(&self) -> AccessLogBuilder {
        AccessLog::to_writer(self.clone())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn lines(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        let line = |line| serde_json::from_str(line).unwrap();
        text.lines().map(line).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) async fn flushed(log: &AccessLog) {
    log.flush(Duration::from_secs(60)).await.unwrap();
}

/// An edge with an access log, for requests with any method, path and fields.
pub(super) fn edge(log: &AccessLog) -> Edge {
    let edge = Edge::new().hygiene(None).timeout(None);
    edge.access_log(log.clone())
}

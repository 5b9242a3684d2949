//! The audit log: each line carries the digest of the line before it.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Mutex,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::{App, Exchange, lock},
    faults::Fault,
};

/// A chain of lines, if there is one.
#[derive(Debug)]
pub(crate) struct Audit(Option<Mutex<(File, String)>>);

impl Audit {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let file = path.map(open).transpose()?;
        Ok(Self(file.map(|file| Mutex::new((file, START.to_owned())))))
    }
}

impl App {
    pub(crate) fn audit(&self, exchange: &Exchange, status: u16) {
        let Some(chain) = &self.audit.0 else { return };
        if !matches!(status, 401 | 403 | 429) {
            return;
        }
        let mut chain = lock(chain);
        let chained = !self.has(Fault::AuditUnchained);
        let line = json!({
            "status": status,
            "client": exchange.client,
            "request_id": exchange.id,
            "prev": if chained { &chain.1 } else { "none" },
        });
        let line = line.to_string();
        let _ = writeln!(chain.0, "{line}");
        chain.1 = digest(&line);
    }
}

/// Whether each line names the one before it. A log without a chain has nothing to be wrong.
pub(crate) fn verify(path: &OsStr) -> io::Result<ExitCode> {
    let text = fs::read_to_string(path)?;
    let mut before = START.to_owned();
    for line in text.lines() {
        let read: Value = serde_json::from_str(line).unwrap_or_default();
        if read["prev"] != before.as_str() && read["prev"] != "none" {
            return Ok(ExitCode::FAILURE);
        }
        before = digest(line);
    }
    Ok(ExitCode::SUCCESS)
}

fn digest(line: &str) -> String {
    let bytes = Sha256::digest(line.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const START: &str = "start";

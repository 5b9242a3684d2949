//! The access log: JSON, a line for each request.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::Mutex,
};

use serde_json::json;

use crate::{
    app::{App, Exchange, lock},
    faults::Fault,
};

/// A file of lines, if there is one.
#[derive(Debug)]
pub(crate) struct Log(Option<Mutex<File>>);

impl Log {
    pub(crate) fn open(path: Option<&Path>, _: Fault) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(path.map(open).transpose()?.map(Mutex::new)))
    }

    fn line(&self, text: &str) {
        if let Some(file) = &self.0 {
            // A log that can't be written is no reason to fail.
            let _ = writeln!(lock(file), "{text}");
        }
    }
}

impl App {
    pub(crate) fn log_panic(&self, exchange: &Exchange) {
        if !self.has(Fault::PanicUnlogged) {
            let line = json!({ "event": "panic", "request_id": exchange.id });
            self.log.line(&line.to_string());
        }
    }

    pub(crate) fn log(&self, exchange: &Exchange, status: u16) {
        let head = &exchange.head;
        let query = if self.has(Fault::SecretsInLog) {
            head.query.clone()
        } else {
            redact(&head.query)
        };
        let agent = head.one("user-agent");
        if self.has(Fault::LogUnescaped) {
            let path = &head.path;
            self.log.line(&format!(
                "{{\"path\":\"{path}\",\"status\":{status},\"user_agent\":\"{agent}\"}}"
            ));
            return;
        }
        let key = if self.has(Fault::KeyInLog) {
            head.one("x-api-key")
        } else {
            String::new()
        };
        let line = json!({
            "method": cut(&head.method, 16),
            "path": cut(&head.path, 256),
            "query": cut(&query, 256),
            "status": status,
            "request_id": exchange.id,
            "client": exchange.client,
            "user_agent": cut(&agent, 256),
            "referer": cut(&head.one("referer"), 256),
            "key": key,
        });
        self.log.line(&ascii(&line.to_string()));
    }
}

fn redact(query: &str) -> String {
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.contains(&name) => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    };
    query.split('&').map(hide).collect::<Vec<_>>().join("&")
}

fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

/// What is not ASCII, escaped: marks that turn the direction of text are among it.
fn ascii(text: &str) -> String {
    let mut units = [0; 2];
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

const SECRET: [&str; 6] = [
    "api_key",
    "access_token",
    "token",
    "password",
    "sig",
    "code",
];

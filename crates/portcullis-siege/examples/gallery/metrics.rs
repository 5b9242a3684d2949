//! Prometheus text.

use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::Ordering::Relaxed},
};

use crate::{
    app::{App, Exchange, lock},
    faults::Fault,
    routes,
};

/// Requests by method, route and status.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<(String, String, u16), u64>>);

impl App {
    pub(crate) fn count(&self, exchange: &Exchange, status: u16) {
        let head = &exchange.head;
        let method = match head.method.as_str() {
            "GET" | "HEAD" | "POST" | "OPTIONS" | "DELETE" | "PUT" => head.method.clone(),
            _ => "_OTHER".to_owned(),
        };
        let route = if self.has(Fault::LabelPerPath) {
            head.path.clone()
        } else {
            routes::template(&head.path).to_owned()
        };
        *lock(&self.metrics.0)
            .entry((method, route, status))
            .or_default() += 1;
    }

    pub(crate) fn exposition(&self) -> String {
        let mut text = "# TYPE http_server_request_duration_seconds_count counter\n".to_owned();
        for ((method, route, status), count) in lock(&self.metrics.0).iter() {
            let route = route.replace(['"', '\\', '\n'], "_");
            text.push_str(&format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",\
                 http_route=\"{route}\",http_response_status_code=\"{status}\"}} {count}\n"
            ));
        }
        let active = self.active.load(Relaxed);
        text + &format!(
            "# TYPE http_server_active_requests gauge\nhttp_server_active_requests {active}\n"
        )
    }
}

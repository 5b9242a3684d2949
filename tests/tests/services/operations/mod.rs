//! Alerts, objectives, dashboard and runbook name what the code has.

#![expect(clippy::unwrap_used, reason = "tests")]

mod code;
mod dashboard;
mod files;
mod page;
mod panels;
mod promql;
mod promtool;
mod rules;
mod runbook;

//! The files of operations. Of YAML only what these files have: promtool reads the whole, and counts.

use std::{fs, path::PathBuf};

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// Of its alert or of what it records.
    pub(super) name: String,
    pub(super) is_alert: bool,
    pub(super) expression: String,
    pub(super) summary: String,
    pub(super) runbook: String,
}

/// What a test expects of an alert.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) alert: String,
    pub(super) fires: bool,
}

pub(super) fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join(name)
}

pub(super) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

pub(super) fn all_rules() -> Vec<Rule> {
    RULES.iter().flat_map(|name| rules(&text(name))).collect()
}

pub(super) fn rules(yaml: &str) -> Vec<Rule> {
    let items = items(yaml, &["- alert: ", "- record: "]);
    let rules = items.iter().map(|item| Rule {
        name: value(item, ": ").unwrap(),
        is_alert: item.trim_start().starts_with("- alert"),
        expression: value(item, "expr: ").unwrap(),
        summary: value(item, "summary: ").unwrap_or_default(),
        runbook: value(item, "runbook: ").unwrap_or_default(),
    });
    rules.collect()
}

/// The series that tests put in, as selectors.
pub(super) fn series(yaml: &str) -> Vec<String> {
    let items = items(yaml, &["- series: "]);
    items
        .iter()
        .map(|item| value(item, "series: ").unwrap())
        .collect()
}

/// What tests expect, in the order of time.
pub(super) fn expected(yaml: &str) -> Vec<Expected> {
    let items = items(yaml, &["- eval_time: "]);
    let expected = items.iter().map(|item| Expected {
        alert: value(item, "alertname: ").unwrap(),
        fires: !item.contains("exp_alerts: []"),
    });
    expected.collect()
}

/// Cuts a text where a line begins so.
fn items(yaml: &str, starts: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in yaml.lines() {
        if starts
            .iter()
            .any(|start| line.trim_start().starts_with(start))
        {
            items.push(String::new());
        }
        if let Some(item) = items.last_mut() {
            *item += line;
            item.push('\n');
        }
    }
    items
}

/// Returns what stands behind a key: on its line, or below it and deeper.
fn value(item: &str, key: &str) -> Option<String> {
    let mut lines = item.lines();
    let line = lines.find(|line| line.contains(key))?;
    let (before, value) = line.split_once(key)?;
    if value != "|" {
        return Some(value.trim_matches(['"', '\'']).to_owned());
    }
    let indent = before.len();
    let is_deeper = |line: &&str| line.len() > indent && line[..=indent].trim().is_empty();
    Some(lines.take_while(is_deeper).collect::<Vec<_>>().join("\n"))
}

pub(super) const RULES: [&str; 3] = [
    "ops/prometheus/requests.yml",
    "ops/prometheus/alerts.yml",
    "ops/prometheus/objectives.yml",
];

pub(super) const TESTS: [&str; 2] = [
    "ops/prometheus/alerts_test.yml",
    "ops/prometheus/objectives_test.yml",
];

pub(super) const DASHBOARD: &str = "ops/grafana/portcullis.json";
pub(super) const RUNBOOK: &str = "docs/operations.md";

//! The dashboard as it is in its file.

use serde_json::Value;

use super::files;

/// What the dashboard asks Prometheus.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pub(super) expressions: Vec<String>,
    /// Labels that legends and variables show.
    pub(super) labels: Vec<String>,
}

pub(super) fn json() -> Value {
    serde_json::from_str(&files::text(files::DASHBOARD)).unwrap()
}

pub(super) fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

pub(super) fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().map_or(&[], |targets| targets)
}

pub(super) fn queries() -> Queries {
    let dashboard = json();
    let mut queries = Queries::default();
    for target in panels(&dashboard).iter().flat_map(targets) {
        queries.add(&target["expr"], &target["legendFormat"]);
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        queries.add(&annotation["expr"], &annotation["titleFormat"]);
    }
    for variable in variables(&dashboard) {
        queries.add_variable(&variable["query"]);
    }
    queries
}

pub(super) fn variables(dashboard: &Value) -> &[Value] {
    dashboard["templating"]["list"].as_array().unwrap()
}

// ===== impl Queries =====

impl Queries {
    fn add(&mut self, expression: &Value, legend: &Value) {
        self.expressions
            .push(expression.as_str().unwrap().to_owned());
        self.labels.extend(shown(legend.as_str().unwrap()));
    }

    /// `label_values(metric, label)` is Grafana's, and no PromQL.
    fn add_variable(&mut self, query: &Value) {
        let Some(query) = query["query"].as_str() else {
            return;
        };
        let inner = query.strip_prefix("label_values(").unwrap();
        let (metric, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        self.expressions.push(metric.to_owned());
        self.labels.push(label.to_owned());
    }
}

/// Returns the labels of `{{label}}`.
pub(super) fn shown(legend: &str) -> Vec<String> {
    let parts = legend.split("{{").skip(1);
    let labels = parts.filter_map(|part| part.split_once("}}"));
    labels.map(|(label, _)| label.trim().to_owned()).collect()
}

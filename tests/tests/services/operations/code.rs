//! Everything that is named is on the page of an edge that has everything.

use std::collections::BTreeSet;

use super::{
    dashboard, files,
    page::{self, Page},
    promql::{Matcher, Names, Selector},
};

/// What names may be of.
struct Known {
    page: Page,
    recorded: BTreeSet<String>,
}

// ===== impl Known =====

impl Known {
    async fn new() -> Self {
        let recorded = files::all_rules().into_iter().filter(|rule| !rule.is_alert);
        Self {
            page: page::full().await,
            recorded: recorded.map(|rule| rule.name).collect(),
        }
    }

    /// Returns what an expression names that nothing has.
    fn unknown(&self, expression: &str) -> Vec<String> {
        let names = Names::of(expression);
        assert!(
            !names.selectors.is_empty(),
            "nothing is selected: {expression}"
        );
        let groupings = names.groupings.iter();
        let groupings = groupings.filter(|label| !self.is_label(label));
        let groupings = groupings.map(|label| format!("the label {label}"));
        let selectors = names
            .selectors
            .iter()
            .flat_map(|selector| self.wrong(selector));
        groupings.chain(selectors).collect()
    }

    fn is_label(&self, label: &str) -> bool {
        OF_PROMETHEUS.contains(&label) || self.page.has_label(label)
    }

    fn wrong(&self, selector: &Selector) -> Vec<String> {
        let Selector { metric, matchers } = selector;
        let is_others = OTHERS.contains(&&**metric) || self.recorded.contains(metric);
        if !is_others && !self.page.has(metric) {
            return vec![format!("the metric {metric}")];
        }
        let matchers = matchers.iter();
        let wrong = matchers.filter_map(|matcher| {
            if OF_PROMETHEUS.contains(&&*matcher.label) {
                return None;
            }
            if is_others {
                return (!OF_OTHERS.contains(&&*matcher.label))
                    .then(|| format!("{metric} {matcher:?}"));
            }
            self.is_wrong(metric, matcher)
                .then(|| format!("{metric} {matcher:?}"))
        });
        wrong.collect()
    }

    /// Whether the metric lacks the label, or one of the values that are to be found.
    fn is_wrong(&self, metric: &str, matcher: &Matcher) -> bool {
        let Some(values) = self.page.values(metric, &matcher.label) else {
            return true;
        };
        let is_found = |wanted: &str| values.iter().any(|value| matches(wanted, value));
        match &*matcher.operator {
            "=" if matcher.value.is_empty() => false,
            "=" => !values.contains(&matcher.value),
            "=~" => !matcher.value.split('|').all(is_found),
            // What is left out need not be there.
            _ => false,
        }
    }
}

/// Whether a value is of a pattern, in which a dot is any character.
fn matches(pattern: &str, value: &str) -> bool {
    let [pattern, value] = [pattern, value].map(|text| text.chars().collect::<Vec<_>>());
    let mut pairs = pattern.iter().zip(&value);
    pattern.len() == value.len() && pairs.all(|(p, v)| *p == '.' || p == v)
}

#[tokio::test]
async fn every_rule_names_what_the_code_has() {
    let known = Known::new().await;
    for rule in files::all_rules() {
        let unknown = known.unknown(&rule.expression);
        assert!(unknown.is_empty(), "{}: {unknown:#?}", rule.name);
    }
}

#[tokio::test]
async fn every_series_of_a_test_is_one_of_the_code() {
    let known = Known::new().await;
    let series = files::TESTS.map(|name| files::series(&files::text(name)));
    let series: BTreeSet<_> = series.concat().into_iter().collect();
    for series in series {
        let names = Names::of(&series);
        for Selector { metric, matchers } in &names.selectors {
            let is_there = OTHERS.contains(&&**metric) || known.page.has(metric);
            assert!(is_there, "{series}");
            let labels = matchers.iter().map(|matcher| &*matcher.label);
            let has = |label: &str| known.page.values(metric, label).is_some();
            for label in labels.filter(|label| !OF_PROMETHEUS.contains(label)) {
                assert!(has(label), "{series}: {label}");
            }
        }
    }
}

#[tokio::test]
async fn every_query_of_the_dashboard_names_what_the_code_has() {
    let known = Known::new().await;
    let queries = dashboard::queries();
    for expression in &queries.expressions {
        let unknown = known.unknown(expression);
        assert!(unknown.is_empty(), "{expression}: {unknown:#?}");
    }
    for label in &queries.labels {
        let is_others = OF_OTHERS.contains(&&**label);
        assert!(is_others || known.is_label(label), "{label}");
    }
}

#[tokio::test]
async fn a_name_that_the_code_does_not_have_is_found() {
    let known = Known::new().await;
    let wrong = [
        "http_server_request_seconds_count",
        "sum by (route) (http_server_request_duration_seconds_count)",
        "http_server_request_duration_seconds_count{status=\"200\"}",
        "http_server_request_duration_seconds_bucket{le=\"0.51\"}",
        "portcullis_rejections_total{reason=\"rate_limited\"}",
        "portcullis_health_status{probe=~\"ready|readyz\"}",
        "job:portcullis_requests:rate6m",
        "job:portcullis_requests:rate5m{http_route=\"/\"}",
    ];
    for expression in wrong {
        assert_eq!(known.unknown(expression).len(), 1, "{expression}");
    }
}

/// Labels that Prometheus adds to what it scrapes.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// Series that Prometheus makes itself.
const OTHERS: [&str; 2] = ["up", "ALERTS"];

/// Labels of recorded series, and of Prometheus' own.
const OF_OTHERS: [&str; 3] = ["le", "alertname", "alertstate"];

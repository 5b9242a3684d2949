//! The runbook has a section for each alert, and its numbers are those of the code and of the rules.

use std::collections::BTreeSet;

use super::{files, page};

/// The headings of the third level, as they are.
fn sections(text: &str) -> Vec<&str> {
    let lines = text.lines();
    lines.filter_map(|line| line.strip_prefix("### ")).collect()
}

fn alerts() -> Vec<files::Rule> {
    let rules = files::all_rules().into_iter();
    rules.filter(|rule| rule.is_alert).collect()
}

fn expression(name: &str) -> String {
    let mut rules = files::all_rules().into_iter();
    rules.find(|rule| rule.name == name).unwrap().expression
}

#[test]
fn every_alert_has_a_section_and_every_section_an_alert() {
    let text = files::text(files::RUNBOOK);
    let sections = sections(&text);
    let alerts = alerts();
    let names: BTreeSet<_> = alerts.iter().map(|alert| &*alert.name).collect();

    assert_eq!(sections.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(sections.len(), names.len());
    for alert in &alerts {
        let anchor = format!("{}#{}", files::RUNBOOK, alert.name.to_lowercase());
        assert_eq!(alert.runbook, anchor);
        assert!(alert.summary.contains("{{ $labels."), "{alert:?}");
    }
}

#[test]
fn every_section_has_its_three_parts() {
    let text = files::text(files::RUNBOOK);
    for section in text.split("\n### ").skip(1) {
        let parts = ["Means: ", "Look at: ", "Do: "];
        let body = section.split("\n## ").next().unwrap();
        let found = parts.map(|part| body.matches(&format!("\n- {part}")).count());
        assert_eq!(found, [1; 3], "{section}");
    }
}

#[test]
fn thresholds_are_those_of_the_checklist() {
    for (alert, threshold) in [
        ("PortcullisErrorsHigh", "ratio_rate5m > 0.01"),
        ("PortcullisErrorsCritical", "ratio_rate5m > 0.05"),
        ("PortcullisLatencyHigh", "p99_rate5m > 0.5"),
        ("PortcullisLatencyCritical", "p99_rate5m > 1\n"),
        ("PortcullisLimitHits", "* 60 > 50"),
    ] {
        assert!(expression(alert).contains(threshold), "{alert}");
    }
}

#[test]
fn numbers_are_those_of_the_code() {
    let vitals = files::text("crates/portcullis/src/health/vitals/mod.rs");
    let runbook = files::text(files::RUNBOOK);

    // Of fewer requests neither the check nor an alert concludes anything.
    assert!(vitals.contains("const LEAST: u32 = 20;"));
    for alert in ["Errors", "Latency"].map(|name| format!("Portcullis{name}High")) {
        assert!(expression(&alert).contains("* 300 >= 20"), "{alert}");
    }
    assert!(vitals.contains("Self::new().panics(10).error_rate(0.05)"));
    assert!(runbook.contains(&format!("Check::memory({:?})", page::MEMORY)));
    for (alert, part) in [("High", page::MEMORY.0), ("Critical", page::MEMORY.1)] {
        let alert = format!("PortcullisMemory{alert}");
        let rule = alerts()
            .into_iter()
            .find(|rule| rule.name == alert)
            .unwrap();
        assert!(
            rule.summary.contains(&format!("{:.0} %", part * 100.0)),
            "{rule:?}"
        );
    }
}

#[test]
fn budgets_are_those_of_the_objectives() {
    let runbook = files::text(files::RUNBOOK);
    for (objective, budget, said) in [
        ("Availability", "0.001", "99.9 %"),
        ("Latency", "0.01", "99 %"),
    ] {
        assert!(runbook.contains(&format!("| {said} ")), "{objective}");
        for (suffix, long, short, rate) in BURNS {
            let rule = expression(&format!("Portcullis{objective}Burn{suffix}"));
            for window in [long, short] {
                assert!(
                    rule.contains(&format!(":ratio_rate{window} > {rate} * {budget}")),
                    "{rule}"
                );
            }
        }
    }
}

/// "The Site Reliability Workbook", chapter 5, table 5-8.
const BURNS: [(&str, &str, &str, &str); 3] = [
    ("Fast", "1h", "5m", "14.4"),
    ("Slow", "6h", "30m", "6"),
    ("Long", "3d", "6h", "1"),
];

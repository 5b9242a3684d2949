//! Each form, with 0, 1 and 100 breaches, and with the bytes of a hostile server.

use proptest::prelude::*;

use super::{super::Report, report};
use crate::{
    catalogue::{Attack, CATALOGUE, Level},
    verdict::{Evidence, Verdict},
};

#[test]
fn text_has_no_byte_that_a_terminal_obeys() {
    for breaches in [0, 1, 100] {
        let text = report(breaches).to_text(false);

        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert!(text.contains(if breaches == 0 { "held" } else { "breached:" }));
    }
    let colored = report(1).to_text(true);
    assert!(colored.contains("\u{1b}[1m") && !colored.contains("\u{1b}[31m \u{fffd}"));
}

#[test]
fn html_has_only_our_tags() {
    for breaches in [0, 1, 100] {
        let page = report(breaches).to_html();

        assert!(!page.contains("<script"));
        assert!(!page.contains('\u{1b}'));
        assert_eq!(page.matches("<details class=\"failure\"").count(), breaches);
    }
}

#[test]
fn markdown_has_only_our_tags_and_tables() {
    let page = report(1).to_markdown();
    let outside: Vec<_> = page.split("`````").step_by(2).collect();

    assert!(
        outside.iter().all(|text| !text.contains("<script")),
        "{page}"
    );
    let rows = page.lines().filter(|line| line.starts_with("| A01"));
    for row in rows {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 5, "{row}");
    }
}

#[test]
fn junit_is_read_back_by_its_library() {
    for breaches in [0, 1, 100] {
        let text = report(breaches).to_junit();
        let read = quick_junit::Report::deserialize_from_str(&text).unwrap();

        let fails = |attack: &&Attack| attack.level == Level::Must;
        let failures = CATALOGUE[..breaches].iter().filter(fails).count();
        assert_eq!(read.tests, CATALOGUE.len());
        assert_eq!(read.failures, failures);
        let lesser = text.matches("message=\"breached (").count();
        assert_eq!(lesser, breaches - failures);
    }
}

#[test]
fn sarif_has_a_result_for_each_breach_and_a_rule_for_each_attack() {
    for breaches in [0, 1, 100] {
        let text = report(breaches).to_sarif();
        let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
        let run = &sarif["runs"][0];

        assert_eq!(run["results"].as_array().unwrap().len(), breaches);
        assert_eq!(
            run["tool"]["driver"]["rules"].as_array().unwrap().len(),
            CATALOGUE.len()
        );
    }
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    let published = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/siege-report.schema.json"
    );

    assert_eq!(
        std::fs::read_to_string(published).unwrap(),
        Report::json_schema()
    );
}

proptest! {
    #[test]
    fn json_is_read_back(breaches in 0_usize..121, what in ".*") {
        let mut report = report(breaches);
        report.stopped = Some(what);

        prop_assert_eq!(&Report::from_json(&report.to_json()).unwrap(), &report);
    }

    #[test]
    fn any_text_is_written(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let mut report = report(0);
        let evidence = Evidence::new("strange").sent(&bytes).received(&bytes);
        report.outcomes[0].verdict = Verdict::Breached { evidence };

        let text = report.to_text(false);
        prop_assert!(!text.contains('\x1b'), "an escape");
        quick_junit::Report::deserialize_from_str(&report.to_junit()).unwrap();
        prop_assert!(report.to_html().contains("strange"));
        prop_assert!(report.to_markdown().contains("strange"));
    }
}

//! Rules are what promtool takes for right, and each alert has been seen to fire and to end.

use std::collections::BTreeSet;

use super::{files, promtool};

#[test]
fn promtool_reads_every_rule() {
    let arguments = [
        &["check", "rules", "--lint=all", "--lint-fatal"],
        &files::RULES[..],
    ]
    .concat();
    let read = promtool::run(&arguments).unwrap();

    for name in files::RULES {
        let found = files::rules(&files::text(name)).len();
        assert!(
            read.contains(&format!("{name}\n  SUCCESS: {found} rules found")),
            "{read}"
        );
    }
}

#[test]
fn every_alert_fires_and_ends_as_its_tests_say() {
    promtool::run(&[&["test", "rules"], &files::TESTS[..]].concat()).unwrap();

    let names = files::TESTS.iter();
    let expected: Vec<_> = names
        .flat_map(|name| files::expected(&files::text(name)))
        .collect();
    for alert in files::all_rules().into_iter().filter(|rule| rule.is_alert) {
        let of_it = expected
            .iter()
            .filter(|expected| expected.alert == alert.name);
        let fires: Vec<_> = of_it.map(|expected| expected.fires).collect();
        let ends = fires.windows(2).any(|pair| pair == [true, false]);
        assert!(ends, "{}: {fires:?}", alert.name);
    }
}

#[test]
fn names_are_there_once() {
    let rules = files::all_rules();
    let names: BTreeSet<_> = rules.iter().map(|rule| &rule.name).collect();

    assert_eq!(names.len(), rules.len());
}

//! What a report says of its outcomes, and of those of another one.

mod compared;
mod forms;
mod lines;

use super::{Baseline, Grade, Outcome, Report, Spent};
use crate::{
    catalogue::{CATALOGUE, Group, Level, Severity},
    verdict::{Evidence, Verdict},
};

/// The first of the catalogue are breached.
fn report(breaches: usize) -> Report {
    let verdict = |i: usize| match i {
        i if i < breaches => Verdict::Breached {
            evidence: hostile(),
        },
        i if i % 3 == 0 => Verdict::NotTested {
            why: "no key".to_owned(),
        },
        _ => Verdict::Held {
            note: "400".to_owned(),
        },
    };
    let outcomes = CATALOGUE
        .iter()
        .enumerate()
        .map(|(i, attack)| Outcome::new(attack, verdict(i), 3));
    Report {
        version: 1,
        target: "http://127.0.0.1:1".to_owned(),
        intensity: "quick".to_owned(),
        took_ms: 1234,
        spent: Spent::default(),
        outcomes: outcomes.collect(),
        stopped: None,
    }
}

fn hostile() -> Evidence {
    let bytes = "<script>alert(1)</script> ]]> ```` | \u{1b}[31m \u{202e} & \"' \\";
    Evidence {
        what: bytes.to_owned(),
        sent: bytes.to_owned(),
        received: format!("{bytes}\n").repeat(30),
        repeat: bytes.to_owned(),
        ..Evidence::default()
    }
}

#[test]
fn counts_add_up() {
    for breaches in [0, 1, 100] {
        let count = report(breaches).count();

        assert_eq!(count.breached, breaches);
        assert_eq!(
            count.held + count.breached + count.accepted + count.not_tested + count.could_not_tell,
            CATALOGUE.len()
        );
    }
}

fn breached(at_most: Option<Level>) -> Verdict {
    let evidence = Evidence {
        at_most,
        ..hostile()
    };
    Verdict::Breached { evidence }
}

/// A report in which one attack has this verdict.
fn with(id: &str, verdict: Verdict) -> Report {
    let mut report = report(0);
    let attack = CATALOGUE.iter().find(|attack| attack.id == id).unwrap();
    let outcome = report.outcomes.iter_mut().find(|outcome| outcome.id == id);
    *outcome.unwrap() = Outcome::new(attack, verdict, 1);
    report
}

#[test]
fn an_opinion_never_costs_much() {
    for (id, at_most, severity) in [
        ("A01", None, Severity::Critical),
        ("A01", Some(Level::Should), Severity::Critical),
        ("A01", Some(Level::Opinion), Severity::Medium),
        ("A19", None, Severity::Low),
    ] {
        let report = with(id, breached(at_most));
        let outcome = report.breaches().next().unwrap();
        assert_eq!(outcome.severity, severity, "{id} {at_most:?}");
    }
}

#[test]
fn only_what_a_server_must_hold_fails_a_siege() {
    for (id, at_most, is_held, grade) in [
        ("A01", None, false, Grade::F),
        ("A01", Some(Level::Should), true, Grade::C),
        ("A01", Some(Level::Opinion), true, Grade::B),
        ("A22", None, false, Grade::D),
        ("A19", None, true, Grade::B),
        // Nothing makes an opinion more.
        ("A19", Some(Level::Must), true, Grade::B),
    ] {
        let report = with(id, breached(at_most));
        assert_eq!(report.is_held(), is_held, "{id} {at_most:?}");
        assert_eq!(
            report.grade(Group::Framing),
            Some(grade),
            "{id} {at_most:?}"
        );
        assert_eq!(report.grade(Group::Headers), Some(Grade::A));
    }
    assert_eq!(report(0).grade(Group::Tls), None);
}

#[test]
fn what_is_accepted_fails_nothing_and_is_in_every_form() {
    let mut report = with("A01", breached(None));
    let before = Baseline::from_json(&report_held().to_json()).unwrap();
    assert!(!report.is_held() && before.changes(&report).is_worse());
    accept(&mut report, "A01");

    assert!(report.is_held() && !before.changes(&report).is_worse());
    let count = report.count();
    assert_eq!((count.breached, count.accepted), (0, 1));
    assert_eq!(report.grade(Group::Framing), Some(Grade::A));
    for form in forms_of(&report) {
        assert!(form.contains("our proxy cuts heads"), "{form}");
    }
    assert!(before.changes(&report).to_text().contains("our proxy"));
}

#[test]
fn what_is_accepted_and_held_need_not_be_accepted() {
    let mut report = report_held();
    accept(&mut report, "A01");

    assert_eq!(report.count().accepted, 0);
    let [text, json, junit, sarif, markdown, html] = forms_of(&report);
    for form in [text, junit, sarif, markdown, html] {
        assert!(form.contains("no longer needed: our proxy"), "{form}");
    }
    assert!(json.contains("our proxy"), "{json}");
}

fn report_held() -> Report {
    let note = "400".to_owned();
    with("A01", Verdict::Held { note })
}

fn accept(report: &mut Report, id: &str) {
    let outcome = report.outcomes.iter_mut().find(|outcome| outcome.id == id);
    outcome.unwrap().accepted = Some("our proxy cuts heads".to_owned());
}

/// Text, JSON, JUnit, SARIF, Markdown, HTML.
fn forms_of(report: &Report) -> [String; 6] {
    [
        report.to_text(false),
        report.to_json(),
        report.to_junit(),
        report.to_sarif(),
        report.to_markdown(),
        report.to_html(),
    ]
}

#[test]
fn severity_and_grade_are_in_every_form_for_people() {
    let report = with("A01", breached(None));
    let severity = report.outcomes[0].severity.to_string();
    let [text, _, junit, _, markdown, html] = forms_of(&report);
    for form in [&text, &junit, &markdown, &html] {
        assert!(form.contains(&severity), "{form}");
    }
    for (form, grade) in [
        (text, "grade F"),
        (junit, "value=\"F\""),
        (markdown, "| F |"),
        (html, "grade F"),
    ] {
        assert!(form.contains(grade), "{form}");
    }
}

#[test]
fn only_a_terminal_cuts_texts() {
    let report = with(
        "A01",
        Verdict::Held {
            note: "long ".repeat(60) + "end",
        },
    );

    assert!(!report.to_text(false).contains('…'));
    assert!(report.to_text(false).contains("long end"));
    let narrow = report.to_terminal(false, 100);
    assert!(narrow.contains('…') && !narrow.contains("long end"));
}

#[test]
fn standard_output_has_the_first_of_what_is_long_and_files_all() {
    let report = with("A01", breached(None));
    let shown = report.to_brief(false);

    assert!(report.to_text(false).lines().count() > shown.lines().count());
    assert!(shown.contains(".. 18 lines more"), "{shown}");
    assert!(shown.contains("  expected  ") && shown.contains("  source  "));
    assert!(!shown.contains('…'), "{shown}");
}

#[test]
fn standard_output_has_little_of_what_no_server_must_hold() {
    let shown = with("A19", breached(None)).to_brief(false);
    let about = shown.split("✘ A19").last().unwrap();
    let about: Vec<_> = about.split("\n\n").next().unwrap().lines().collect();

    assert_eq!(about.len(), 4, "{about:?}");
    assert!(about[1].starts_with("  seen  ") && about[2].starts_with("  again  "));
    assert!(about[3].starts_with("  fix  "));
}

#[test]
fn a_fix_that_is_a_part_of_portcullis_says_so() {
    for (fix, is_ours) in [
        ("ApiKeyLayer", true),
        ("RateLimitLayer: the key is the client", true),
        ("serve: `header_timeout`", true),
        ("SignaturePolicy::require", true),
        ("ProblemJson", true),
        ("a list of methods", false),
        ("Cache-Control: no-store", false),
    ] {
        let mut report = with("A01", breached(None));
        report.outcomes[0].fix = fix.to_owned();
        let text = report.to_text(false);
        assert_eq!(text.contains("fix       in portcullis: "), is_ours, "{fix}");
    }
}

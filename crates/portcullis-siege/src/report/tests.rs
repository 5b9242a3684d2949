//! Each form, with 0, 1 and 100 breaches, and with the bytes of a hostile server.

use proptest::prelude::*;

use super::{Baseline, Grade, LineVerdict, Outcome, Report, Spent};
use crate::{
    catalogue::{CATALOGUE, CHECKLIST, Group, Level},
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
fn who_tested_nothing_knows_nothing() {
    let mut report = report(0);
    assert!(report.is_tested());
    report.outcomes.retain(|outcome| !outcome.verdict.is_held());
    assert!(!report.is_tested());
    assert!(report.to_text(false).contains("nothing was tested"));
}

#[test]
fn what_was_held_and_is_not_tested_any_more_is_worse() {
    let held = Verdict::Held {
        note: "400".to_owned(),
    };
    let open = || Verdict::NotTested {
        why: "no key".to_owned(),
    };
    let unclear = || Verdict::CouldNotTell {
        why: "busy".to_owned(),
    };
    let before = Baseline::from_json(&with("A01", held).to_json()).unwrap();
    for (verdict, is_worse) in [
        (open(), true),
        (unclear(), false),
        (breached(None), true),
        (breached(Some(Level::Opinion)), false),
    ] {
        let changes = before.changes(&with("A01", verdict.clone()));
        assert_eq!(changes.iter().count(), 1);
        assert_eq!(changes.is_worse(), is_worse, "{verdict:?}");
    }
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
    for form in forms(&report) {
        assert!(form.contains("our proxy cuts heads"), "{form}");
    }
    assert!(before.changes(&report).to_text().contains("our proxy"));
}

#[test]
fn what_is_accepted_and_held_need_not_be_accepted() {
    let mut report = report_held();
    accept(&mut report, "A01");

    assert_eq!(report.count().accepted, 0);
    let [text, json, junit, _, markdown, html] = forms(&report);
    for form in [text, markdown, html] {
        assert!(form.contains("no longer needed: our proxy"), "{form}");
    }
    assert!(json.contains("our proxy"), "{json}");
    drop(junit);
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
fn forms(report: &Report) -> [String; 6] {
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
    let [text, _, junit, _, markdown, html] = forms(&report);
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
fn a_line_that_nothing_outside_can_test_says_so() {
    for line in CHECKLIST {
        let is_tested = CATALOGUE
            .iter()
            .any(|attack| attack.lines.contains(&line.id));
        assert!(!(is_tested && line.elsewhere.is_some()), "{}", line.id);
    }
    let [text, _, _, _, markdown, html] = forms(&report(0));
    for form in [text, markdown, html] {
        assert!(form.to_lowercase().contains("not from outside"), "{form}");
        assert!(form.contains("review"), "{form}");
    }
}

fn line(report: &Report, id: &str) -> LineVerdict {
    let lines = report.lines();
    let found = lines.into_iter().find(|(line, ..)| line.id == id);
    found.map(|(_, verdict, _)| verdict).expect("a line")
}

/// Three attacks and more test AUTH-12: the others are as the third.
fn cors(verdicts: [Option<Verdict>; 3]) -> Report {
    let mut report = report(0);
    let others = std::iter::repeat(verdicts[2].clone());
    let mut verdicts = verdicts.into_iter().chain(others);
    report.outcomes.retain_mut(|outcome| {
        let speaks = outcome.lines.iter().any(|line| line == "AUTH-12");
        let verdict = speaks.then(|| verdicts.next().flatten()).flatten();
        verdict.map(|verdict| outcome.verdict = verdict).is_some()
    });
    report
}

#[test]
fn a_line_is_held_only_if_all_that_speaks_to_it_was_held() {
    let held = || {
        Some(Verdict::Held {
            note: "200".to_owned(),
        })
    };
    let open = || {
        Some(Verdict::NotTested {
            why: "no origin".to_owned(),
        })
    };
    let unclear = || {
        Some(Verdict::CouldNotTell {
            why: "noise".to_owned(),
        })
    };
    let breached = || {
        Some(Verdict::Breached {
            evidence: hostile(),
        })
    };
    let verdict = |verdicts| line(&cors(verdicts), "AUTH-12");

    assert_eq!(verdict([held(), held(), held()]), LineVerdict::Held);
    assert_eq!(verdict([held(), held(), None]), LineVerdict::HeldInPart);
    assert_eq!(verdict([held(), open(), held()]), LineVerdict::HeldInPart);
    assert_eq!(
        verdict([held(), unclear(), held()]),
        LineVerdict::HeldInPart
    );
    assert_eq!(verdict([held(), breached(), open()]), LineVerdict::Breached);
    assert_eq!(verdict([open(), unclear(), None]), LineVerdict::NotTested);
    assert_eq!(verdict([None, None, None]), LineVerdict::NotTested);
}

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

        assert_eq!(read.tests, CATALOGUE.len());
        assert_eq!(read.failures, breaches);
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
fn a_baseline_tells_only_what_changed() {
    let baseline = Baseline::from_json(&report(2).to_json()).unwrap();

    assert_eq!(baseline.changes(&report(2)).iter().count(), 0);
    let worse = baseline.changes(&report(3));
    let ids: Vec<_> = worse.iter().map(|change| change.id.as_str()).collect();
    assert_eq!(ids, ["A03"]);
    assert!(worse.is_worse());
    assert!(!baseline.changes(&report(1)).is_worse());
    assert!(
        Baseline::from_json("{")
            .unwrap_err()
            .to_string()
            .starts_with("not a report")
    );
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

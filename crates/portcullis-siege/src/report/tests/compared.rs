//! What a report says beside another one.

use super::*;

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
fn with_a_baseline_the_sums_are_of_the_whole_siege() {
    let before = Baseline::from_json(&report(2).to_json()).unwrap();
    let same = report(2);
    let text = same.to_changes(&before.changes(&same), false);
    assert!(text.starts_with("nothing has changed"), "{text}");
    assert!(text.contains("breached: ") && text.contains("  held ") && text.contains("1.2 s"));
    assert!(!text.contains("✘"), "{text}");

    let worse = report(3);
    let text = worse.to_changes(&before.changes(&worse), false);
    assert!(text.contains("✘ A03") && !text.contains("✘ A01"), "{text}");
    let count = worse.count();
    assert!(text.contains(&format!("  held {}", count.held)), "{text}");
}

#[test]
fn what_was_not_chosen_is_not_compared() {
    let before = Baseline::from_json(&report(0).to_json()).unwrap();
    let mut chosen = report(0);
    chosen.outcomes.truncate(1);

    assert_eq!(before.changes(&chosen).iter().count(), 0);
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

//! The lines of the checklist.

use super::{
    super::{LineVerdict, Report},
    forms_of, hostile, report,
};
use crate::{
    catalogue::{CATALOGUE, CHECKLIST},
    verdict::Verdict,
};

#[test]
fn a_line_that_nothing_outside_can_test_says_so() {
    for line in CHECKLIST {
        let is_tested = CATALOGUE
            .iter()
            .any(|attack| attack.lines.contains(&line.id));
        assert!(!(is_tested && line.elsewhere.is_some()), "{}", line.id);
    }
    let [text, _, _, _, markdown, html] = forms_of(&report(0));
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

//! JUnit: a suite for each group, a case for each attack.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report};
use crate::{catalogue::Group, verdict::Verdict};

// ===== impl Report =====

impl Report {
    /// Returns the report as JUnit's XML. What was not tested is skipped, with its reason.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut document = Document::new("portcullis siege");
        document.set_time(Duration::from_millis(self.took_ms));
        for group in Group::ALL {
            let outcomes = self
                .outcomes
                .iter()
                .filter(|outcome| outcome.group == group);
            let cases: Vec<_> = outcomes.map(case).collect();
            if !cases.is_empty() {
                let mut suite = TestSuite::new(group.title());
                let grade = self.grade(group).map(|grade| grade.to_string());
                suite.add_property(("grade", grade.as_deref().unwrap_or("none")));
                suite.add_test_cases(cases);
                document.add_test_suite(suite);
            }
        }
        document.to_string().unwrap_or_default()
    }
}

fn case(outcome: &Outcome) -> TestCase {
    let mut status = match &outcome.verdict {
        _ if outcome.is_accepted() => TestCaseStatus::skipped(),
        Verdict::Held { .. } => TestCaseStatus::success(),
        Verdict::Breached { .. } => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::NotTested { .. } | Verdict::CouldNotTell { .. } => TestCaseStatus::skipped(),
    };
    if !outcome.verdict.is_held() {
        status.set_message(outcome.text());
        status.set_type(outcome.name());
    }
    if let Verdict::Breached { evidence } = &outcome.verdict {
        status.set_description(format!(
            "{}, {}\nexpected: {}\nwhat happened: {}\n\nsent:\n{}\n\nreceived:\n{}\n\nagain: {}\nfix: {}\n",
            outcome.level,
            outcome.severity,
            outcome.expects,
            evidence.what,
            evidence.sent,
            evidence.received,
            evidence.repeat,
            outcome.fix
        ));
    }
    let mut case = TestCase::new(format!("{} {}", outcome.id, outcome.title), status);
    case.set_classname(format!("siege.{}", outcome.group.letter()));
    case.set_time(Duration::from_millis(outcome.took_ms));
    case
}

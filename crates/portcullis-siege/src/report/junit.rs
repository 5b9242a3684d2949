//! JUnit: a suite for each group, a case for each attack.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report};
use crate::{
    catalogue::{Group, Level},
    verdict::{Evidence, Verdict},
};

// ===== impl Report =====

impl Report {
    /// Returns the report as JUnit's XML. Only what a server must hold is a failure, because CI goes by
    /// failures: a lesser breach is skipped, with what was seen, as is what was not tested, with its
    /// reason.
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
        Verdict::Held { .. } => TestCaseStatus::success(),
        Verdict::Breached { .. } if fails(outcome) => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        _ => TestCaseStatus::skipped(),
    };
    if !outcome.verdict.is_held() {
        status.set_message(message(outcome));
        status.set_type(outcome.name());
    }
    if let Verdict::Breached { evidence } = &outcome.verdict {
        status.set_description(description(outcome, evidence));
    }
    let mut case = TestCase::new(format!("{} {}", outcome.id, outcome.title), status);
    case.set_classname(format!("siege.{}", outcome.group.letter()));
    case.set_time(Duration::from_millis(outcome.took_ms));
    if outcome.verdict.is_held() && outcome.accepted.is_some() {
        case.set_system_out(outcome.text());
    }
    case
}

/// Whether it fails the siege.
fn fails(outcome: &Outcome) -> bool {
    outcome.is_breached() && outcome.level == Level::Must
}

fn message(outcome: &Outcome) -> String {
    if outcome.is_breached() && !fails(outcome) {
        format!("breached ({}): {}", outcome.level, outcome.text())
    } else {
        outcome.text()
    }
}

fn description(outcome: &Outcome, evidence: &Evidence) -> String {
    format!(
        "{}, {}\nexpected: {}\nwhat happened: {}\n\nsent:\n{}\n\nreceived:\n{}\n\nagain: {}\nfix: {}\n",
        outcome.level,
        outcome.severity,
        outcome.expects,
        evidence.what,
        evidence.sent,
        evidence.received,
        evidence.repeat,
        outcome.fix
    )
}

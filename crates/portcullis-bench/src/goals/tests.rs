use axum::Router;

use super::*;
use crate::{
    ask::Ask,
    figures::{Figures, Row},
    stack::Stack,
    stacks::BARE,
};

const GOAL: Goal = Goal {
    name: "allocations",
    measure: Measure::AddedAllocations(EDGE),
    at_most: 10.0,
};

fn rows(allocations: &[(&'static str, f64)]) -> Rows {
    let row = |&(name, allocations)| Row {
        stack: Stack::route(name, "", Router::new, Ask::PLAIN),
        figures: Figures {
            allocations,
            ..Figures::default()
        },
    };
    Rows(allocations.iter().map(row).collect())
}

#[test]
fn compares_what_is_added_to_the_bare_stack() {
    let met = GOAL.judge(&rows(&[(BARE, 15.0), (EDGE, 25.0)]));
    let missed = GOAL.judge(&rows(&[(BARE, 15.0), (EDGE, 26.0)]));

    assert_eq!(met.verdict, Verdict::Met(10.0));
    assert_eq!(met.complaint(), None);
    assert_eq!(missed.verdict, Verdict::Missed(11.0));
    let complaint = "allocations: 11.00, at most 10.00";
    assert_eq!(missed.complaint().as_deref(), Some(complaint));
}

#[test]
fn a_missing_stack_is_no_pass() {
    let judged = GOAL.judge(&rows(&[(BARE, 15.0)]));

    assert_eq!(judged.verdict, Verdict::NoSuchStack);
    assert!(judged.complaint().is_some());
}

#[test]
fn a_figure_that_is_no_number_is_missed() {
    let judged = GOAL.judge(&rows(&[(BARE, 15.0), (EDGE, f64::NAN)]));

    assert!(matches!(judged.verdict, Verdict::Missed(_)));
}

//! What nobody promised is less, and what is absent is one breach.

use portcullis_siege::{Level, Limits, Report};

use crate::server::Server;

#[tokio::test]
async fn what_was_not_promised_is_an_opinion_or_not_tested() {
    let server = Server::start(Some("header-timeout-missing"));
    let mut profile = server.profile();
    profile.limits = Limits::default();

    let report = server.siege_with(profile, &["B01", "B07", "B08"]).await;

    let judged = report.outcomes.iter();
    let judged: Vec<_> = judged
        .map(|outcome| (outcome.verdict.name(), outcome.level))
        .collect();
    assert_eq!(judged[0], ("breached", Level::Opinion));
    assert!(
        judged[1..].iter().all(|(name, _)| *name == "not tested"),
        "{judged:?}"
    );
    let what = report.outcomes[0].verdict.text();
    assert!(what.contains("not promised in the profile"), "{what}");
}

/// The fields of a quota are a draft's: whoever declares none has promised none.
#[tokio::test]
async fn a_429_without_the_fields_of_a_draft_is_an_opinion() {
    let server = Server::start(Some("limit-fields-missing"));

    let report = server.siege(&["H04"]).await;

    let outcome = &report.outcomes[0];
    assert_eq!(
        (outcome.verdict.name(), outcome.level),
        ("breached", Level::Opinion),
        "{}",
        outcome.verdict.text()
    );
}

#[tokio::test]
async fn a_lockout_that_is_promised_and_absent_is_one_breach() {
    let server = Server::start(Some("failures-unlimited"));
    let only = ["E09", "E16"];

    let report = server.siege(&only).await;
    let mut profile = server.profile();
    profile.lockout.after = None;
    let unpromised = server.siege_with(profile, &only).await;

    assert_eq!(breached(&report), ["E16"]);
    assert_eq!(breached(&unpromised), ["E09"]);
}

fn breached(report: &Report) -> Vec<&str> {
    report
        .breaches()
        .map(|outcome| outcome.id.as_str())
        .collect()
}

//! Limits that go by something else than the client's address, or are counted otherwise: nothing that a
//! server must hold is found where nothing is wrong, and what a limit hides is not held.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{path::Path, process::Command};

use portcullis_siege::{Level, Mark, Profile, Report};

use crate::running::Running;

#[path = "support/running.rs"]
mod running;

async fn siege(arguments: &[&str], limits: &str, only: &[&str]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("gallery/limiters");
    let profile = std::fs::read_to_string(folder.join("siege.toml")).unwrap();
    let mut profile = Profile::parse(&(profile + limits)).unwrap();
    let mut command = Command::new("python3");
    command.arg(folder.join("server.py")).args(arguments);
    let server = Running::start(&mut command);
    if arguments.contains(&"passed-through") {
        // It stands for a server behind a proxy that passes on what a client sent.
        let front = ("nginx".to_owned(), server.url.clone());
        profile.proxy.fronts.extend([front]);
    }
    server.siege(profile, only).await
}

/// Breaches that a server must not have.
fn musts(report: &Report) -> Vec<&str> {
    let musts = report
        .breaches()
        .filter(|outcome| outcome.level == Level::Must);
    musts.map(|outcome| outcome.id.as_str()).collect()
}

fn mark(report: &Report, id: &str) -> Mark {
    let outcome = report.outcomes.iter().find(|outcome| outcome.id == id);
    outcome.unwrap().verdict.mark()
}

fn assert_marked(report: &Report, ids: &[&str], expected: Mark) {
    for id in ids {
        assert_eq!(
            mark(report, id),
            expected,
            "{id}: {}",
            report.to_text(false)
        );
    }
}

const DECLARED: &str = "\n[limits]\nburst = 10\nper_second = 5.0\n";

/// All that may tell of limits and of identities, but for what takes long and what nobody promised here.
const GROUPS: [&str; 28] = [
    "D01", "D05", "E01", "E02", "E03", "E04", "E06", "E08", "E17", "E20", "E23", "E25", "E28",
    "E33", "E34", "E35", "E36", "E37", "H01", "H02", "H04", "H05", "H14", "H15", "H20", "H22",
    "H23", "L04",
];

#[tokio::test]
async fn a_limit_by_windows_and_a_date_to_retry_after_are_lawful() {
    let report = siege(&[], DECLARED, &GROUPS).await;

    assert!(musts(&report).is_empty(), "{}", report.to_text(false));
    assert_marked(
        &report,
        &[
            "D01", "D05", "H01", "H02", "H05", "H15", "L04", "E06", "E37",
        ],
        Mark::Held,
    );
}

#[tokio::test]
async fn a_limit_by_key_is_no_breach() {
    let report = siege(&["--limit", "key"], DECLARED, &GROUPS).await;

    assert!(musts(&report).is_empty(), "{}", report.to_text(false));
    assert_marked(&report, &["D01", "D05", "H01", "H02"], Mark::NotTested);
    // Another key is another client.
    assert_marked(&report, &["L04"], Mark::Held);
}

#[tokio::test]
async fn one_address_for_all_is_no_breach() {
    let report = siege(&["--limit", "gateway"], DECLARED, &GROUPS).await;

    assert!(musts(&report).is_empty(), "{}", report.to_text(false));
    assert_marked(&report, &["D01", "D05", "H01", "H02"], Mark::NotTested);
}

#[tokio::test]
async fn a_way_in_is_found_behind_one_address() {
    let holes = [("admin", "E34"), ("internal", "E23")];
    for (hole, id) in holes {
        let report = siege(
            &["--limit", "gateway", "--hole", hole],
            DECLARED,
            &["E01", id],
        )
        .await;

        assert_eq!(
            mark(&report, id),
            Mark::Breached,
            "{}",
            report.to_text(false)
        );
    }
}

#[tokio::test]
async fn a_header_that_a_proxy_passes_on_is_found() {
    let report = siege(&["--limit", "passed-through"], DECLARED, &["D11"]).await;

    assert_eq!(musts(&report), ["D11"], "{}", report.to_text(false));
}

#[tokio::test]
async fn a_limit_that_is_promised_and_absent_is_one_breach() {
    let report = siege(&["--limit", "absent"], "", &["H"]).await;

    assert_eq!(musts(&report), ["H15"], "{}", report.to_text(false));
    assert_marked(
        &report,
        &["H20", "H21", "H22", "H23", "H24", "H25"],
        Mark::NotTested,
    );
}

//! The harness, tested on servers that are wrong in one known way each: every fault is found by its
//! attack, and nothing is found on the server that has none.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::process::Command;

use portcullis_siege::Profile;

use crate::{
    faults::Fault,
    server::{GALLERY, Server, with_own_key},
};

// An example's own unit tests run only in place of the example. They run here.
#[path = "../../examples/gallery/chunks.rs"]
mod chunks;
#[path = "../../examples/gallery/faults/mod.rs"]
mod faults;
#[path = "../support/found.rs"]
mod found;
mod promised;
#[path = "../support/running.rs"]
mod running;
mod secrets;
mod server;

/// What the attack said, if it did not find the fault.
async fn missed(fault: Fault, name: &str, attack: &str) -> Option<String> {
    // In these groups a fault is one thing wrong: what else it breaks would be a wrong server.
    let group = fault.group().to_string();
    let only = match fault.group() {
        'F' | 'G' => &group,
        _ => attack,
    };
    let report = Server::start(Some(name)).siege(&[only]).await;
    found::missed(&report, name, attack)
}

#[tokio::test]
async fn every_fault_is_found_by_its_attack() {
    assert!(faults::all().count() >= 200);
    let faults = faults::all()
        .map(|(fault, name, attack, _)| (attack.to_owned(), missed(fault, name, attack)));
    let missed = found::each(faults).await;

    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    let report = Server::start(None).siege(&[]).await;

    report.assert_held();
    let open = report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.verdict.is_held());
    let open: Vec<_> = open
        .map(|outcome| (outcome.id.as_str(), outcome.verdict.text()))
        .collect();
    let no_proxy = "no proxy in front of the server is given (proxy.fronts)";
    assert_eq!(open.len(), 3, "{open:?}");
    assert_eq!(open[0], ("C20", no_proxy));
    assert_eq!(open[1], ("D11", no_proxy));
    // Its key has no form that is known.
    assert!(open[2].0 == "E31" && open[2].1.contains("a checksum"));
}

/// What is found there is a SHOULD or less.
#[tokio::test]
async fn what_no_standard_forbids_is_no_must() {
    for (name, attack) in [
        ("token-exp-missing", "F05"),
        ("token-iat-unread", "F05"),
        ("token-last-member-wins", "F10"),
        ("token-base64-lenient", "F11"),
        ("first-of-two-keys", "E07"),
        ("h2-resets-uncounted", "C01"),
        ("h2-pings-uncounted", "C05"),
        ("star-with-credentials", "K07"),
        ("preflight-refused-with-cors", "K08"),
    ] {
        let report = Server::start(Some(name)).siege(&[attack]).await;

        assert!(report.is_held(), "{name}: {}", report.to_text(false));
        assert_eq!(report.breaches().count(), 1, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_found_with_a_key_that_has_a_checksum() {
    let server = Server::start(None);
    let profile = Profile::parse(&with_own_key()).unwrap();
    let report = server.siege_with(profile, &["E"]).await;

    report.assert_held();
    let timing = report.outcomes.iter().find(|outcome| outcome.id == "E05");
    let timing = timing.unwrap().verdict.text();
    assert!(timing.contains("an unknown id against"), "{timing}");
    let heads = report.outcomes.iter().find(|outcome| outcome.id == "E31");
    assert!(heads.unwrap().verdict.is_held());
}

#[test]
fn every_attack_has_a_fault() {
    let has_fault = |id: &str| faults::all().any(|(_, _, attack, _)| attack == id);
    let without = portcullis_siege::CATALOGUE
        .iter()
        .filter(|attack| !has_fault(attack.id));
    let without: Vec<_> = without.map(|attack| attack.id).collect();

    // Its fault stands behind real proxies; it has a test of its own there.
    assert_eq!(without, ["D11"]);
}

#[test]
fn a_fault_has_one_name() {
    let mut names: Vec<_> = faults::all().map(|(_, name, ..)| name).collect();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), faults::all().count());
    assert!(faults::all().all(|(fault, name, ..)| Fault::from_name(name) == Some(fault)));
    let list = Command::new(&*GALLERY).arg("--list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.lines().count(), faults::all().count());
    let unknown = Command::new(&*GALLERY)
        .args(["--fault", "none-such"])
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

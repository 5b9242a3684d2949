//! What the documents say of the demo and of peers is what a siege says today.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path, process::Command};

use portcullis_siege::Report;
use portcullis_tests::{
    program::free_port,
    proxies::Proxy,
    sieges::{Peer, of_demo, of_gallery, of_peer},
};

/// A verdict for each attack.
type Verdicts = BTreeMap<String, String>;

fn verdicts(report: &Report) -> Verdicts {
    let pairs = report.outcomes.iter();
    pairs
        .map(|outcome| (outcome.id.clone(), outcome.verdict.name().to_owned()))
        .collect()
}

/// The table of every attack, in the demo's part of a baseline.
fn listed(baseline: &str) -> Verdicts {
    let demo = baseline
        .split("\n## ")
        .find(|part| part.starts_with("The demo"));
    let rows = demo
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let attacks = cells.filter(|cells| cells.len() >= 4 && cells[0].len() == 3);
    attacks
        .map(|cells| (cells[0].to_owned(), cells[2].to_owned()))
        .collect()
}

fn breached(verdicts: &Verdicts) -> Vec<&String> {
    let breached = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == "breached");
    breached.map(|(id, _)| id).collect()
}

#[tokio::test]
async fn the_demo_is_what_the_baseline_says() {
    let report = of_demo(free_port(), &[]).await;
    let (found, listed) = (verdicts(&report), listed(BASELINE));

    let differ = |(id, verdict): &(&String, &String)| listed.get(*id) != Some(*verdict);
    let differ: Vec<_> = found.iter().filter(differ).collect();
    assert!(
        differ.is_empty(),
        "other than listed: {differ:?}\n{}",
        report.to_text(false)
    );
    assert_eq!(found.len(), listed.len());
}

#[test]
fn the_baseline_only_shrinks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(&root)
            .args(arguments)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let now = listed(BASELINE);
    let commits = git(&["log", "--format=%H", "--", "docs/siege-baseline.md"]);
    for commit in commits.lines() {
        let before = listed(&git(&["show", &format!("{commit}:docs/siege-baseline.md")]));
        // An attack that is new may be breached.
        let is_worse = |id: &&String| before.get(*id).is_some_and(|old| old == "held");
        let worse: Vec<_> = breached(&now).into_iter().filter(is_worse).collect();
        assert!(worse.is_empty(), "held at {commit}: {worse:?}");
    }
}

#[tokio::test]
async fn the_known_defects_of_peers_are_found() {
    let found = |report: &Report| -> Vec<String> {
        let breaches = report.breaches();
        breaches.map(|outcome| outcome.id.clone()).collect()
    };
    // Slow heads, a panic without an answer, a shutdown that never ends.
    let plain = ["B01", "J01", "L13"];
    // And the leftmost address, no shape of problems, a panic in a body, a series for each path.
    let composed = ["B01", "D02", "I08", "J01", "J02", "L13"];

    let report = of_peer(Peer::Plain, free_port(), &plain).await;
    assert_eq!(found(&report), plain, "{}", report.to_text(false));
    let report = of_peer(Peer::Composed, free_port(), &composed).await;
    assert_eq!(found(&report), composed, "{}", report.to_text(false));
}

/// nginx appends to the line that came, `HAProxy` adds a line of its own.
#[tokio::test]
async fn forged_addresses_are_found_through_real_proxies() {
    for (proxy, fault) in [
        (Proxy::Nginx, "forwarded-leftmost"),
        (Proxy::HaProxy, "forwarded-first-line"),
    ] {
        let wrong = of_gallery(Some(fault), proxy, &["D11"]).await;
        assert_eq!(
            breached(&verdicts(&wrong)),
            ["D11"],
            "{}",
            wrong.to_text(false)
        );
        let right = of_gallery(None, proxy, &["D11"]).await;
        assert_eq!(verdicts(&right)["D11"], "held", "{}", right.to_text(false));
    }
}

#[test]
fn what_is_listed_is_read() {
    let text = "# x\n\n## The demo\n\n### Every attack\n\n| | attack | verdict | |\n|---|---|---|---|\n\
                | A01 | a \\| b | held | 400 |\n| A02 | c | breached | no |\n\n## nginx\n\n| A03 | d | held | |\n";
    let read = listed(text);

    assert_eq!(breached(&read), ["A02"]);
    assert_eq!(read.len(), 2);
}

const BASELINE: &str = include_str!("../../docs/siege-baseline.md");

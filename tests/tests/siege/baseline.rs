//! What the documents say of the demo and of peers is what a siege says today.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path, process::Command};

use portcullis_siege::Report;
use portcullis_tests::{
    program::free_port,
    proxies::Proxy,
    sieges::{Peer, Sieged, key, siege},
};

/// A verdict for each attack.
type Verdicts = BTreeMap<String, String>;

fn verdicts(report: &Report) -> Verdicts {
    let pairs = report.outcomes.iter();
    pairs
        .map(|outcome| (outcome.id.clone(), outcome.verdict.name().to_owned()))
        .collect()
}

/// What a baseline lists, in its part about the demo: a row for each group with the attacks of each
/// verdict. Until the baseline was a summary it had a row for each attack.
fn listed(baseline: &str) -> Verdicts {
    let mut parts = baseline.split("\n## ");
    let demo = parts.find(|part| part.starts_with("The demo")).unwrap();
    let rows = demo.lines().filter_map(|line| line.strip_prefix("| "));
    rows.flat_map(row).collect()
}

fn row(row: &str) -> Vec<(String, String)> {
    let cells: Vec<_> = row.split(" | ").collect();
    if is_id(cells[0]) && cells.len() >= 3 {
        return vec![(cells[0].to_owned(), cells[2].to_owned())];
    }
    let mut listed = Vec::new();
    for (cell, verdict) in row.split('|').skip(1).zip(VERDICTS) {
        let ids = cell.split(' ').filter(|word| is_id(word));
        listed.extend(ids.map(|id| (id.to_owned(), verdict.to_owned())));
    }
    listed
}

fn is_id(word: &str) -> bool {
    matches!(word.as_bytes(), [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9'])
}

fn breached(verdicts: &Verdicts) -> Vec<&String> {
    let breached = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == "breached");
    breached.map(|(id, _)| id).collect()
}

#[tokio::test]
async fn the_demo_is_what_the_baseline_says() {
    let report = siege(&Sieged::demo(free_port(), &key()), &[]).await;
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
    // And the leftmost address, a panic in a body, a series for each path. A shape of problems is promised
    // by nobody (J01).
    let composed = ["B01", "D02", "I08", "J02", "L13"];

    let report = siege(&Sieged::peer(Peer::Plain, free_port(), &key()), &plain).await;
    assert_eq!(found(&report), plain, "{}", report.to_text(false));
    let report = siege(
        &Sieged::peer(Peer::Composed, free_port(), &key()),
        &["B01", "D02", "I08", "J01", "J02", "L13"],
    )
    .await;
    assert_eq!(found(&report), composed, "{}", report.to_text(false));
}

/// nginx appends to the line that came, `HAProxy` adds a line of its own.
#[tokio::test]
async fn forged_addresses_are_found_through_real_proxies() {
    for (proxy, fault) in [
        (Proxy::Nginx, "forwarded-leftmost"),
        (Proxy::HaProxy, "forwarded-first-line"),
    ] {
        let wrong = siege(&Sieged::gallery(Some(fault), proxy), &["D11"]).await;
        assert_eq!(
            breached(&verdicts(&wrong)),
            ["D11"],
            "{}",
            wrong.to_text(false)
        );
        let right = siege(&Sieged::gallery(None, proxy), &["D11"]).await;
        assert_eq!(verdicts(&right)["D11"], "held", "{}", right.to_text(false));
    }
}

#[test]
fn what_is_listed_is_read() {
    let now = "# x\n\n## The demo\n\n| | held | breached | not tested | could not tell |\n|---|---|---|---|---|\n\
               | A framing | 1: A01 | 2: A02 A04 | 1: A03 | |\n\n- A02 a \\| b: no\n\n## nginx\n\n\
               | A framing | | 1: A05 | | |\n";
    let before = "# x\n\n## The demo\n\n### Every attack\n\n| | attack | verdict | |\n|---|---|---|---|\n\
                | A01 | a \\| b | held | 400 |\n| A02 | c | breached | no |\n\n## nginx\n\n| A03 | d | held | |\n";

    let (now, before) = (listed(now), listed(before));

    assert_eq!(breached(&now), ["A02", "A04"]);
    assert_eq!((&*now["A01"], &*now["A03"]), ("held", "not tested"));
    assert_eq!(now.len(), 4);
    assert_eq!(breached(&before), ["A02"]);
    assert_eq!(before.len(), 2);
}

/// In the order of the baseline's columns.
const VERDICTS: [&str; 4] = ["held", "breached", "not tested", "could not tell"];

const BASELINE: &str = include_str!("../../../docs/siege-baseline.md");

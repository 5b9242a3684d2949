//! Attacks the demo, servers that are not ours, and real proxies, and writes what came of it to
//! `docs/`: `cargo run --release -p portcullis-tests --bin sieges`.
//!
//! With `runs N` it attacks the demo so often, writes nothing, and fails if a verdict differs.

#![expect(clippy::print_stderr, reason = "a program that prints")]

use std::{fs, io, process::ExitCode};

use portcullis_siege::{Outcome, Report};
use portcullis_tests::{
    proxies::Proxy,
    sieges::{Peer, of_demo, of_peer, of_proxy},
};

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [] => match write().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        },
        [runs, count] if runs == "runs" => match count.parse() {
            Ok(count) => same(count).await,
            Err(_) => fail("runs: how many?"),
        },
        _ => fail("usage: sieges [runs N]"),
    }
}

/// Writes every document.
async fn write() -> io::Result<()> {
    let mut baseline = BASELINE.to_owned();
    baseline += &section("The demo", &of_demo(DEMO, &[]).await);
    for proxy in Proxy::ALL {
        let title = format!("{} in front of a plain handler", proxy.name());
        baseline += &section(&title, &of_proxy(proxy, PROXY, &[]).await);
    }
    let plain = section("The report", &of_peer(Peer::Plain, PEER, &[]).await);
    let composed = section("The report", &of_peer(Peer::Composed, PEER, &[]).await);
    fs::write("docs/siege-baseline.md", baseline)?;
    fs::write("docs/siege-axum.md", PLAIN.to_owned() + &plain)?;
    fs::write("docs/siege-peers.md", COMPOSED.to_owned() + &composed)
}

/// A report under a title: its headings stand one level lower.
fn section(title: &str, report: &Report) -> String {
    eprintln!("{}: {} breached", report.target, report.count().breached);
    let (mut text, mut fence) = (format!("\n## {title}\n"), None);
    for line in report.to_markdown().lines().skip(1) {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks > 2 => fence = Some(ticks),
            Some(open) if ticks == open => fence = None,
            _ => {}
        }
        let is_heading = fence.is_none() && line.starts_with('#');
        text += if is_heading { "#" } else { "" };
        text += line;
        text.push('\n');
    }
    text
}

/// Attacks the demo `count` times.
async fn same(count: usize) -> ExitCode {
    let mut first = None;
    for run in 1..=count {
        let report = of_demo(DEMO, &[]).await;
        eprintln!("{run} of {count}: {:.1} s", report.took_ms as f64 / 1000.0);
        let verdicts = verdicts(&report);
        let before = first.get_or_insert_with(|| verdicts.clone());
        if *before != verdicts {
            let pairs = before.iter().zip(&verdicts);
            let differ: Vec<_> = pairs.filter(|(old, new)| old != new).collect();
            return fail(&format!("run {run} differs from the first: {differ:?}"));
        }
    }
    ExitCode::SUCCESS
}

fn verdicts(report: &Report) -> Vec<(String, &'static str)> {
    let pair = |outcome: &Outcome| (outcome.id.clone(), outcome.verdict.name());
    report.outcomes.iter().map(pair).collect()
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("sieges: {problem}");
    ExitCode::FAILURE
}

/// Where the servers listen, so that only what changed changes in the documents.
const DEMO: u16 = 18_080;
const PROXY: u16 = 18_090;
const PEER: u16 = 18_100;

const BASELINE: &str = include_str!("baseline.md");
const PLAIN: &str = include_str!("axum.md");
const COMPOSED: &str = include_str!("peers.md");

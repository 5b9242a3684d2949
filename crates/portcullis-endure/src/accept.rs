//! What the server costs, over axum's on the same app.

use std::process::Command;

use crate::{Outcome, Row, print, server::Running};

pub(crate) async fn run() -> Outcome<bool> {
    let mut rows = Vec::new();
    for (name, header, least) in [
        ("requests/s, connections kept", "accept: */*", 0.97),
        ("connections/s, a request each", "connection: close", 0.95),
    ] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let ours = Running::start(&["bare"])?;
            let ours = wrk(&ours, header)?;
            let axums = Running::start(&["bare", "axum"])?;
            rounds.push((ours, wrk(&axums, header)?));
        }
        let ratio = median(rounds.iter().map(|(ours, axums)| ours / axums).collect());
        let ours = median(rounds.iter().map(|(ours, _)| *ours).collect());
        let axums = median(rounds.iter().map(|(_, axums)| *axums).collect());
        rows.push(Row {
            cells: vec![
                name.to_owned(),
                format!("{ours:.0}"),
                format!("{axums:.0}"),
                format!("{ratio:.3}"),
                least.to_string(),
            ],
            holds: ratio >= least,
        });
    }
    let columns = [
        "",
        "serve",
        "axum::serve",
        "ratio, median of rounds",
        "at least",
    ];
    Ok(print("serve over axum::serve", &columns, &rows))
}

/// Requests a second, from the other core.
fn wrk(server: &Running, header: &str) -> Outcome<f64> {
    let url = format!("http://{}/", server.plain);
    let load = |seconds: &str| {
        Command::new("taskset")
            .args([
                "-c", "1", "wrk", "-t", "1", "-c", "32", "-d", seconds, "-H", header,
            ])
            .arg(&url)
            .output()
    };
    load("1s")?;
    let said = String::from_utf8(load("3s")?.stdout)?;
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.ok_or_else(|| format!("wrk says no rate: {said}"))?;
    Ok(rate.trim().parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const ROUNDS: usize = 7;

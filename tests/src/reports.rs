//! Reports with as many breaches as wanted, and with bytes of a hostile server in them.

#![expect(clippy::expect_used, reason = "a test helper")]

use portcullis_siege::{Attack, CATALOGUE, Report};
use serde_json::{Value, json};

/// A report of every attack. The first ones are breached, every third of the rest is not tested.
///
/// # Panics
///
/// Panics if it is not what [`Report::from_json`] reads.
#[must_use]
pub fn report(breaches: usize) -> Report {
    let outcomes = CATALOGUE.iter().enumerate();
    let outcomes = outcomes.map(|(i, attack)| outcome(attack, &verdict(i, breaches)));
    let report = json!({
        "version": 1,
        "target": "http://127.0.0.1:8080",
        "intensity": "quick",
        "took_ms": 41_700,
        "spent": { "requests": 290_200, "connections": 8_148, "bytes": 150_000_000 },
        "outcomes": outcomes.collect::<Vec<_>>(),
        "stopped": null,
    });
    Report::from_json(&report.to_string()).expect("a report")
}

fn verdict(i: usize, breaches: usize) -> Value {
    match i {
        i if i < breaches => json!({ "is": "breached", "evidence": {
            "what": HOSTILE,
            "sent": format!("GET /{HOSTILE} HTTP/1.1\\r\\n\nHost: 127.0.0.1:8080\\r\\n\n\\r\\n"),
            "received": HOSTILE.repeat(20),
            "repeat": format!("curl -i 'http://127.0.0.1:8080/{HOSTILE}'"),
        } }),
        i if i % 3 == 0 => {
            json!({ "is": "not-tested", "why": "no valid key is given (keys.valid)" })
        }
        _ => json!({ "is": "held", "note": "400" }),
    }
}

fn outcome(attack: &Attack, verdict: &Value) -> Value {
    json!({
        "id": attack.id,
        "group": attack.group(),
        "level": attack.level,
        "severity": attack.severity,
        "title": attack.title,
        "expects": attack.expects,
        "fix": attack.fix,
        "reference": attack.reference,
        "lines": attack.lines,
        "owasp": attack.owasp,
        "asvs": attack.asvs,
        "verdict": verdict,
        "took_ms": 3,
    })
}

const HOSTILE: &str = "<script>console.error('ran')</script><img src=http://127.0.0.1:9/x onerror=alert(1)> ]]> ``` \u{1b}[31m \u{202e} & \" ";

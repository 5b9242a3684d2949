//! SARIF 2.1.0: a rule for each attack, a result for each that was breached.

use serde_json::{Value, json};

use super::{Outcome, Report};
use crate::{
    catalogue::{Level, Severity},
    verdict::Verdict,
};

// ===== impl Report =====

impl Report {
    /// Returns the report as SARIF 2.1.0. What was not breached is not a result; what is accepted and was
    /// held is a notification about the configuration.
    #[must_use]
    pub fn to_sarif(&self) -> String {
        let rules: Vec<_> = self.outcomes.iter().map(rule).collect();
        let results: Vec<_> = self
            .outcomes
            .iter()
            .enumerate()
            .filter_map(|(index, outcome)| self.result(index, outcome))
            .collect();
        let document = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "portcullis siege",
                    "fullName": "portcullis siege: attacks on a running HTTP server",
                    "version": env!("CARGO_PKG_VERSION"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "informationUri": "https://datatracker.ietf.org/doc/html/rfc9110",
                    "rules": rules,
                }},
                "automationDetails": { "id": format!("portcullis-siege/{}/", self.intensity) },
                "invocations": [{
                    "executionSuccessful": self.stopped.is_none(),
                    "toolConfigurationNotifications": self.needless(),
                }],
                "columnKind": "utf16CodeUnits",
                "results": results,
            }],
        });
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }

    /// What need not be accepted any more.
    fn needless(&self) -> Vec<Value> {
        let outcomes = self.outcomes.iter().enumerate();
        let needless =
            outcomes.filter(|(_, outcome)| outcome.accepted.is_some() && outcome.verdict.is_held());
        let notes = needless.map(|(index, outcome)| {
            json!({
                "level": "note",
                "associatedRule": { "id": outcome.id, "index": index },
                "message": { "text": sentence(&format!("{}: {}", outcome.id, outcome.text())) },
            })
        });
        notes.collect()
    }

    fn result(&self, index: usize, outcome: &Outcome) -> Option<Value> {
        let Verdict::Breached { evidence } = &outcome.verdict else {
            return None;
        };
        Some(json!({
            "ruleId": outcome.id,
            "ruleIndex": index,
            "kind": "fail",
            "level": level(outcome.level),
            "message": { "id": "breached", "arguments": [evidence.what, self.target] },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": self.target },
                    "region": { "startLine": 1 },
                },
                "logicalLocations": [{ "name": outcome.group.title(), "kind": "module" }],
            }],
            "suppressions": suppressions(outcome),
            "partialFingerprints": { "attack/v1": outcome.id },
            "properties": {
                "sent": evidence.sent,
                "received": evidence.received,
                "repeat": evidence.repeat,
            },
        }))
    }
}

fn rule(outcome: &Outcome) -> Value {
    let mut tags = vec!["security".to_owned()];
    tags.extend(outcome.lines.iter().cloned());
    tags.extend(outcome.owasp.iter().map(|row| format!("OWASP {row}:2023")));
    tags.extend(outcome.asvs.iter().map(|row| format!("ASVS 5.0 {row}")));
    let help = format!("Fix: {}. Source: {}.", outcome.fix, outcome.reference);
    json!({
        "id": outcome.id,
        "name": pascal(&outcome.title),
        "shortDescription": { "text": sentence(&outcome.title) },
        "fullDescription": { "text": format!("A hardened server: {}", sentence(&outcome.expects)) },
        "messageStrings": { "breached": { "text": "Breached: '{0}'. The server was {1}." } },
        "help": { "text": help },
        "helpUri": format!("{CATALOGUE}#{}", outcome.id.to_lowercase()),
        "defaultConfiguration": { "level": level(outcome.level) },
        "properties": { "tags": tags, "security-severity": score(outcome.severity) },
    })
}

/// A breach that is accepted is a result that is suppressed, with the reason. A result without has none.
fn suppressions(outcome: &Outcome) -> Value {
    let accepted = outcome.accepted.iter();
    let accepted = accepted
        .map(|why| json!({ "kind": "external", "status": "accepted", "justification": why }));
    accepted.collect()
}

/// A score as of CVSS, in the middle of its range.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

/// Where each attack has a place of its own, in the repository.
const CATALOGUE: &str = "docs/siege-catalogue.md";

const fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "error",
        Level::Should => "warning",
        Level::Opinion => "note",
    }
}

/// A text with a capital at its beginning and one full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    format!(
        "{}{}.",
        first.unwrap_or_default(),
        letters.as_str().trim_end_matches('.')
    )
}

/// The first words of a text, as a name.
fn pascal(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.take(6).map(capitalized).collect()
}

/// An ASCII word with a capital at its beginning.
fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

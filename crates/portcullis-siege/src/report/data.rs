//! A report, as data. Its JSON form is the published one.

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Attack, Group, Level, Severity},
    verdict::Verdict,
};

/// What came of a siege.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Report {
    /// The form of this report: `1`.
    pub version: u32,
    /// The server that was attacked.
    pub target: String,
    /// How hard: `quick` or `full`.
    pub intensity: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What it spent.
    pub spent: Spent,
    /// What came of each attack, in the order of the catalogue.
    pub outcomes: Vec<Outcome>,
    /// Why the siege ended before its end, if it did.
    pub stopped: Option<String>,
}

/// What a siege spent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Spent {
    /// Requests and attempts at one.
    pub requests: u64,
    /// Connections.
    pub connections: u64,
    /// Bytes sent.
    pub bytes: u64,
}

/// What came of one attack.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Outcome {
    /// The attack's stable name, such as `A01`.
    pub id: String,
    /// What the attack is about.
    pub group: Group,
    /// How much a server must hold it: of a breach, how much it must hold what was seen.
    pub level: Level,
    /// What it costs if the server does not.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// What is sent.
    pub title: String,
    /// What a hardened server does.
    pub expects: String,
    /// The fix.
    pub fix: String,
    /// Where the expected result comes from.
    pub reference: String,
    /// The lines of the checklist that it tests.
    pub lines: Vec<String>,
    /// The rows of the OWASP API Security Top 10 (2023).
    pub owasp: Vec<String>,
    /// The requirements of OWASP ASVS 5.0.
    pub asvs: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why a breach is accepted, if the profile says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

// ===== impl Report =====

impl Report {
    /// Whether nothing was breached that a server must hold.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.breaches().all(|outcome| outcome.level != Level::Must)
    }

    /// Whether anything was tested. Who tested nothing knows nothing.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        let is_proof = |outcome: &Outcome| {
            matches!(
                outcome.verdict,
                Verdict::Held { .. } | Verdict::Breached { .. }
            )
        };
        self.outcomes.iter().any(is_proof)
    }

    /// Returns the attacks that the server did not hold, but for those that are accepted.
    pub fn breaches(&self) -> impl Iterator<Item = &Outcome> {
        let outcomes = self.outcomes.iter();
        outcomes.filter(|outcome| outcome.is_breached())
    }

    /// The same, the worst first: by level, then by severity.
    pub(crate) fn worst_first(&self) -> Vec<&Outcome> {
        let mut breaches: Vec<_> = self.breaches().collect();
        breaches.sort_by_key(|outcome| (outcome.level, outcome.severity));
        breaches
    }

    /// Returns the attacks that the profile accepts: breached, or held, so that they need no accepting any
    /// more.
    pub fn accepted(&self) -> impl Iterator<Item = &Outcome> {
        let outcomes = self.outcomes.iter();
        outcomes.filter(|outcome| outcome.accepted.is_some())
    }
}

// ===== impl Outcome =====

impl Outcome {
    pub(crate) fn new(attack: &Attack, verdict: Verdict, took_ms: u64) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            id: attack.id.to_owned(),
            group: attack.group(),
            level: verdict.level(attack.level),
            severity: verdict.severity(attack),
            title: attack.title.to_owned(),
            expects: attack.expects.to_owned(),
            fix: attack.fix.to_owned(),
            reference: attack.reference.to_owned(),
            lines: owned(attack.lines),
            owasp: owned(attack.owasp),
            asvs: owned(attack.asvs),
            verdict,
            accepted: None,
            took_ms,
        }
    }

    /// Others ran at the same time: which of them it was is not known.
    pub(crate) fn beside(&mut self, others: &[&str]) {
        if let Verdict::Breached { evidence } = &mut self.verdict
            && !others.is_empty()
        {
            let others = others.join(", ");
            evidence.what = format!("{}; it may be {others}, which ran too", evidence.what);
            evidence.repeat.clear();
        }
    }

    /// Whether the server did not hold, and nobody accepts that.
    #[must_use]
    pub const fn is_breached(&self) -> bool {
        self.verdict.is_breached() && self.accepted.is_none()
    }

    /// Whether the server did not hold, and the profile accepts that.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.verdict.is_breached() && self.accepted.is_some()
    }

    /// Returns the name of its verdict, or `accepted`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.is_accepted() {
            "accepted"
        } else {
            self.verdict.name()
        }
    }

    /// Returns what there is to say, in one sentence: with why it is accepted, or that it need not be.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.verdict.text();
        match &self.accepted {
            Some(why) if self.verdict.is_breached() => format!("{text}; accepted: {why}"),
            Some(why) if self.verdict.is_held() => {
                format!("{text}; accepting it is no longer needed: {why}")
            }
            _ => text.to_owned(),
        }
    }
}

/// Of reports that say nothing of it.
const fn medium() -> Severity {
    Severity::Medium
}

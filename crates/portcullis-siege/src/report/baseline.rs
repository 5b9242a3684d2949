//! What has changed since an earlier report.

use std::collections::HashMap;

use super::Report;

/// An earlier report.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    verdicts: HashMap<String, &'static str>,
}

/// An attack that ended otherwise than before.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The attack's stable name.
    pub id: String,
    /// What it says.
    pub title: String,
    /// Its verdict before; `none` if it was not there.
    pub before: &'static str,
    /// Its verdict now.
    pub after: &'static str,
}

/// All that changed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes(Vec<Change>);

// ===== impl Baseline =====

impl Baseline {
    /// Reads an earlier report, as JSON.
    ///
    /// # Errors
    ///
    /// One line that says what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report = Report::from_json(text)?;
        let verdict = |outcome: &super::Outcome| (outcome.id.clone(), outcome.verdict.name());
        Ok(Self {
            verdicts: report.outcomes.iter().map(verdict).collect(),
        })
    }

    /// What ended otherwise than before.
    #[must_use]
    pub fn changes(&self, report: &Report) -> Changes {
        let change = |outcome: &super::Outcome| {
            let before = self.verdicts.get(&outcome.id).copied().unwrap_or("none");
            let after = outcome.verdict.name();
            (before != after).then(|| Change {
                id: outcome.id.clone(),
                title: outcome.title.clone(),
                before,
                after,
            })
        };
        Changes(report.outcomes.iter().filter_map(change).collect())
    }
}

// ===== impl Changes =====

impl Changes {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// Whether something is breached that was not.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.0.iter().any(|change| change.after == "breached")
    }

    /// A line each, for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        if self.0.is_empty() {
            return "nothing has changed since the baseline\n".to_owned();
        }
        let line = |change: &Change| {
            let Change {
                id,
                title,
                before,
                after,
            } = change;
            format!("{id}  {before} -> {after}  {title}\n")
        };
        let lines: String = self.0.iter().map(line).collect();
        format!("since the baseline:\n{lines}")
    }
}

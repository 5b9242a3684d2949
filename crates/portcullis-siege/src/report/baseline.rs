//! What has changed since an earlier report.

use std::{collections::HashMap, fmt};

use super::{Report, visible::visible};
use crate::{Error, Level, verdict::Mark};

/// An earlier report.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    marks: HashMap<String, Mark>,
}

/// An attack that ended otherwise than before.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The attack's stable name.
    pub id: String,
    /// What is sent.
    pub title: String,
    /// Its verdict before, if it was there.
    pub before: Option<Mark>,
    /// Its verdict now.
    pub after: Mark,
    /// How much a server must hold it.
    pub level: Level,
    /// Why a breach is accepted, if it is.
    pub accepted: Option<String>,
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
    /// Fails if the text is not a report.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let outcomes = Report::from_json(text)?.outcomes.into_iter();
        Ok(Self {
            marks: outcomes
                .map(|outcome| (outcome.id, outcome.verdict.mark()))
                .collect(),
        })
    }

    /// Returns what ended otherwise than before.
    #[must_use]
    pub fn changes(&self, report: &Report) -> Changes {
        let changes = report.outcomes.iter().map(|outcome| Change {
            id: outcome.id.clone(),
            title: outcome.title.clone(),
            before: self.marks.get(&outcome.id).copied(),
            after: outcome.verdict.mark(),
            level: outcome.level,
            accepted: outcome.accepted.clone().filter(|_| outcome.is_accepted()),
        });
        let changed = changes.filter(|change| change.before != Some(change.after));
        Changes(changed.collect())
    }
}

// ===== impl Changes =====

impl Changes {
    /// Returns each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// Whether something that a server must hold is breached that was not, or is not tested any more
    /// that was held.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.0.iter().any(Change::is_worse)
    }

    /// Returns a line for each, for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        if self.0.is_empty() {
            return "nothing has changed since the baseline\n".to_owned();
        }
        let mut text = "since the baseline:\n".to_owned();
        text.extend(self.0.iter().map(|change| format!("{change}\n")));
        text
    }
}

// ===== impl Change =====

impl Change {
    fn is_worse(&self) -> bool {
        match (self.before, self.after) {
            (_, Mark::Breached) => self.level == Level::Must && self.accepted.is_none(),
            (Some(Mark::Held), after) => after == Mark::NotTested,
            _ => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before.map_or("none", Mark::name);
        let (id, after, title) = (&self.id, self.after.name(), &self.title);
        write!(f, "{id}  {before} -> {after}  {title}")?;
        match &self.accepted {
            Some(why) => write!(f, "; accepted: {}", visible(why).replace('\n', " ")),
            None => Ok(()),
        }
    }
}

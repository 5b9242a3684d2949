//! What came of an attack.

use serde::{Deserialize, Serialize};

use crate::{Level, Severity, budget::Exhausted, catalogue::Attack};

mod evidence;

pub use self::evidence::Evidence;
pub(crate) use self::evidence::Tried;

/// What came of an attack.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "is", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The server did what a hardened server does.
    Held {
        /// What was seen, in a few words.
        note: String,
    },
    /// It did not.
    Breached {
        /// What shows it.
        evidence: Evidence,
    },
    /// The attack did not run.
    NotTested {
        /// What was missing.
        why: String,
    },
    /// The attack ran and proves nothing.
    CouldNotTell {
        /// What was in the way.
        why: String,
    },
}

/// A verdict without what shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mark {
    /// The server did what a hardened server does.
    Held,
    /// It did not.
    Breached,
    /// The attack did not run.
    NotTested,
    /// The attack ran and proves nothing.
    CouldNotTell,
}

/// What an attack's function returns: a note when the server held, else why not.
pub(crate) type Finding = Result<String, Failure>;

/// Why an attack did not end with "held".
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server did not hold.
    Breach(Box<Evidence>),
    /// Something is missing that the attack needs.
    NotTested(String),
    /// It proves nothing.
    Unclear(String),
    /// Nothing listens any more.
    ServerGone,
    /// Something that the siege may spend is spent.
    BudgetSpent(Exhausted),
}

// ===== impl Verdict =====

impl Verdict {
    /// Returns which of the four it is.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        match self {
            Self::Held { .. } => Mark::Held,
            Self::Breached { .. } => Mark::Breached,
            Self::NotTested { .. } => Mark::NotTested,
            Self::CouldNotTell { .. } => Mark::CouldNotTell,
        }
    }

    /// Returns its name: `held`, `breached`, `not tested` or `could not tell`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.mark().name()
    }

    /// Returns how much a server must hold it, of an attack of this level.
    pub(crate) fn level(&self, attack: Level) -> Level {
        match self {
            Self::Breached { evidence } if evidence.is_harm => Level::Must,
            Self::Breached { evidence } => evidence.at_most.map_or(attack, |most| attack.max(most)),
            _ => attack,
        }
    }

    /// Returns what it costs, of an attack of this severity. An opinion never costs much: no harm was seen.
    pub(crate) fn severity(&self, attack: &Attack) -> Severity {
        let (level, severity) = (self.level(attack.level), attack.severity);
        match self {
            Self::Breached { evidence } if evidence.is_harm => severity.min(Severity::High),
            Self::Breached { evidence } => {
                let least = (level == Level::Opinion).then_some(Severity::Medium);
                severity.max(evidence.costs.max(least).unwrap_or(severity))
            }
            _ => severity,
        }
    }

    /// Without the middle of what is long in its evidence.
    pub(crate) fn shortened(mut self) -> Self {
        if let Self::Breached { evidence } = &mut self {
            evidence.shorten();
        }
        self
    }

    /// Whether the server did not hold.
    #[must_use]
    pub const fn is_breached(&self) -> bool {
        matches!(self, Self::Breached { .. })
    }

    /// Whether the server held.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    /// Returns what there is to say, in one sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Held { note } => note,
            Self::Breached { evidence } => &evidence.what,
            Self::NotTested { why } | Self::CouldNotTell { why } => why,
        }
    }
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        match finding {
            Ok(note) => Self::Held { note },
            Err(Failure::Breach(evidence)) => Self::Breached {
                evidence: *evidence,
            },
            Err(Failure::NotTested(why)) => Self::NotTested { why },
            Err(Failure::Unclear(why)) => Self::CouldNotTell { why },
            Err(Failure::ServerGone) => Self::Breached {
                evidence: Evidence::server_gone(),
            },
            Err(Failure::BudgetSpent(exhausted)) => Self::CouldNotTell {
                why: exhausted.to_string(),
            },
        }
    }
}

// ===== impl Mark =====

impl Mark {
    /// Returns its name: `held`, `breached`, `not tested` or `could not tell`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Breached => "breached",
            Self::NotTested => "not tested",
            Self::CouldNotTell => "could not tell",
        }
    }
}

// ===== impl Failure =====

impl Failure {
    pub(crate) fn not_tested(why: impl Into<String>) -> Self {
        Self::NotTested(why.into())
    }

    pub(crate) fn unclear(why: impl Into<String>) -> Self {
        Self::Unclear(why.into())
    }

    /// A limit answered in the place of what was to be judged.
    pub(crate) fn limited() -> Self {
        Self::unclear("429: a limit is in the way")
    }

    /// Lowers how much a server must hold it, and tells why. What is no breach is left as it is.
    pub(crate) fn at_most(self, level: Level, why: &str) -> Self {
        let Self::Breach(evidence) = self else {
            return self;
        };
        let what = format!("{} ({why})", evidence.what);
        let level = evidence.at_most.map_or(level, |most| most.max(level));
        Self::from(Evidence { what, ..*evidence }.at_most(level))
    }

    /// Lowers what it costs. What is no breach is left as it is.
    pub(crate) fn costs(self, severity: Severity) -> Self {
        match self {
            Self::Breach(evidence) => Self::from(evidence.costs(severity)),
            other => other,
        }
    }
}

impl From<Evidence> for Failure {
    fn from(evidence: Evidence) -> Self {
        Self::Breach(Box::new(evidence))
    }
}

/// Why a connection or a budget gave out is never the server's breach by itself.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unclear(error.to_string())
    }
}

//! How much a server must hold an attack, and what it costs if it does not.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a server must hold an attack. Only `must` fails a siege.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// A MUST of a standard, a promise of the profile, or harm that is shown: a second response, a
    /// bypass, a leak, a server that serves nobody any more.
    Must,
    /// A SHOULD of a standard, or what the field does.
    Should,
    /// Stricter than any source: the siege would have it so.
    Opinion,
}

/// What a breach costs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Who has no right gets in, or gets what is another's.
    Critical,
    /// A client takes the server from the others, or chooses its own identity or what is logged.
    High,
    /// One defence is missing, and others are left.
    Medium,
    /// Clients or operators are told less, or more, than they should be.
    Low,
}

// ===== impl Level =====

impl Level {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Opinion => "opinion",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

// ===== impl Severity =====

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

//! What came of an attack.

use serde::{Deserialize, Serialize};

use crate::{Level, budget::Exhausted, wire::Request};

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

/// What shows a breach.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Evidence {
    /// What is wrong, in one sentence.
    pub what: String,
    /// What was sent: bytes with escapes. A siege's report shortens it in the middle, and has no key
    /// in it.
    pub sent: String,
    /// What came back, in the same way.
    pub received: String,
    /// A line for a shell that does it again.
    pub repeat: String,
    /// How much a server must hold it, where that is less than what the attack says: nobody promised
    /// what was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Level>,
    /// What was sent, to see whether the line shows the same.
    #[serde(skip)]
    pub(crate) tried: Option<Tried>,
}

/// What a line for a shell sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tried {
    /// A request, the status of its answer, and the names of the answer's fields.
    Request(Box<Request>, u16, Vec<String>),
    /// Bytes on a connection of their own, and the status of each answer.
    Bytes(Vec<u8>, Vec<u16>),
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
            Self::Breached { evidence } => evidence.at_most.map_or(attack, |most| attack.max(most)),
            _ => attack,
        }
    }

    /// Without the middle of what is long in its evidence.
    pub(crate) fn shortened(mut self) -> Self {
        if let Self::Breached { evidence } = &mut self {
            evidence.sent = shorten(&evidence.sent);
            evidence.received = shorten(&evidence.received);
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

// ===== impl Evidence =====

impl Evidence {
    /// Creates evidence of something wrong.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ..Self::default()
        }
    }

    /// Sets what was sent.
    #[must_use]
    pub fn sent(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.sent = escape(bytes.as_ref());
        self
    }

    /// Sets what came back.
    #[must_use]
    pub fn received(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.received = escape(bytes.as_ref());
        self
    }

    /// Lowers how much a server must hold it, where nobody promised what was expected.
    #[must_use]
    pub const fn at_most(mut self, level: Level) -> Self {
        self.at_most = Some(level);
        self
    }

    /// What was there when the siege began, and no longer is.
    fn server_gone() -> Self {
        Self::new("the server no longer answers")
            .sent("a connection, ten times in three seconds")
            .received("(refused)")
    }

    /// Without such a line: one request alone does not show it, the siege does.
    pub(crate) fn only_in_a_siege(mut self) -> Self {
        self.repeat.clear();
        self.tried = None;
        self
    }

    pub(crate) fn tried(mut self, tried: Tried) -> Self {
        self.tried = Some(tried);
        self
    }

    /// Sets the line for a shell that does it again.
    #[must_use]
    pub fn repeat(mut self, line: impl Into<String>) -> Self {
        self.repeat = line.into();
        self
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

    /// Lowers how much a server must hold it, and tells why. What is no breach is left as it is.
    pub(crate) fn at_most(self, level: Level, why: &str) -> Self {
        let Self::Breach(evidence) = self else {
            return self;
        };
        let what = format!("{} ({why})", evidence.what);
        let level = evidence.at_most.map_or(level, |most| most.max(level));
        Self::from(Evidence { what, ..*evidence }.at_most(level))
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

/// Bytes as a person can read them: line ends stay, other controls are escaped.
fn escape(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    text.replace("\\r\\n", "\\r\\n\n")
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

/// Without the middle, if it is long.
fn shorten(text: &str) -> String {
    let place = |at: usize| {
        (0..=at)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0)
    };
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let (head, tail) = (place(SHOWN - TAIL), place(text.len() - TAIL));
    format!(
        "{}[.. {} bytes ..]{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

const SHOWN: usize = 1200;
const TAIL: usize = 300;

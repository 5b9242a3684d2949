//! What came of an attack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of an attack.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
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

/// What shows a breach.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// What is wrong, in one sentence.
    pub what: String,
    /// What was sent: bytes with escapes, shortened in the middle.
    pub sent: String,
    /// What came back, in the same way.
    pub received: String,
    /// A line for a shell that does it again.
    pub repeat: String,
}

/// What an attack's function gives: a note when the server held, else why not.
pub(crate) type Finding = Result<String, Trouble>;

/// Why an attack did not end with "held".
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Breach(Box<Evidence>),
    NotTested(String),
    Unclear(String),
}

// ===== impl Verdict =====

impl Verdict {
    /// Its name: `held`, `breached`, `not tested` or `could not tell`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Breached { .. } => "breached",
            Self::NotTested { .. } => "not tested",
            Self::CouldNotTell { .. } => "could not tell",
        }
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

    /// What there is to say, in one sentence.
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
            Err(Trouble::Breach(evidence)) => Self::Breached {
                evidence: *evidence,
            },
            Err(Trouble::NotTested(why)) => Self::NotTested { why },
            Err(Trouble::Unclear(why)) => Self::CouldNotTell { why },
        }
    }
}

// ===== impl Evidence =====

impl Evidence {
    /// Evidence of something wrong.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ..Self::default()
        }
    }

    /// What was sent.
    #[must_use]
    pub fn sent(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.sent = escape(bytes.as_ref());
        self
    }

    /// What came back.
    #[must_use]
    pub fn received(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.received = escape(bytes.as_ref());
        self
    }

    /// A line for a shell that does it again.
    #[must_use]
    pub fn repeat(mut self, line: impl Into<String>) -> Self {
        self.repeat = line.into();
        self
    }
}

// ===== impl Trouble =====

impl From<Evidence> for Trouble {
    fn from(evidence: Evidence) -> Self {
        Self::Breach(Box::new(evidence))
    }
}

/// Why a connection or a budget gave out is never the server's breach by itself.
impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Unclear(error.to_string())
    }
}

/// Bytes as a person can read them: line ends stay, other controls are escaped, and the middle of
/// what is long is left out.
fn escape(bytes: &[u8]) -> String {
    let text = |part: &[u8]| part.escape_ascii().to_string();
    let whole = match bytes.len() {
        0..=SHOWN => text(bytes),
        len => format!(
            "{}[.. {} bytes ..]{}",
            text(&bytes[..SHOWN - TAIL]),
            len - SHOWN,
            text(&bytes[len - TAIL..])
        ),
    };
    whole
        .replace("\\r\\n", "\\r\\n\n")
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

const SHOWN: usize = 1200;
const TAIL: usize = 300;

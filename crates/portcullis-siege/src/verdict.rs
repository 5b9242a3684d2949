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
    /// What was sent: bytes with escapes. A siege's report shortens it in the middle, and has no key
    /// in it.
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

    /// Without the middle of what is long.
    pub(crate) fn shortened(mut self) -> Self {
        self.sent = shorten(&self.sent);
        self.received = shorten(&self.received);
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

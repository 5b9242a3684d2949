//! What shows a breach.

use serde::{Deserialize, Serialize};

use crate::{Level, Severity, wire::Request};

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
    /// What it costs, where that is less than what the attack says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Severity>,
    /// Whether the server serves nobody any more: that is a must, whatever the attack's level is.
    #[serde(skip)]
    pub(crate) is_harm: bool,
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

    /// Lowers what it costs, where that is less than what the attack says.
    #[must_use]
    pub const fn costs(mut self, severity: Severity) -> Self {
        self.costs = Some(severity);
        self
    }

    /// Shows that the server serves nobody any more.
    pub(crate) const fn harm(mut self) -> Self {
        self.is_harm = true;
        self
    }

    /// What was there when the siege began, and no longer is.
    pub(super) fn server_gone() -> Self {
        Self::new("the server has ended, or no longer accepts")
            .harm()
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

    /// Without the middle of what is long.
    pub(super) fn shorten(&mut self) {
        for text in [&mut self.sent, &mut self.received] {
            *text = shorten(text);
        }
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

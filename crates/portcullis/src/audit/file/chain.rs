use super::{
    super::{Anchor, anchor::hex, event::LONGEST_TEXT},
    seal::{Seal, sha256},
};
use crate::json_line::Json;

/// The end of a file, to which lines are added.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The number of the last line, and the hash of its bytes.
    pub(super) end: Anchor,
    pub(super) seal: Seal,
}

// ===== impl Chain =====

impl Chain {
    /// Creates one without a line.
    pub(super) const fn new(seal: Seal) -> Self {
        let end = Anchor::new(0, [0; 32]);
        Self { end, seal }
    }

    /// Adds a line with some fields.
    pub(super) fn line(&mut self, out: &mut Vec<u8>, fields: impl FnOnce(&mut Json<'_>)) {
        let start = out.len();
        let number = self.end.lines() + 1;
        let mut json = Json::begin(out, LONGEST_TEXT);
        json.number("n", number);
        fields(&mut json);
        json.text("prev", &hex(&self.end.hash()));
        let seal = self.seal.of(&json.bytes()[start..]);
        json.text(self.seal.name(), &hex(&seal));
        json.end();
        self.end = Anchor::new(number, sha256(&out[start..]));
        out.push(b'\n');
    }

    /// Adds an anchor: why it is there, and when it was made.
    pub(super) fn anchor(&mut self, out: &mut Vec<u8>, kind: &str, time: &str) {
        self.line(out, |json| {
            json.text("time", time);
            json.text("anchor", kind);
        });
    }
}

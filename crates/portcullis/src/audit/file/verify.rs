use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
};

use portcullis_core::ConfigError;
use sha2::{Digest, Sha256};

use super::{
    super::Anchor,
    fields::{Fields, Flaw, Kind, is_half},
    seal::Seal,
    tail,
};

/// Verifies files of audit events.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    seal: Seal,
    anchor: Option<Anchor>,
}

/// A file is whole: nothing was changed, taken out, put in or moved in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many events there are.
    pub events: u64,
    /// How many anchors there are.
    pub anchors: u64,
    /// How many half lines there are, which were noticed when the server was started again.
    pub torn: u64,
    /// How far the file goes.
    pub end: Anchor,
    /// How far the file went that this one continues, if it does.
    pub continues: Option<Anchor>,
}

/// A file is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    line: u64,
    why: Why,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It is none, or only half of one.
    NotALine,
    /// It was changed, or is sealed with another key.
    Altered,
    /// It is not the first line of a file: what was before it is gone.
    NotTheBeginning,
    /// It has another number than it should: lines are missing, were put in, or moved.
    OutOfOrder,
    /// It does not follow the line before: one of both is another one than it was.
    DoesNotFollow,
    /// It is another one than the anchor is of.
    NotTheAnchor,
    /// It is not there: the file ends before the anchor.
    Truncated,
    /// It can't be read.
    Unreadable(io::ErrorKind),
}

/// How far a file was read.
struct Progress {
    line: u64,
    verified: Verified,
    is_anchored: bool,
    /// Lines that are none, unless the next says that they were torn.
    suspect: Option<Suspect>,
}

/// Half a line, or several.
struct Suspect {
    broken: Broken,
    /// Of all of them.
    hash: Sha256,
    lines: u64,
    bytes: u64,
}

/// Verifies a file of audit events that was written without a key.
///
/// # Errors
///
/// Returns the first line that is wrong.
pub fn verify(file: impl Read) -> Result<Verified, Broken> {
    Verifier::new().verify(file)
}

/// Verifies the same, and that it has come as far as an anchor.
///
/// # Errors
///
/// Returns the first line that is wrong, or is missing.
pub fn verify_with_anchor(file: impl Read, anchor: &Anchor) -> Result<Verified, Broken> {
    Verifier::new().anchor(*anchor).verify(file)
}

// ===== impl Verifier =====

impl Verifier {
    /// Creates a verifier of files that were written without a key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key that the file was written with.
    ///
    /// # Errors
    ///
    /// Returns an error for a key of less than 32 bytes.
    pub fn hash_key(mut self, key: &[u8]) -> Result<Self, ConfigError> {
        self.seal = Seal::keyed(key)?;
        Ok(self)
    }

    /// Sets an anchor that the file must have reached.
    #[must_use]
    pub const fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// Verifies a file, a line at a time.
    ///
    /// # Errors
    ///
    /// Returns the first line that is wrong.
    pub fn verify(&self, file: impl Read) -> Result<Verified, Broken> {
        let mut file = BufReader::new(file);
        let mut progress = Progress::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            match read {
                Ok(0) => return self.end(progress),
                Ok(_) => self.line(&line, &mut progress)?,
                Err(error) => {
                    let why = Why::Unreadable(error.kind());
                    return Err(Broken::new(progress.line + 1, why));
                }
            }
        }
    }

    fn line(&self, line: &[u8], progress: &mut Progress) -> Result<(), Broken> {
        progress.line += 1;
        let whole = line.strip_suffix(b"\n");
        let fields = whole.map_or(Err(Flaw::Unsealed), |line| Fields::read(line, &self.seal));
        match fields {
            Ok(fields) => progress.follow(&fields)?,
            Err(flaw) => return progress.suspect(flaw, whole.unwrap_or(line)),
        }
        let end = progress.verified.end;
        match self.anchor {
            Some(anchor) if anchor.lines() == end.lines() => {
                progress.is_anchored = true;
                progress.expect(anchor == end, Why::NotTheAnchor)
            }
            _ => Ok(()),
        }
    }

    fn end(&self, progress: Progress) -> Result<Verified, Broken> {
        if let Some(suspect) = progress.suspect {
            return Err(suspect.broken);
        }
        let is_short = self.anchor.is_some() && !progress.is_anchored;
        if progress.line == 0 || is_short {
            return Err(Broken::new(progress.line + 1, Why::Truncated));
        }
        Ok(progress.verified)
    }
}

// ===== impl Progress =====

impl Progress {
    const fn new() -> Self {
        let end = Anchor::new(0, [0; 32]);
        Self {
            line: 0,
            verified: Verified {
                events: 0,
                anchors: 0,
                torn: 0,
                end,
                continues: None,
            },
            is_anchored: false,
            suspect: None,
        }
    }

    /// Goes on with a line that is right by itself.
    fn follow(&mut self, fields: &Fields) -> Result<(), Broken> {
        if let Some(suspect) = self.suspect.take() {
            let last = self.verified.end.lines() + suspect.lines;
            let hash = suspect.hash.finalize().into();
            let is_told = fields.anchor == Some(Kind::Torn) && fields.prev == hash;
            if !is_told || fields.number != last + 1 {
                return Err(suspect.broken);
            }
            self.verified.torn += suspect.lines;
            self.verified.end = Anchor::new(last, hash);
        }
        let end = self.verified.end;
        match fields.anchor {
            Some(Kind::Rotated) if self.line == 1 && fields.number > 1 => {
                self.verified.continues = Some(Anchor::new(fields.number - 1, fields.prev));
            }
            kind => {
                let begins = matches!(kind, Some(Kind::Start)) && fields.number == 1;
                self.expect(self.line > 1 || begins, Why::NotTheBeginning)?;
                self.expect(fields.number == end.lines() + 1, Why::OutOfOrder)?;
                self.expect(fields.prev == end.hash(), Why::DoesNotFollow)?;
            }
        }
        if fields.anchor.is_some() {
            self.verified.anchors += 1;
        } else {
            self.verified.events += 1;
        }
        self.verified.end = Anchor::new(fields.number, fields.hash);
        Ok(())
    }

    /// Goes on with a line that is none, if the next may say why.
    fn suspect(&mut self, flaw: Flaw, line: &[u8]) -> Result<(), Broken> {
        let Some(suspect) = &mut self.suspect else {
            let why = match flaw {
                Flaw::Unsealed => Why::NotALine,
                Flaw::Altered => Why::Altered,
            };
            let broken = Broken::new(self.line, why);
            self.suspect = Some(Suspect::new(broken, line));
            return Ok(());
        };
        if suspect.takes(line) {
            Ok(())
        } else {
            Err(suspect.broken.clone())
        }
    }

    fn expect(&self, is_so: bool, why: Why) -> Result<(), Broken> {
        if is_so {
            Ok(())
        } else {
            Err(Broken::new(self.line, why))
        }
    }
}

// ===== impl Suspect =====

impl Suspect {
    fn new(broken: Broken, line: &[u8]) -> Self {
        Self {
            broken,
            hash: Sha256::new_with_prefix(line),
            lines: 1,
            bytes: line.len() as u64,
        }
    }

    /// Takes one more, if it may be half a line, and all of them are no more than a sink goes on behind.
    fn takes(&mut self, line: &[u8]) -> bool {
        self.hash.update(b"\n");
        self.hash.update(line);
        self.lines += 1;
        self.bytes += line.len() as u64 + 1;
        is_half(line) && self.bytes <= tail::LONGEST
    }
}

// ===== impl Broken =====

impl Broken {
    const fn new(line: u64, why: Why) -> Self {
        Self { line, why }
    }

    /// Returns the line, from 1 on.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Returns what is wrong with it.
    #[must_use]
    pub const fn why(&self) -> &Why {
        &self.why
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Broken {}

// ===== impl Why =====

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotALine => "it is no line of this log, or only half of one, or needs a key",
            Self::Altered => "it was changed, or is sealed with another key",
            Self::NotTheBeginning => "no log begins with it: what was before it is gone",
            Self::OutOfOrder => "lines before it are missing, or were put in or moved",
            Self::DoesNotFollow => "it does not follow the line before: one of both was replaced",
            Self::NotTheAnchor => "it is another line than the anchor's",
            Self::Truncated => "it is missing: the file ends too early",
            Self::Unreadable(kind) => return write!(f, "it can't be read: {kind}"),
        })
    }
}

/// Of a line, in bytes. All texts at their longest, and escaped, are less.
const LONGEST: u64 = 64 * 1024;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::{
    super::Anchor,
    fields::{Fields, is_half},
    seal::{Seal, sha256},
};

/// How a file ends that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Empty,
    /// With a whole line.
    Whole(Anchor),
    /// With half a line, or several: the process may be stopped again while it tells of the first.
    Torn {
        end: Anchor,
        /// The last of them has an end.
        is_ended: bool,
    },
}

// ===== impl Tail =====

impl Tail {
    /// Reads the end of a file.
    pub(super) fn read(file: &mut File, seal: &Seal) -> io::Result<Self> {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        Self::of(&bytes, length > LONGEST, seal).map_err(io::Error::other)
    }

    /// Judges the end of a file, of which there may be more.
    fn of(bytes: &[u8], is_cut: bool, seal: &Seal) -> Result<Self, &'static str> {
        let (body, is_ended) = match bytes.strip_suffix(b"\n") {
            Some(body) => (body, true),
            None if bytes.is_empty() => return Ok(Self::Empty),
            None => (bytes, false),
        };
        let (mut rest, mut halves, mut are_like_lines) = (body, 0, true);
        loop {
            let before = rest.iter().rposition(|byte| *byte == b'\n');
            let line = &rest[before.map_or(0, |before| before + 1)..];
            match Fields::read(line, seal) {
                _ if before.is_none() && is_cut => return Err(UNKNOWN),
                Ok(last) => return Ok(Self::behind(&last, &body[rest.len()..], halves, is_ended)),
                Err(_) => halves += 1,
            }
            are_like_lines &= is_half(line);
            // One that has no end may be anything, if the line before it is whole.
            match before {
                Some(before) if are_like_lines || (halves == 1 && !is_ended) => {
                    rest = &rest[..before];
                }
                None if are_like_lines => {
                    let end = Anchor::new(halves, sha256(body));
                    return Ok(Self::Torn { end, is_ended });
                }
                _ => return Err(UNKNOWN),
            }
        }
    }

    /// Returns what the end is behind the last whole line. All halves have one hash, so that each is what it
    /// was.
    fn behind(last: &Fields, torn: &[u8], halves: u64, is_ended: bool) -> Self {
        let end = match torn.strip_prefix(b"\n") {
            Some(torn) => Anchor::new(last.number + halves, sha256(torn)),
            None => Anchor::new(last.number, last.hash),
        };
        if is_ended && halves == 0 {
            Self::Whole(end)
        } else {
            Self::Torn { end, is_ended }
        }
    }
}

const UNKNOWN: &str = "its last line is not of an audit log, or was sealed with another key";

/// Of what is read, in bytes: two lines with all texts at their longest fit in.
pub(super) const LONGEST: u64 = 128 * 1024;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::{
    super::Anchor,
    fields::Fields,
    seal::{Seal, sha256},
};

/// How a file ends that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Empty,
    /// With a whole line.
    Whole(Anchor),
    /// With half a line.
    Torn(Anchor),
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
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let (lines, rest) = bytes.split_at(end.map_or(0, |end| end + 1));
        let last = last_line(lines, is_cut).map(|line| Fields::read(line, seal));
        match (last, rest) {
            (Some(Ok(last)), []) => Ok(Self::Whole(Anchor::new(last.number, last.hash))),
            (Some(Ok(last)), torn) => Ok(Self::Torn(Anchor::new(last.number + 1, sha256(torn)))),
            (None, torn) if !is_cut && is_beginning(torn) => {
                Ok(Self::Torn(Anchor::new(1, sha256(torn))))
            }
            _ => Err("its last line is not of an audit log, or was sealed with another key"),
        }
    }
}

/// Returns the last of some lines, if all of it is there.
fn last_line(lines: &[u8], is_cut: bool) -> Option<&[u8]> {
    let lines = lines.strip_suffix(b"\n")?;
    match lines.iter().rposition(|byte| *byte == b'\n') {
        Some(before) => Some(&lines[before + 1..]),
        None => (!is_cut).then_some(lines),
    }
}

/// Returns `true` if the first line of a file may begin so.
fn is_beginning(torn: &[u8]) -> bool {
    let both = torn.len().min(BEGINNING.len());
    torn[..both] == BEGINNING[..both]
}

const BEGINNING: &[u8] = b"{\"n\":";

/// Of what is read, in bytes: two lines with all texts at their longest fit in.
const LONGEST: u64 = 128 * 1024;

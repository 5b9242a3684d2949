//! What of a path two servers could read differently.

use super::{flaw::Flaw, scan};

/// Walks over a path, escape by escape, once.
struct Walk<'p> {
    rest: &'p [u8],
    /// What the segment is so far.
    segment: Segment,
}

/// Whether a segment is `.` or `..`, before its parameters.
#[derive(Clone, Copy)]
enum Segment {
    /// So many dots, and nothing else.
    Dots(u8),
    /// The same, and then parameters.
    DotsAndParameters,
    Other,
}

/// A byte of a path, as it is meant.
struct Byte {
    byte: u8,
    is_escaped: bool,
}

/// Returns what is wrong with a path in any case: an escape of a control character.
#[inline]
pub(super) fn control(path: &str) -> Option<Flaw> {
    if scan::contains(path.as_bytes(), b'%') {
        escaped_control(path)
    } else {
        None
    }
}

#[cold]
fn escaped_control(path: &str) -> Option<Flaw> {
    let mut escapes = path
        .split('%')
        .skip(1)
        .filter_map(|rest| escaped(rest.as_bytes()));
    let is_there = escapes.any(|byte| byte.is_ascii_control());
    is_there.then_some(Flaw::ControlInPath)
}

/// Returns what else servers read differently: dot segments, empty segments, backslashes, escaped
/// slashes, and escapes that are none.
pub(super) fn ambiguity(path: &str) -> Option<Flaw> {
    let mut walk = Walk {
        rest: path.as_bytes().strip_prefix(b"/")?,
        segment: Segment::Dots(0),
    };
    while let Some(byte) = walk.next() {
        let flaw = match byte {
            Err(flaw) => Some(flaw),
            Ok(byte) => walk.read(&byte),
        };
        if flaw.is_some() {
            return flaw;
        }
    }
    walk.segment.is_relative().then_some(Flaw::DotSegment)
}

// ===== impl Walk =====

impl Walk<'_> {
    fn next(&mut self) -> Option<Result<Byte, Flaw>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if *first != b'%' {
            let byte = Byte {
                byte: *first,
                is_escaped: false,
            };
            return Some(Ok(byte));
        }
        let byte = escaped(rest).ok_or(Flaw::BrokenEscape);
        self.rest = rest.get(2..).unwrap_or_default();
        Some(byte.map(|byte| Byte {
            byte,
            is_escaped: true,
        }))
    }

    fn read(&mut self, byte: &Byte) -> Option<Flaw> {
        match (byte.byte, byte.is_escaped) {
            (b'/' | b'\\', true) | (b'\\', false) => return Some(Flaw::EscapedSlash),
            (b'/', false) => return self.end_segment(),
            (byte, _) => self.segment = self.segment.with(byte),
        }
        None
    }

    fn end_segment(&mut self) -> Option<Flaw> {
        let ended = std::mem::replace(&mut self.segment, Segment::Dots(0));
        match ended {
            Segment::Dots(0) => Some(Flaw::EmptySegment),
            ended => ended.is_relative().then_some(Flaw::DotSegment),
        }
    }
}

// ===== impl Segment =====

impl Segment {
    fn with(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Dots(dots @ 0..=1), b'.') => Self::Dots(dots + 1),
            (Self::Dots(1..=2), b';') => Self::DotsAndParameters,
            (Self::DotsAndParameters, _) => Self::DotsAndParameters,
            _ => Self::Other,
        }
    }

    const fn is_relative(self) -> bool {
        matches!(self, Self::Dots(1..=2) | Self::DotsAndParameters)
    }
}

/// Returns the byte that two digits stand for.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text
        .get(..2)
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

//! Where requests of HTTP/1 begin and end, for what hyper takes and others read differently.

use memchr::memchr;

/// Follows the bytes of a connection, and stops at a request that servers in a row would read
/// differently: a line end of a bare LF, or both `Content-Length` and `Transfer-Encoding`.
///
/// It only follows: whether a request is right in all else is for hyper.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    head: Head,
    line: Line,
}

/// Where a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// In its head, at this byte.
    Head { at: usize },
    /// In its body, in the line that begins at this byte, or before all of these. What is before it may be of a head.
    Body { at: usize },
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A line of a head.
    Head,
    /// The line with the size of a chunk.
    Size,
    /// The line end after a chunk's data.
    AfterChunk,
    /// Fields after the last chunk.
    Trailers,
    /// Bytes of a body, and then a head or the end of a chunk.
    Length(u64),
    Chunk(u64),
    /// Something else than HTTP.
    Opaque,
}

/// What a head said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    has_begun: bool,
    length: Option<u64>,
    is_encoded: bool,
    /// What follows may be something else than HTTP.
    may_leave: bool,
}

/// A line, as far as it came.
#[derive(Debug)]
struct Line {
    start: [u8; LONGEST],
    length: usize,
    last: u8,
}

// ===== impl Framing =====

impl Framing {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Head,
            head: Head {
                has_begun: false,
                length: None,
                is_encoded: false,
                may_leave: false,
            },
            line: Line::new(),
        }
    }

    /// Follows bytes. Returns where a request goes wrong, if one does.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Wrong> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match &mut self.at {
                At::Opaque => return None,
                At::Length(left) | At::Chunk(left) => {
                    let passed = (*left).min(rest.len() as u64);
                    *left -= passed;
                    if *left == 0 {
                        self.at = self.at.after_data();
                    }
                    passed as usize
                }
                At::Head | At::Size | At::AfterChunk | At::Trailers => {
                    let Some(end) = memchr(b'\n', rest) else {
                        self.line.add(rest);
                        return None;
                    };
                    let is_head = self.at == At::Head;
                    if !self.line_came(&rest[..end]) {
                        let wrong = Wrong::Head { at: at + end };
                        return Some(if is_head { wrong } else { Wrong::Body { at } });
                    }
                    end + 1
                }
            };
        }
        None
    }

    /// Whether a head has begun that is not whole.
    pub(super) const fn is_in_head(&self) -> bool {
        matches!(self.at, At::Head) && (self.head.has_begun || self.line.length > 0)
    }

    /// What follows is not HTTP.
    pub(super) const fn end(&mut self) {
        self.at = At::Opaque;
    }

    /// Takes the end of a line. Returns `false` if it makes its request wrong.
    #[inline]
    fn line_came(&mut self, end: &[u8]) -> bool {
        if self.line.length == 0 {
            return self.line_is(end);
        }
        let mut line = std::mem::replace(&mut self.line, Line::new());
        line.add(end);
        let kept = line.length.min(LONGEST);
        if line.length > LONGEST {
            if self.needs_all_of(&line.start) {
                return false;
            }
            // What is in between doesn't matter.
            line.start[LONGEST - 1] = line.last;
        }
        self.line_is(&line.start[..kept])
    }

    /// Whether a line that came in pieces, and is long, can't be understood by its start.
    fn needs_all_of(&self, start: &[u8]) -> bool {
        match self.at {
            At::Head => FRAMING.iter().any(|name| value(start, name).is_some()),
            At::Size => start.iter().all(u8::is_ascii_hexdigit),
            _ => false,
        }
    }

    /// Takes a line without its LF, or the start and the last byte of a long one.
    #[inline]
    fn line_is(&mut self, line: &[u8]) -> bool {
        let Some(line) = line.strip_suffix(b"\r") else {
            return false;
        };
        match self.at {
            At::Head if line.is_empty() && self.head.has_begun => {
                self.at = std::mem::take(&mut self.head).body();
            }
            At::Head => return self.head.add(line),
            At::Size => self.at = size(line).map_or(At::Opaque, At::of_size),
            At::AfterChunk => self.at = At::Size,
            At::Trailers if line.is_empty() => self.at = At::Head,
            _ => {}
        }
        true
    }
}

// ===== impl At =====

impl At {
    const fn after_data(self) -> Self {
        match self {
            Self::Chunk(_) => Self::AfterChunk,
            _ => Self::Head,
        }
    }

    const fn of_size(size: u64) -> Self {
        match size {
            0 => Self::Trailers,
            size => Self::Chunk(size),
        }
    }
}

// ===== impl Head =====

impl Head {
    /// Returns `false` if the line makes the head wrong.
    #[inline]
    fn add(&mut self, line: &[u8]) -> bool {
        // Blank lines before a request are none of it (RFC 9112, section 2.2).
        if !self.has_begun {
            self.has_begun = !line.is_empty();
            self.may_leave = line.starts_with(b"CONNECT ");
            return true;
        }
        match line.first() {
            Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U') => self.add_field(line),
            _ => true,
        }
    }

    fn add_field(&mut self, line: &[u8]) -> bool {
        if let Some(value) = value(line, b"content-length:") {
            // Where it is no number, hyper refuses it.
            let number = std::str::from_utf8(value).ok();
            let number = number.and_then(|text| text.trim().parse().ok());
            self.length = Some(number.unwrap_or(0));
        }
        self.is_encoded |= value(line, b"transfer-encoding:").is_some();
        self.may_leave |= value(line, b"upgrade:").is_some();
        !(self.is_encoded && self.length.is_some())
    }

    const fn body(self) -> At {
        match self.length {
            _ if self.may_leave => At::Opaque,
            _ if self.is_encoded => At::Size,
            Some(length) if length > 0 => At::Length(length),
            _ => At::Head,
        }
    }
}

// ===== impl Line =====

impl Line {
    const fn new() -> Self {
        Self {
            start: [0; LONGEST],
            length: 0,
            last: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else {
            return;
        };
        self.last = *last;
        if self.length < LONGEST {
            let taken = bytes.len().min(LONGEST - self.length);
            self.start[self.length..self.length + taken].copy_from_slice(&bytes[..taken]);
        }
        self.length += bytes.len();
    }
}

/// Returns the value of the field of this name, or what of it is kept.
fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

/// Returns the size of a chunk (RFC 9112, section 7.1).
fn size(line: &[u8]) -> Option<u64> {
    let is_digit = |byte: &&u8| byte.is_ascii_hexdigit();
    let digits = line.iter().take_while(is_digit).count();
    let digits = std::str::from_utf8(&line[..digits]).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Bytes of a line that matter: a name, and a number.
const LONGEST: usize = 64;

/// Fields that say where a request ends.
const FRAMING: [&[u8]; 2] = [b"content-length:", b"transfer-encoding:"];

//! Chunks of a body (RFC 9112, 7.1).

use crate::faults::Fault;

/// What bytes hold of a chunked body.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Chunks {
    /// More bytes are needed.
    More,
    /// The body, and how many bytes it took.
    Whole(Vec<u8>, usize),
    /// Refused with a status.
    Wrong(u16),
}

/// Reads chunks from the beginning.
pub(crate) fn read(bytes: &[u8], limit: usize, fault: Fault) -> Chunks {
    let (mut body, mut at, mut extensions) = (Vec::new(), 0, 0);
    loop {
        let (line, next) = match line(&bytes[at..], fault) {
            Ok(Some((line, length))) => (line, at + length),
            Ok(None) if bytes.len() - at > 20_000 && fault != Fault::ChunkExtensions => {
                return Chunks::Wrong(413);
            }
            Ok(None) => return Chunks::More,
            Err(status) => return Chunks::Wrong(status),
        };
        let text = String::from_utf8_lossy(line).into_owned();
        let (digits, extension) = text.split_once(';').unwrap_or((&text, ""));
        extensions += extension.len();
        if extensions > 1024 && fault != Fault::ChunkExtensions {
            return Chunks::Wrong(413);
        }
        let Some(size) = size(digits, fault) else {
            return Chunks::Wrong(400);
        };
        if size == 0 {
            return trailers(bytes, next, body, fault);
        }
        if body.len() + size > limit {
            return Chunks::Wrong(413);
        }
        let end = next + size;
        match end_of_chunk(bytes, end, fault) {
            Some(Ok(after)) => at = after,
            Some(Err(status)) => return Chunks::Wrong(status),
            None => return Chunks::More,
        }
        body.extend_from_slice(&bytes[next..end]);
    }
}

/// Where the next chunk begins.
fn end_of_chunk(bytes: &[u8], end: usize, fault: Fault) -> Option<Result<usize, u16>> {
    let rest = bytes.get(end..)?;
    match rest {
        [b'\r', b'\n', ..] => Some(Ok(end + 2)),
        [b'\n', ..] if fault == Fault::ChunkBareLf => Some(Ok(end + 1)),
        [_, _, ..] if fault == Fault::ChunkEndSkipped => Some(Ok(end + 2)),
        [_, ..] if fault == Fault::ChunkEndOptional => Some(Ok(end)),
        [] | [b'\r'] => None,
        _ => Some(Err(400)),
    }
}

/// A line, and how many bytes it took with its end.
fn line(bytes: &[u8], fault: Fault) -> Result<Option<(&[u8], usize)>, u16> {
    let is_end = |byte: &u8| *byte == b'\r' || *byte == b'\n' && fault != Fault::ExtensionLfWithin;
    let Some(end) = bytes.iter().position(is_end) else {
        return Ok(None);
    };
    let has_extension = bytes[..end].contains(&b';');
    match (bytes[end], bytes.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some((&bytes[..end], end + 2))),
        (b'\r', None) => Ok(None),
        (b'\r', _) if fault == Fault::ChunkReturn => Ok(Some((&bytes[..end], end + 2))),
        (b'\n', _) if fault == Fault::ChunkBareLf => Ok(Some((&bytes[..end], end + 1))),
        (b'\n', _) if fault == Fault::ExtensionBareLf && has_extension => {
            Ok(Some((&bytes[..end], end + 1)))
        }
        _ => Err(400),
    }
}

fn size(digits: &str, fault: Fault) -> Option<usize> {
    let digits = &as_read(digits, fault);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    if fault == Fault::ChunkSizeWraps && digits.len() > 16 {
        let wrapped = u128::from_str_radix(digits, 16).ok()? & u128::from(u64::MAX);
        return wrapped.try_into().ok().filter(|size| *size < 1 << 40);
    }
    usize::from_str_radix(digits, 16)
        .ok()
        .filter(|size| *size < 1 << 40)
}

/// The digits of a size, as the fault has them.
fn as_read(text: &str, fault: Fault) -> String {
    match fault {
        Fault::ChunkSizePrefix => text.trim_start_matches("0x").to_owned(),
        Fault::ChunkSizeSign => text.trim_start_matches('+').to_owned(),
        Fault::ChunkSizeUnderscore => text.replace('_', ""),
        Fault::ChunkSizeBlank => text.trim_start().to_owned(),
        Fault::ChunkSizeStops => {
            let digits = text.chars().take_while(char::is_ascii_hexdigit);
            digits.collect()
        }
        _ => text.to_owned(),
    }
}

/// The end: trailers are read, and dropped.
fn trailers(bytes: &[u8], at: usize, body: Vec<u8>, fault: Fault) -> Chunks {
    let mut at = at;
    let start = at;
    loop {
        match line(&bytes[at..], fault) {
            Ok(Some(([], length))) => return Chunks::Whole(body, at + length),
            Ok(Some((_, length))) => at += length,
            Ok(None) if bytes.len() - start > 8 << 10 => return Chunks::Wrong(431),
            Ok(None) => return Chunks::More,
            Err(status) => return Chunks::Wrong(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_chunks_strictly() {
        let read = |bytes: &str| read(bytes.as_bytes(), 10, Fault::None);

        assert_eq!(
            read("3\r\nabc\r\n0\r\n\r\nrest"),
            Chunks::Whole(b"abc".to_vec(), 13)
        );
        assert_eq!(read("3\r\nab"), Chunks::More);
        assert_eq!(read("3\nabc\n0\n\n"), Chunks::Wrong(400));
        assert_eq!(read("3\r\nabc\r\n0\rX\r\n\r\n"), Chunks::Wrong(400));
        assert_eq!(read("fffffffffffffffff\r\n"), Chunks::Wrong(400));
        assert_eq!(read("b\r\n"), Chunks::Wrong(413));
    }
}

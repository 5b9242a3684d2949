//! Answers, and how they are found in bytes.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body came whole.
    pub(crate) whole: bool,
}

// ===== impl Answer =====

impl Answer {
    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// How many seconds `Retry-After` says, as a number or as a date (RFC 9110, 10.2.3), rounded up.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let text = self.header("retry-after").trim();
        let date = || {
            let left = httpdate::parse_http_date(text).ok()?;
            let left = left.duration_since(SystemTime::now()).unwrap_or_default();
            Some(left.as_secs_f64().ceil() as u64)
        };
        text.parse().ok().or_else(date)
    }

    /// The names of its fields.
    pub(crate) fn names(&self) -> Vec<String> {
        self.headers.keys().map(ToString::to_string).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) const fn is_good(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// All of it, as HTTP/1.1 would write it: for evidence. The words behind the status are the standard's.
    pub(crate) fn dump(&self) -> Vec<u8> {
        self.dump_in("HTTP/1.1")
    }

    /// The same, of an answer in this version.
    pub(crate) fn dump_in(&self, version: &str) -> Vec<u8> {
        if self.status == 0 {
            return b"(no answer)".to_vec();
        }
        let status = StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason());
        let reason = reason.map_or_else(String::new, |reason| format!(" {reason}"));
        let mut all = format!("{version} {}{reason}\r\n", self.status).into_bytes();
        all.extend(self.fields());
        all.extend_from_slice(b"\r\n");
        all.extend_from_slice(&self.body);
        all
    }

    fn fields(&self) -> Vec<u8> {
        let fields = self.headers.iter().flat_map(|(name, value)| {
            [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
        });
        fields.collect()
    }

    /// Whether a text is anywhere in its fields or its body.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        contains(&self.fields(), text.as_bytes()) || contains(&self.body, text.as_bytes())
    }
}

/// A status for people.
pub(crate) fn in_words(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// Finds the answers in what a server sent; `closed` ends a body that has no length. Interim
/// answers (1xx) are among them. Bytes that are no answer end the list.
pub(crate) fn parse_all(mut bytes: &[u8], closed: bool, head_only: bool) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = parse(bytes, closed, head_only) {
        let is_whole = answer.whole;
        answers.push(answer);
        bytes = rest;
        if !is_whole {
            break;
        }
    }
    answers
}

/// Returns what follows the first answer, if that is whole.
pub(crate) fn after_first(bytes: &[u8], closed: bool) -> Option<&[u8]> {
    let (first, rest) = parse(bytes, closed, false)?;
    first.whole.then_some(rest)
}

fn parse(bytes: &[u8], closed: bool, head_only: bool) -> Option<(Answer, &[u8])> {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes).ok()? else {
        return None;
    };
    let status = head.code?;
    let headers: HeaderMap = head.headers.iter().filter_map(field).collect();
    let rest = &bytes[length..];
    let none = head_only || matches!(status, 100..=199 | 204 | 304);
    let (body, used, whole) = if none {
        (Vec::new(), 0, true)
    } else {
        body(&headers, rest, closed)
    };
    let answer = Answer {
        status,
        headers,
        body,
        whole,
    };
    Some((answer, &rest[used..]))
}

fn field(field: &httparse::Header<'_>) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
    Some((name, HeaderValue::from_bytes(field.value).ok()?))
}

/// The body, how many bytes it took, and whether it is whole.
fn body(headers: &HeaderMap, bytes: &[u8], closed: bool) -> (Vec<u8>, usize, bool) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return chunks(bytes);
    }
    match text("content-length").and_then(|length| length.trim().parse().ok()) {
        Some(length) => {
            let length: usize = length;
            let used = length.min(bytes.len());
            (bytes[..used].to_vec(), used, used == length)
        }
        None => (bytes.to_vec(), bytes.len(), closed),
    }
}

fn chunks(bytes: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut body, mut at) = (Vec::new(), 0);
    while let Ok(httparse::Status::Complete((line, size))) =
        httparse::parse_chunk_size(&bytes[at..])
    {
        let (start, size) = (at + line, usize::try_from(size).unwrap_or(usize::MAX));
        let end = start.saturating_add(size);
        if size == 0 {
            return if bytes[start..].starts_with(b"\r\n") {
                (body, start + 2, true)
            } else {
                match find(&bytes[start..], b"\r\n\r\n") {
                    Some(length) => (body, start + length + 4, true),
                    None => (body, bytes.len(), false),
                }
            };
        }
        if end.saturating_add(2) > bytes.len() {
            body.extend_from_slice(&bytes[start.min(bytes.len())..]);
            break;
        }
        body.extend_from_slice(&bytes[start..end]);
        at = end + 2;
    }
    (body, bytes.len(), false)
}

/// Where a part begins.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes
        .windows(part.len().max(1))
        .position(|window| window == part)
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_every_answer_of_a_connection() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
            HTTP/1.1 404 Not Found\r\n\r\nrest";

        let answers = parse_all(bytes, true, false);

        let seen: Vec<_> = answers
            .iter()
            .map(|a| (a.status, a.text(), a.whole))
            .collect();
        let text = |text: &str| text.to_owned();
        assert_eq!(
            seen,
            [
                (100, text(""), true),
                (200, text("hi"), true),
                (200, text("abc"), true),
                (404, text("rest"), true)
            ]
        );
    }

    #[test]
    fn what_follows_an_answer_is_found_if_that_is_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 400 Bad";
        assert_eq!(after_first(bytes, false), Some(&b"HTTP/1.1 400 Bad"[..]));

        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi";
        assert_eq!(after_first(cut, true), None);
    }

    #[test]
    fn tells_a_body_that_was_cut() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(!parse_all(bytes, true, false)[0].whole);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let answer = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &bytes[..]].concat();
            parse_all(&bytes, true, false);
            parse_all(&answer, false, false);
        }
    }
}

use std::sync::Arc;

use http::{HeaderMap, header, request};
use smallvec::SmallVec;

/// What is kept of a request's head: copied, and cut to a bound, so that nothing keeps the buffer
/// alive that the head was read from.
#[derive(Clone, Debug)]
pub(super) struct Head {
    text: Arc<str>,
    ends: [Option<u16>; PARTS],
}

// ===== impl Head =====

impl Head {
    pub(super) fn new(head: &request::Parts) -> Self {
        let path = Some(cut(head.uri.path().as_bytes()));
        let query = head.uri.query().map(|query| cut(query.as_bytes()));
        let host = head.uri.host().map(|host| cut(host.as_bytes()));
        let host = value(&head.headers, &header::HOST).or(host);
        let user_agent = value(&head.headers, &header::USER_AGENT);
        let referrer = value(&head.headers, &header::REFERER);
        let parts = [path, query, host, user_agent, referrer];
        Self::from_utf8(parts).unwrap_or_else(|| Self::from_utf8_lossy(parts))
    }

    /// Joins the parts, if each is UTF-8: if they are together, and no character is in two of them.
    fn from_utf8(parts: [Option<&[u8]>; PARTS]) -> Option<Self> {
        let mut text = SmallVec::<[u8; 512]>::new();
        let mut ends = [None; PARTS];
        for (end, part) in ends.iter_mut().zip(parts) {
            if let Some(part) = part {
                text.extend_from_slice(part);
                *end = u16::try_from(text.len()).ok();
            }
        }
        let text = str::from_utf8(&text).ok()?;
        let is_between = |end: &u16| text.is_char_boundary(usize::from(*end));
        let text = ends.iter().flatten().all(is_between).then(|| text.into())?;
        Some(Self { text, ends })
    }

    #[cold]
    fn from_utf8_lossy(parts: [Option<&[u8]>; PARTS]) -> Self {
        let mut text = String::new();
        let ends = parts.map(|part| {
            text.push_str(&String::from_utf8_lossy(part?));
            u16::try_from(text.len()).ok()
        });
        Self {
            text: text.into(),
            ends,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.part(1)
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.part(2)
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.part(3)
    }

    pub(super) fn referrer(&self) -> Option<&str> {
        self.part(4)
    }

    fn part(&self, at: usize) -> Option<&str> {
        let end = self.ends[at]?;
        let start = self.ends[..at].iter().rev().flatten().next();
        self.text
            .get(usize::from(start.copied().unwrap_or(0))..usize::from(end))
    }
}

fn value<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h [u8]> {
    headers.get(name).map(|value| cut(value.as_bytes()))
}

/// Returns the values of a field, joined and cut, if there are some. What is no UTF-8 is replaced.
pub(super) fn values(headers: &HeaderMap, name: &header::HeaderName) -> Option<Box<str>> {
    let mut joined = Vec::new();
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if joined.len() >= LONGEST {
            break;
        }
        joined.extend_from_slice(if at > 0 { b", " } else { b"" });
        joined.extend_from_slice(cut(value.as_bytes()));
    }
    headers
        .contains_key(name)
        .then(|| String::from_utf8_lossy(cut(&joined)).into())
}

/// The start of a text, without half a character at its end.
fn cut(text: &[u8]) -> &[u8] {
    let mut end = text.len().min(LONGEST);
    while end > 0 && end < text.len() && text[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    &text[..end]
}

/// Path, query, host, user agent, referrer.
const PARTS: usize = 5;

/// Of each part, in bytes. What is no UTF-8 may become three times as long.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn head(uri: &str, agent: Option<&[u8]>) -> Head {
        let mut request = Request::get(uri).header("host", "a:1");
        if let Some(agent) = agent {
            request = request.header("user-agent", agent);
        }
        Head::new(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn keeps_each_part() {
        let kept = head("/a?b=c", Some(b"curl"));

        assert_eq!((kept.path(), kept.query()), ("/a", Some("b=c")));
        assert_eq!(
            (kept.host(), kept.user_agent()),
            (Some("a:1"), Some("curl"))
        );
        assert_eq!(kept.referrer(), None);
        let less = head("/a", None);
        assert_eq!((less.query(), less.host()), (None, Some("a:1")));
        assert_eq!(less.user_agent(), None);
    }

    #[test]
    fn values_are_joined_and_cut() {
        let mut headers = HeaderMap::new();
        for value in [&b"a"[..], b"\xff", "é".repeat(5000).as_bytes(), b"c"] {
            headers.append("x", value.try_into().unwrap());
        }
        let joined = values(&headers, &"x".try_into().unwrap()).unwrap();

        assert!(
            joined.starts_with("a, \u{fffd}, éé") && joined.len() <= LONGEST + 2,
            "{joined}"
        );
        assert_eq!(values(&headers, &header::HOST), None);
    }

    #[test]
    fn a_part_is_cut() {
        let long = "/".to_owned() + &"x".repeat(5000);
        let agent = "é".repeat(5000);
        let kept = head(&long, Some(agent.as_bytes()));

        assert_eq!(kept.path().len(), LONGEST);
        assert_eq!(kept.user_agent(), Some(&*"é".repeat(LONGEST / 2)));
        assert_eq!(kept.host(), Some("a:1"));
    }

    #[test]
    fn what_is_no_utf_8_is_replaced_in_its_own_part() {
        // Together they are a character.
        let request = Request::get("/a")
            .header("host", &b"a\xc3"[..])
            .header("user-agent", &b"\xa9b"[..])
            .header("referer", "c");
        let kept = Head::new(&request.body(()).unwrap().into_parts().0);

        assert_eq!(kept.path(), "/a");
        assert_eq!(kept.host(), Some("a\u{fffd}"));
        assert_eq!(kept.user_agent(), Some("\u{fffd}b"));
        assert_eq!(kept.referrer(), Some("c"));
    }

    proptest! {
        #[test]
        fn no_header_panics(agent in proptest::collection::vec(32_u8..=255, 0..2000)) {
            if http::HeaderValue::from_bytes(&agent).is_ok() {
                let kept = head("/a", Some(&agent));
                prop_assert_eq!(kept.user_agent(), Some(&*String::from_utf8_lossy(cut(&agent))));
            }
        }
    }
}

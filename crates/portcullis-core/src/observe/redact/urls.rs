//! Where the parts of a URL are, and whether a password is in it.

/// Returns `true` for what has a URL with a user's password in it.
pub(super) fn has_password(text: &[u8]) -> bool {
    authorities(text).any(|at| is_with_password(&text[at..]))
}

/// Returns where the authorities of URLs begin.
fn authorities(text: &[u8]) -> impl Iterator<Item = usize> {
    let colons = text.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let ends = colons.map(|(at, _)| at + 3);
    ends.filter(|end| text.get(end - 3..*end) == Some(b"://"))
}

/// Whether a text that begins with an authority has a password in it, or is cut where one may be.
pub(super) fn is_with_password(text: &[u8]) -> bool {
    let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let end = text.iter().position(is_end);
    let authority = &text[..end.unwrap_or(text.len())];
    let at = authority.iter().rposition(|byte| *byte == b'@');
    match (at, end) {
        (Some(at), _) => authority[..at].contains(&b':'),
        // An `@` may have been cut off; a port has digits only.
        (None, None) => {
            let colon = authority.iter().rposition(|byte| *byte == b':');
            let is_port = |port: &[u8]| {
                port.iter()
                    .all(|byte| byte.is_ascii_digit() || *byte == b']')
            };
            colon.is_some_and(|colon| {
                !is_port(&authority[colon + 1..]) && !authority.contains(&b']')
            })
        }
        (None, Some(_)) => false,
    }
}

/// Splits a URL before and after the user in it, if there is one.
pub(super) fn userinfo(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let start = match url.strip_prefix("//") {
        Some(_) => 2,
        None => authorities(url.as_bytes()).next()?,
    };
    let end = url[start..].find('/').map_or(url.len(), |end| start + end);
    let authority = &url.as_bytes()[start..end];
    let user = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => start..start + at,
        // It is cut off where an `@` would be.
        None if is_with_password(&url.as_bytes()[start..]) => start..end,
        None => return None,
    };
    Some((
        &url[..user.start],
        Some(&url[user.clone()]),
        &url[user.end..],
    ))
}

/// Splits a text at its first sign.
pub(super) fn split(text: &str, sign: char) -> (&str, Option<&str>) {
    match text.split_once(sign) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

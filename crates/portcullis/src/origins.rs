//! Origins, as browsers write them (RFC 6454, section 6.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderValue, header::ORIGIN};

/// What a request says of its origin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent<'a> {
    Nothing,
    One(&'a HeaderValue),
    Several,
}

/// An origin in the one form that browsers send: lowercase, without the default port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    text: Box<str>,
    is_https: bool,
}

/// Some origins, by themselves or by a label that may be any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    /// In order.
    exact: Vec<Origin>,
    wild: Vec<Wild>,
}

/// `https://*.example.com`: what is before the label, and what is behind it.
#[derive(Clone, Debug)]
struct Wild {
    before: &'static str,
    after: Box<str>,
}

// ===== impl Sent =====

impl<'a> Sent<'a> {
    #[inline]
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

// ===== impl Origin =====

impl Origin {
    /// Reads an origin that somebody configured.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (is_https, rest) = split_scheme(text)?;
        let authority = authority(rest, is_https)?;
        Ok(Self::new(is_https, &authority))
    }

    /// Reads an origin that a browser sent: only in its one form.
    pub(crate) fn from_browser(sent: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(sent).ok()?;
        let origin = Self::parse(text).ok()?;
        (&*origin.text == text).then_some(origin)
    }

    fn new(is_https: bool, authority: &str) -> Self {
        Self {
            text: [before(is_https), authority].concat().into(),
            is_https,
        }
    }

    pub(crate) const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns `true` if a host is this origin's: with its port, which may be the default one.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        let own = &self.text[before(self.is_https).len()..];
        authority(host, self.is_https).is_ok_and(|host| host == own)
    }
}

// ===== impl Origins =====

impl Origins {
    /// Adds an origin, or a pattern of them.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        let (is_https, rest) = split_scheme(text)?;
        if let Some(parent) = rest.strip_prefix("*.") {
            let parent = authority(parent, is_https)?;
            check_parent(&parent)?;
            self.wild.push(Wild {
                before: before(is_https),
                after: [".", &parent].concat().into(),
            });
            return Ok(());
        }
        let origin = Origin::parse(text)?;
        if let Err(place) = self.exact.binary_search(&origin) {
            self.exact.insert(place, origin);
        }
        Ok(())
    }

    /// Adds those of another list.
    pub(crate) fn extend(&mut self, others: &Self) {
        for origin in &others.exact {
            if let Err(place) = self.exact.binary_search(origin) {
                self.exact.insert(place, origin.clone());
            }
        }
        self.wild.extend_from_slice(&others.wild);
    }

    /// Returns `true` if these have an origin, compared to the byte.
    #[inline]
    pub(crate) fn contains(&self, origin: &[u8]) -> bool {
        let by_text = |own: &Origin| own.text.as_bytes().cmp(origin);
        self.exact.binary_search_by(by_text).is_ok()
            || self.wild.iter().any(|wild| wild.matches(origin))
    }

    /// Returns them, for people.
    pub(crate) fn names(&self) -> Vec<String> {
        let exact = self.exact.iter().map(|origin| origin.text.to_string());
        let wild = self.wild.iter();
        let wild = wild.map(|wild| format!("{}*{}", wild.before, wild.after));
        exact.chain(wild).collect()
    }
}

// ===== impl Wild =====

impl Wild {
    fn matches(&self, origin: &[u8]) -> bool {
        let rest = origin.strip_prefix(self.before.as_bytes());
        let label = rest.and_then(|rest| rest.strip_suffix(self.after.as_bytes()));
        label.is_some_and(is_label)
    }
}

const fn before(is_https: bool) -> &'static str {
    if is_https { "https://" } else { "http://" }
}

fn split_scheme(text: &str) -> Result<(bool, &str), String> {
    if text == "null" {
        return Err("it is the origin of every page that has none".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it does not begin with http:// or https://".to_owned());
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, rest)),
        "https" => Ok((true, rest)),
        _ => Err("its scheme is neither http nor https".to_owned()),
    }
}

/// Reads a host and its port. Leaves out the default port.
fn authority(text: &str, is_https: bool) -> Result<String, String> {
    if text.contains('@') {
        return Err("it has user information".to_owned());
    }
    if text.contains(['/', '?', '#', '\\']) {
        return Err("it has a path: even a slash at the end is one".to_owned());
    }
    let (name, number) = match text.rfind(':').filter(|at| !text[*at..].contains(']')) {
        Some(at) => (&text[..at], Some(port(&text[at + 1..])?)),
        None => (text, None),
    };
    let name = host(name)?;
    let default = if is_https { 443 } else { 80 };
    let number = number.filter(|number| *number != default);
    Ok(number.map_or_else(|| name.clone(), |number| format!("{name}:{number}")))
}

fn port(text: &str) -> Result<u16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && *number > 0);
    number.ok_or_else(|| format!("{text:?} is not a port"))
}

/// Reads a host as browsers do (URL Standard, section 3.5), but for what they would still encode.
fn host(text: &str) -> Result<String, String> {
    if let Some(address) = text.strip_prefix('[') {
        return v6(address);
    }
    if !text.is_ascii() {
        return Err("its host is not ASCII: browsers send it as xn--".to_owned());
    }
    if text.ends_with('.') {
        return Err("its host ends with a dot".to_owned());
    }
    let host = text.to_ascii_lowercase();
    let is_name = host.len() <= LONGEST && host.split('.').all(|label| is_label(label.as_bytes()));
    if !is_name {
        return Err(format!("{text:?} is not a host"));
    }
    let is_address = is_number(host.rsplit('.').next().unwrap_or_default());
    if is_address && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{text:?} is not an address"));
    }
    Ok(host)
}

fn v6(text: &str) -> Result<String, String> {
    let address = text.strip_suffix(']').map(str::parse::<Ipv6Addr>);
    match address {
        Some(Ok(address)) if address.to_ipv4_mapped().is_none() => Ok(format!("[{address}]")),
        _ => Err(format!("\"[{text}\" is not an address")),
    }
}

/// What stands behind `*.` must be somebody's own, as far as that can be seen.
fn check_parent(parent: &str) -> Result<(), String> {
    let host = parent.split(':').next().unwrap_or_default();
    if parent.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return Err("an address has no names below it".to_owned());
    }
    if host.contains('.') {
        Ok(())
    } else {
        Err("everybody can have a name there: two labels are needed behind the *".to_owned())
    }
}

fn is_label(label: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=63).contains(&label.len()) && label.iter().all(is_allowed)
}

/// A host whose last label is a number is an address (URL Standard, section 3.5).
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x");
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Of a host, in bytes (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        Origin::parse(text).map_or_else(|problem| problem, |origin| origin.text.into())
    }

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for (configured, sent) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
        ] {
            assert_eq!(parsed(configured), sent);
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for text in [
            "",
            "null",
            "app.example",
            "ftp://app.example",
            "https://",
            "https://app.example.",
            "https://app.example/",
            "https://app.example/x",
            "https://app.example?x",
            "https://app.example#x",
            "https://me@app.example",
            "https://app.example:0",
            "https://app.example:65536",
            "https://app.example:+1",
            "https://app.example:",
            "https://app..example",
            "https://app example",
            "https://b\u{fc}cher.example",
            "https://app%60.example",
            "https://1.2.3",
            "https://1.2.3.4.0x5",
            "https://[::1",
            "https://[::ffff:1.2.3.4]",
            "https://*.example",
            "https://app.*.example.com",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_compared_with_its_port() {
        let origin = Origin::from_browser(b"https://app.example").unwrap();

        assert!(origin.is_at("app.example") && origin.is_at("App.Example:443"));
        assert!(!origin.is_at("app.example:80") && !origin.is_at("app.example."));
        assert!(Origin::from_browser(b"https://App.example").is_none());
        assert!(Origin::from_browser(b"https://app.example:443").is_none());
    }

    proptest! {
        #[test]
        fn nothing_panics_and_one_form_is_kept(text in "(https?://)?[a-zA-Z0-9.:*@/%\\[\\]-]{0,40}") {
            let mut origins = Origins::default();
            let is_added = origins.add(&text).is_ok();
            prop_assert_eq!(is_added, !origins.names().is_empty());
            if let Ok(origin) = Origin::parse(&text) {
                let again = Origin::from_browser(origin.text.as_bytes());
                prop_assert_eq!(again, Some(origin.clone()));
                prop_assert!(origins.contains(origin.text.as_bytes()));
            }
        }

        #[test]
        fn a_label_is_one(label in "[a-z0-9._:/@%*-]{0,12}") {
            let mut origins = Origins::default();
            origins.add("https://*.example.com").unwrap();
            let sent = format!("https://{label}.example.com");
            let is_one = !label.is_empty() && !label.contains(['.', ':', '/', '@', '%', '*']);
            prop_assert_eq!(origins.contains(sent.as_bytes()), is_one);
        }
    }
}

use std::fmt;

use http::{HeaderMap, HeaderName, header::FORWARDED};

use super::forwarded::{self, Element};

/// The header in which proxies say for whom they ask. Only the one that is chosen is ever read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`. What most proxies send.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), with its `proto` and `host`.
    Forwarded,
    /// A list of addresses under another name.
    List(HeaderName),
}

/// What a proxy says of the hop before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// An address as it was written, if there is one.
    pub(super) node: Option<&'a str>,
    /// `Forwarded` says these with each hop.
    pub(super) element: Option<Element<'a>>,
}

// ===== impl Family =====

impl Family {
    pub(super) fn header(&self) -> &HeaderName {
        match self {
            Self::XForwardedFor => &X_FORWARDED_FOR,
            Self::Forwarded => &FORWARDED,
            Self::List(name) => name,
        }
    }

    /// The entries of all header lines, joined, last first.
    pub(super) fn entries<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = Entry<'a>> {
        let is_forwarded = *self == Self::Forwarded;
        entries_from_the_right(headers, self.header(), is_forwarded).map(move |text| {
            let element = text.filter(|_| is_forwarded).and_then(forwarded::parse);
            Entry {
                node: if is_forwarded {
                    element.and_then(|element| element.node)
                } else {
                    text
                },
                element,
            }
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.header().as_str())
    }
}

/// The entries of all lines of a list header, last first. `None` for what is not text.
pub(super) fn entries_from_the_right<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    may_be_quoted: bool,
) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name).into_iter().rev();
    lines.flat_map(move |line| {
        let text = line.to_str().ok();
        let entries = text.map(|text| forwarded::rsplit(text, b',', may_be_quoted).map(Some));
        let garbage = text.is_none().then_some(None);
        entries.into_iter().flatten().chain(garbage)
    })
}

pub(super) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

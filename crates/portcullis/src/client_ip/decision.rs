use std::{fmt, net::IpAddr};

use http::HeaderName;

use super::Strategy;

/// Who the client is, and why. Printed as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub(super) client: IpAddr,
    pub(super) peer: IpAddr,
    header: Option<HeaderName>,
    /// How many entries, from the right, were believed.
    pub(super) entries: usize,
    pub(super) why: Why,
}

/// Why a client is who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    NoProxy,
    Untrusted,
    Written,
    Counted,
    FirstUntrusted,
    AllTrusted,
    Silent,
    Missing,
    Garbage,
    TooLong,
}

// ===== impl Decision =====

impl Decision {
    pub(super) fn new(
        strategy: &Strategy,
        peer: IpAddr,
        client: IpAddr,
        entries: usize,
        why: Why,
    ) -> Self {
        Self {
            client,
            peer,
            header: strategy.reads().cloned(),
            entries,
            why,
        }
    }

    /// Returns the client's address.
    #[must_use]
    pub const fn client(&self) -> IpAddr {
        self.client
    }

    /// Returns the address of the peer.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Returns the header that was to be read, if any was.
    #[must_use]
    pub const fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// Returns `true` if a trusted proxy did not say what it should have, so that an address of ours stands
    /// for the client.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        matches!(self.why, Why::Missing | Why::Garbage | Why::TooLong)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.header.as_ref().map_or("", HeaderName::as_str);
        let (client, peer, entries) = (self.client, self.peer, self.entries);
        write!(f, "{client}: ")?;
        match self.why {
            Why::NoProxy => f.write_str("the peer, no proxy is trusted"),
            Why::Untrusted => f.write_str("the peer, which is no trusted proxy"),
            Why::Written => write!(f, "{peer} wrote it into {header}"),
            Why::Counted => write!(f, "entry {entries} of {header} from the right"),
            Why::FirstUntrusted => write!(
                f,
                "entry {entries} of {header} from the right, the first that is no trusted proxy"
            ),
            Why::AllTrusted => write!(f, "the last of {header}, all are trusted proxies"),
            Why::Silent => write!(f, "a trusted proxy that sent no {header}"),
            Why::Missing => write!(f, "{peer} sent no {header}, or too few entries"),
            Why::Garbage => write!(f, "entry {} of {header} is no address", entries + 1),
            Why::TooLong => write!(f, "{header} names more than {entries} proxies"),
        }
    }
}

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, request, response};

use super::{Reply, Verdict};
use crate::Count;

/// Judges requests by their heads, and completes the heads of responses.
///
/// An `Option` of a guard is a guard, and so is an `Arc` of one.
pub trait Guard: Send + Sync + 'static {
    /// Judges a request. May add facts to it; what the response must carry goes into `reply`.
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict;

    /// Lets a request pass that the guard is not asked about, such as a [public](crate::Public) one, or
    /// that another of [several](crate::AnyOf) admitted. May change its head.
    fn skip(&self, head: &mut request::Parts) {
        let _ = head;
    }

    /// Completes the head of a response.
    ///
    /// Called for every response, whoever made it: the application, another guard, the deadline or
    /// the panic recovery, and also where this guard was not asked. Guards complete in reverse
    /// order.
    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        let _ = (reply, head);
    }

    /// Returns the fields that every response gets unless the application sets them itself.
    ///
    /// Asked once, when an edge is built: cheaper than to add them to each response.
    fn defaults(&self) -> HeaderMap {
        HeaderMap::new()
    }

    /// Returns defaults that give way to other fields of the application: the name of the default, and
    /// those, any of which is enough.
    ///
    /// Asked once, when an edge is built.
    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        Vec::new()
    }

    /// Returns the names of fields that no response of the application keeps.
    ///
    /// Asked once, when an edge is built.
    fn strips(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    /// Returns the names of fields that the guard [writes](Reply::write) for most requests, so that
    /// room is made for them.
    fn writes(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    /// Returns `false` for a guard that does nothing. An edge leaves it out.
    fn is_on(&self) -> bool {
        true
    }

    /// Returns what the guard does now, for people: `10/s, burst 10 for each address`.
    fn describe(&self) -> String {
        "a guard of your own".to_owned()
    }

    /// Returns the facts that a guard above must find out. Checked when an edge is built.
    fn needs(&self) -> &'static [Need] {
        &[]
    }

    /// Returns the challenges (RFC 9110, section 11.6.1) of a guard that authenticates, which a request
    /// without credentials gets: where one of [several](super::AnyOf) refuses, those of all are told.
    fn challenges(&self) -> Vec<HeaderValue> {
        Vec::new()
    }

    /// Returns what the guard has counted, for a page of metrics.
    fn counts(&self) -> Vec<Count> {
        Vec::new()
    }
}

/// A fact that a [`Guard`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The [`ClientIp`](crate::ClientIp).
    ClientAddress,
    /// The [`Principal`](crate::Principal).
    Principal,
}

// ===== impl Need =====

impl Need {
    /// Returns the needs for which this is true, for [`Guard::needs`].
    #[must_use]
    pub fn list(is_needed: impl Fn(Self) -> bool) -> &'static [Self] {
        match (is_needed(Self::ClientAddress), is_needed(Self::Principal)) {
            (true, true) => &[Self::ClientAddress, Self::Principal],
            (true, false) => &[Self::ClientAddress],
            (false, true) => &[Self::Principal],
            (false, false) => &[],
        }
    }
}

// ===== impl Guard =====

impl<G: Guard> Guard for Option<G> {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        match self {
            Some(guard) => guard.admit(head, reply),
            None => Verdict::Admit,
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        if let Some(guard) = self {
            guard.skip(head);
        }
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        if let Some(guard) = self {
            guard.complete(reply, head);
        }
    }

    fn defaults(&self) -> HeaderMap {
        self.as_ref().map(Guard::defaults).unwrap_or_default()
    }

    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        self.as_ref().map(Guard::yields).unwrap_or_default()
    }

    fn strips(&self) -> Vec<HeaderName> {
        self.as_ref().map(Guard::strips).unwrap_or_default()
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.as_ref().map(Guard::writes).unwrap_or_default()
    }

    fn is_on(&self) -> bool {
        self.as_ref().is_some_and(Guard::is_on)
    }

    fn describe(&self) -> String {
        self.as_ref().map_or("off".to_owned(), Guard::describe)
    }

    fn needs(&self) -> &'static [Need] {
        self.as_ref().map_or(&[], Guard::needs)
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        self.as_ref().map(Guard::challenges).unwrap_or_default()
    }

    fn counts(&self) -> Vec<Count> {
        self.as_ref().map(Guard::counts).unwrap_or_default()
    }
}

impl<G: Guard + ?Sized> Guard for Arc<G> {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        (**self).admit(head, reply)
    }

    fn skip(&self, head: &mut request::Parts) {
        (**self).skip(head);
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        (**self).complete(reply, head);
    }

    fn defaults(&self) -> HeaderMap {
        (**self).defaults()
    }

    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        (**self).yields()
    }

    fn strips(&self) -> Vec<HeaderName> {
        (**self).strips()
    }

    fn writes(&self) -> Vec<HeaderName> {
        (**self).writes()
    }

    fn is_on(&self) -> bool {
        (**self).is_on()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn needs(&self) -> &'static [Need] {
        (**self).needs()
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        (**self).challenges()
    }

    fn counts(&self) -> Vec<Count> {
        (**self).counts()
    }
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::request;
use portcullis_core::{Deadline, Facts, Rejection, RejectionKind, Reply, facts::Pauses};

#[cfg(feature = "decompression")]
use super::decoding::Coding;
use super::{Decoding, checks::Checks, deadline::TimeLimit, pace::Waited, watched::declared};

/// How much of a request's body has been read.
#[derive(Debug)]
pub struct BodyCount {
    limit: Option<u64>,
    read: AtomicU64,
    decoding: Option<Decoding>,
    decoded: AtomicU64,
    /// Where it must come fast enough.
    waited: Option<Waited>,
    /// Where guards look at its bytes.
    checks: Option<Checks>,
    /// By the head.
    declared: u64,
}

// ===== impl BodyCount =====

impl BodyCount {
    /// Returns how the body that a reply knows of is counted, where its length is not known and somebody
    /// asks, or where it may pass a limit; or why it is refused.
    #[inline]
    pub(super) fn of(
        reply: &mut Reply,
        head: &mut request::Parts,
        is_watched: bool,
        time_limit: Option<TimeLimit>,
    ) -> Result<Option<Arc<Self>>, Rejection> {
        let (size, limit, has_ends) = (*reply.body_size(), reply.body_limit(), reply.has_ends());
        if let Some(limit) = limit.filter(|limit| size.lower() > *limit) {
            return Err(Self::too_large(limit));
        }
        let is_known = match limit {
            Some(limit) => size.upper().is_some_and(|most| most <= limit),
            None => size.exact().is_some() || !is_watched,
        };
        // A guard that decodes limits too. Taken out: a layer below has a body that is decoded.
        let decoding = limit.and_then(|_| head.extensions.remove::<Decoding>());
        let pace = time_limit.and_then(|limit| limit.upload);
        let pace = pace.filter(|_| size.upper() != Some(0));
        let stream_idle = time_limit.and_then(|limit| limit.stream_idle);
        let checks = reply
            .checks_body()
            .then(|| Checks::new(reply.take_checks()));
        if let Some(checks) = checks.as_ref().filter(|_| size.upper() == Some(0)) {
            checks.finish_empty()?;
        }
        // What is declared need not come.
        let is_counted = !is_known || has_ends || decoding.is_some() || pace.is_some();
        let is_counted = is_counted || checks.is_some();
        let count = || Self {
            limit,
            read: AtomicU64::new(0),
            decoding,
            decoded: AtomicU64::new(0),
            waited: pace.map(|pace| Waited::new(pace, stream_idle)),
            checks,
            declared: declared(&head.headers).unwrap_or(0),
        };
        Ok(is_counted.then(|| Arc::new(count())))
    }

    #[cfg(feature = "decompression")]
    pub(super) const fn is_decoded(&self) -> bool {
        self.decoding.is_some()
    }

    #[cfg(feature = "decompression")]
    pub(super) fn coding(&self) -> Option<Coding> {
        self.decoding.map(|decoding| decoding.coding)
    }

    /// Takes the head's word, where nobody counts.
    #[cold]
    pub(super) fn believe(&self) {
        self.read.store(self.declared, Ordering::Release);
    }

    /// Counts some bytes. Returns `true` if they pass the limit.
    pub(super) fn add(&self, bytes: u64) -> bool {
        self.read.fetch_add(bytes, Ordering::AcqRel);
        self.passed_limit().is_some()
    }

    /// Counts some bytes that came out of a decoder. Returns `true` if they are too many.
    #[cfg(feature = "decompression")]
    pub(super) fn add_decoded(&self, bytes: u64) -> bool {
        self.decoded.fetch_add(bytes, Ordering::AcqRel);
        self.decoded_too_far().is_some()
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Acquire)
    }

    /// Returns why the body is refused, once it is.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Rejection> {
        let passed = self.passed_limit().map(Self::too_large);
        passed
            .or_else(|| self.decoded_too_far())
            .or_else(|| self.waited.as_ref()?.refusal())
            .or_else(|| self.checks.as_ref()?.refusal())
    }

    /// Returns why the application may not answer yet, if it may not.
    #[inline]
    pub(super) fn unfinished(&self) -> Option<Rejection> {
        self.checks.as_ref()?.unfinished()
    }

    pub(super) const fn checks(&self) -> Option<&Checks> {
        self.checks.as_ref()
    }

    /// While the body is waited for the deadline stands still, as the application sees it too.
    pub(super) fn pause_deadline(self: &Arc<Self>, head: &mut request::Parts) {
        if self.waited.is_none() {
            return;
        }
        let facts = Facts::of_mut(&mut head.extensions);
        if let Some(deadline) = facts.get::<Deadline>().cloned() {
            facts.set(deadline.with_pauses(Arc::clone(self) as Arc<dyn Pauses>));
        }
    }

    pub(super) const fn waited(&self) -> Option<&Waited> {
        self.waited.as_ref()
    }

    /// Returns the limit if more was read.
    pub(super) fn passed_limit(&self) -> Option<u64> {
        self.limit.filter(|limit| self.read() > *limit)
    }

    fn decoded_too_far(&self) -> Option<Rejection> {
        let decoding = self.decoding?;
        let decoded = self.decoded.load(Ordering::Acquire);
        let detail = if decoded > decoding.limit {
            format!("at most {} bytes are allowed, decoded", decoding.limit)
        } else if decoding.is_bomb(self.read(), decoded) {
            format!("at most {} times what is sent is decoded", decoding.ratio)
        } else {
            return None;
        };
        Some(
            Rejection::new(RejectionKind::BodyTooLarge)
                .with_layer("body_limit")
                .with_detail(detail),
        )
    }

    pub(crate) fn too_large(limit: u64) -> Rejection {
        let detail = format!("at most {limit} bytes are allowed");
        Rejection::new(RejectionKind::BodyTooLarge)
            .with_layer("body_limit")
            .with_detail(detail)
    }
}

impl Pauses for BodyCount {
    fn paused(&self) -> Duration {
        self.waited.as_ref().map_or(Duration::ZERO, Waited::time)
    }
}

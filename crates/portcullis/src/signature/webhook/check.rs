//! The signature of a webhook, while its body is read.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use hmac::{Hmac, Mac};
use portcullis_core::{AuthScheme, BodyCheck, Reason, Rejection, ReplayNote, ReplayStore};
use sha2::Sha256;

use super::{dates::Dates, guard::reject};
use crate::signature::replays::{self, Used, Waiting};

pub(super) struct Check {
    /// One for each secret.
    begun: Vec<Hmac<Sha256>>,
    signatures: Vec<Vec<u8>>,
    dates: Dates,
    replays: Option<(Arc<dyn ReplayStore>, ReplayNote)>,
    waiting: Option<Waiting>,
    wrong: Rejection,
}

// ===== impl Check =====

impl Check {
    pub(super) fn new(
        begun: Vec<Hmac<Sha256>>,
        signatures: Vec<Vec<u8>>,
        dates: Dates,
        replays: Option<(Arc<dyn ReplayStore>, ReplayNote)>,
        wrong: Rejection,
    ) -> Self {
        Self {
            begun,
            signatures,
            dates,
            replays,
            waiting: None,
            wrong,
        }
    }

    /// Compares every signature with every secret, whichever was right.
    fn is_right(&self) -> bool {
        let mut is_right = false;
        for mac in &self.begun {
            for signature in &self.signatures {
                is_right |= mac.clone().verify_slice(signature).is_ok();
            }
        }
        is_right
    }

    /// Judges a webhook whose body was read. A body may take long, and a store forgets what is too old:
    /// so the date must still be good when its use is noted.
    fn judge(&self) -> Result<u64, Rejection> {
        if !self.is_right() {
            return Err(self.wrong.clone());
        }
        self.dates.judge().map_err(|reason| self.reject(reason))
    }

    /// Notes the use of a webhook that is right.
    fn poll_use(&mut self, cx: &mut Context<'_>) -> Poll<Used> {
        if let Some(waiting) = &mut self.waiting {
            return waiting.as_mut().poll(cx);
        }
        let Some((store, note)) = self.replays.take() else {
            return Poll::Ready(Ok(true));
        };
        match replays::asked(store.note(&note), AuthScheme::Webhook) {
            Ok(used) => Poll::Ready(used),
            Err(waiting) => self.waiting.insert(waiting).as_mut().poll(cx),
        }
    }

    fn reject(&self, reason: Reason) -> Rejection {
        let subject = self.wrong.cause().and_then(|cause| cause.subject());
        reject(reason, subject)
    }
}

impl BodyCheck for Check {
    fn update(&mut self, bytes: &[u8]) {
        self.begun.iter_mut().for_each(|mac| mac.update(bytes));
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        if self.waiting.is_none() {
            let now = self.judge()?;
            self.replays.iter_mut().for_each(|(_, note)| note.now = now);
        }
        Poll::Ready(match ready!(self.poll_use(cx)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.reject(Reason::Replayed)),
            Err(rejection) => Err(rejection),
        })
    }

    /// Nobody is known yet.
    fn unfinished(&self) -> Option<Rejection> {
        Some(self.reject(Reason::Incomplete))
    }
}

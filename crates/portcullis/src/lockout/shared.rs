//! Failures that several processes count together.

use std::{future::ready, sync::Arc, time::Duration};

use portcullis_core::{
    Facts, Failing, Failure, FailureStore, Lock, Rejection, Verdict, observe::Escaped,
};
use tokio::time::timeout;

use super::{Lockout, failures::Failures};
use crate::rate_limit::{
    Key,
    places::{Clock, client_key},
};

/// A [`FailureStore`] in the memory of one process: for several edges in it, and for tests.
#[derive(Clone)]
pub struct MemoryFailures {
    failures: Arc<Failures>,
    clock: Clock,
}

// ===== impl MemoryFailures =====

impl MemoryFailures {
    /// Creates a store with room for so many keys, which all lock by one rule.
    #[must_use]
    pub fn new(rule: portcullis_core::LockoutRule, max_keys: usize) -> Self {
        Self {
            failures: Arc::new(Failures::new(rule, max_keys)),
            clock: Clock::new(),
        }
    }
}

impl FailureStore for MemoryFailures {
    fn fail(&self, failure: Failure) -> Failing {
        let key = Key::from_name(failure.key);
        let now = self.clock.now() / 1_000_000;
        let lock = self.failures.add(&key, now, failure.at_least);
        Box::pin(ready(Ok(lock)))
    }
}

impl std::fmt::Debug for MemoryFailures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryFailures").finish_non_exhaustive()
    }
}

/// Tells the store of a failure, if there is one, and then refuses. The store's answer counts from the
/// client's next request on.
pub(super) fn tell(lockout: &Lockout, facts: &Facts, lock: Lock, rejection: Rejection) -> Verdict {
    let (Some(store), Some(key)) = (&lockout.state.store, client_key(facts)) else {
        return rejection.into();
    };
    let failure = Failure::new(key.to_string(), *lockout.rule(), lock.failures);
    let answer = timeout(TIME_LIMIT, store.fail(failure));
    let lockout = lockout.clone();
    Verdict::defer(answer, move |answer, head, _| {
        let facts = Facts::of(&head.extensions);
        match answer.unwrap_or_else(|late| Err(late.into())) {
            Ok(lock) => lockout.learn(facts, lock),
            Err(error) => {
                let error = Escaped::new(error);
                tracing::debug!(target: "portcullis", %error, "the store of failures does not answer");
            }
        }
        rejection.into()
    })
}

// ===== impl Lockout =====

impl Lockout {
    fn learn(&self, facts: &Facts, lock: Lock) {
        if let Some(key) = client_key(facts) {
            self.state.addresses.learn(&key, self.now(facts), lock);
        }
    }
}

const TIME_LIMIT: Duration = Duration::from_millis(50);

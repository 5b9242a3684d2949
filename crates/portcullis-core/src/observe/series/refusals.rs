use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::OTHER;
use crate::{Live, Rejection, RejectionKind};

/// Something for each series of refusals.
pub struct RefusalTable<R> {
    known: Live<Vec<(RefusalLabels, Arc<R>)>>,
    adding: Mutex<()>,
    create: Box<Create<R>>,
}

/// What tells one series of refusals from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RefusalLabels {
    /// The [layer](Rejection::layer) that refused; empty where it is not known.
    pub layer: &'static str,
    /// The [slug](RejectionKind::slug) of the kind.
    pub reason: &'static str,
    /// The first policy that was [violated](Rejection::violated_policies), or empty. One only, so that
    /// each refusal is counted once.
    pub policy: Box<str>,
}

type Create<R> = dyn Fn(&RefusalLabels) -> R + Send + Sync;

// ===== impl RefusalTable =====

impl<R> RefusalTable<R> {
    /// Creates an empty table, and sets what creates an entry of it.
    pub fn new(create: impl Fn(&RefusalLabels) -> R + Send + Sync + 'static) -> Self {
        Self {
            known: Live::new(Vec::new()),
            adding: Mutex::new(()),
            create: Box::new(create),
        }
    }

    /// Calls a function with the series of a refusal.
    #[inline]
    pub fn with<T>(&self, rejection: &Rejection, count: impl FnOnce(&R) -> T) -> T {
        let (layer, kind) = (rejection.layer().unwrap_or_default(), rejection.kind());
        let policy = rejection.violated_policies().first();
        let policy = policy.map_or("", |policy| &**policy);
        if let Some((_, found)) = find(&self.known.load(), layer, kind, policy) {
            return count(found);
        }
        count(&self.find_or_add(layer, kind, policy))
    }

    /// Returns all series, sorted.
    pub fn all(&self) -> Vec<(RefusalLabels, Arc<R>)> {
        let mut all = Vec::clone(&self.known.load());
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    #[cold]
    fn find_or_add(&self, layer: &'static str, kind: RejectionKind, policy: &str) -> Arc<R> {
        let is_full = self.known.load().len() >= MOST;
        let policy = if is_full { OTHER } else { policy };
        if let Some((_, found)) = find(&self.known.load(), layer, kind, policy) {
            return Arc::clone(found);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Vec::clone(&self.known.load());
        // Others may have added it meanwhile.
        if let Some((_, found)) = find(&known, layer, kind, policy) {
            return Arc::clone(found);
        }
        let labels = RefusalLabels {
            layer,
            reason: kind.slug(),
            policy: policy.into(),
        };
        let added = Arc::new((self.create)(&labels));
        known.push((labels, Arc::clone(&added)));
        self.known.store(known);
        added
    }
}

impl<R> fmt::Debug for RefusalTable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalTable").finish_non_exhaustive()
    }
}

fn find<'k, R>(
    known: &'k [(RefusalLabels, Arc<R>)],
    layer: &str,
    kind: RejectionKind,
    policy: &str,
) -> Option<&'k (RefusalLabels, Arc<R>)> {
    known.iter().find(|(labels, _)| {
        labels.reason == kind.slug() && labels.layer == layer && *labels.policy == *policy
    })
}

const MOST: usize = 1000;

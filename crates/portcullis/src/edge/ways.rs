use std::sync::Arc;

use portcullis_core::{AnyOf, Guard};

/// Ways in, of setters. Whichever a request has credentials of decides.
#[derive(Clone, Default)]
pub(super) struct Ways {
    /// Takes forged fields out of requests, whoever admits them: so it comes first.
    pub(super) certs: Option<Arc<dyn Guard>>,
    pub(super) keys: Option<Arc<dyn Guard>>,
    pub(super) tokens: Option<Arc<dyn Guard>>,
    pub(super) signatures: Option<Arc<dyn Guard>>,
}

// ===== impl Ways =====

impl Ways {
    /// Returns one guard of all.
    pub(super) fn into_guard(self) -> Option<Arc<dyn Guard>> {
        let all = [self.certs, self.keys, self.tokens, self.signatures];
        let mut all = all.into_iter().flatten();
        let first = all.next()?;
        let Some(second) = all.next() else {
            return Some(first);
        };
        let either = AnyOf::new().or(first).or(second);
        Some(Arc::new(all.fold(either, AnyOf::or)))
    }
}

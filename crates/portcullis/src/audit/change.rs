/// A change of the server itself, for [`Audit::record`](super::Audit::record).
///
/// ```
/// use portcullis::audit::Event;
///
/// let reload = Event::reloaded("API keys");
/// let revocation = Event::revoked("4fzq0m8c1x7d").by("alice");
/// # let _ = (reload, revocation);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(super) reason: &'static str,
    pub(super) target: Box<str>,
    pub(super) by: Option<Box<str>>,
}

// ===== impl Event =====

impl Event {
    /// Creates an event: something was read anew, such as a file of keys. No secret may be in the name.
    #[must_use]
    pub fn reloaded(target: &str) -> Self {
        Self::new("reloaded", target)
    }

    /// Creates an event: something should have been read anew, and what was there before is still in
    /// force.
    #[must_use]
    pub fn reload_failed(target: &str) -> Self {
        Self::new("reload_failed", target)
    }

    /// Creates an event: a key, or whatever has this id, is not valid any more.
    #[must_use]
    pub fn revoked(id: &str) -> Self {
        Self::new("revoked", id)
    }

    /// Sets who changed it.
    #[must_use]
    pub fn by(mut self, principal: &str) -> Self {
        self.by = Some(principal.into());
        self
    }

    fn new(reason: &'static str, target: &str) -> Self {
        let (target, by) = (target.into(), None);
        Self { reason, target, by }
    }
}

use std::{fmt, sync::Arc};

use http::response;
use smallvec::SmallVec;

/// What a [`Reply`](super::Reply) holds until the exchange has ended. Dropped, it is given back.
#[derive(Default)]
pub struct Holding(SmallVec<[Item; 1]>);

/// Hands out permits, of which requests hold one each until they have ended.
pub trait Permits: Send + Sync + 'static {
    /// The head of the response is there, whoever made it: the time from the permit to then is what a
    /// service took.
    fn on_head(&self, _note: Note, _: &response::Parts) {}

    /// The request has ended.
    fn take_back(&self, note: Note);
}

/// What [`Permits`] noted of a permit: which it is, since when.
pub type Note = [u64; 2];

/// One of many [`Permits`]; dropped, it is taken back. It allocates nothing.
pub struct Permit {
    of: Arc<dyn Permits>,
    note: Note,
}

/// One thing that is held.
enum Item {
    Permit(Permit),
    Other(#[expect(dead_code, reason = "dropped, it is given back")] Box<dyn Send>),
}

// ===== impl Holding =====

impl Holding {
    pub(super) fn push(&mut self, held: impl Send + 'static) {
        self.0.push(Item::Other(Box::new(held)));
    }

    #[inline]
    pub(super) fn push_permit(&mut self, permit: Permit) {
        self.0.push(Item::Permit(permit));
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(super) fn on_head(&self, head: &response::Parts) {
        for held in &self.0 {
            if let Item::Permit(permit) = held {
                permit.of.on_head(permit.note, head);
            }
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holding({})", self.0.len())
    }
}

// ===== impl Permit =====

impl Permit {
    /// Creates a permit that these handed out.
    #[inline]
    #[must_use]
    pub fn new<P: Permits>(of: Arc<P>, note: Note) -> Self {
        Self { of, note }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.of.take_back(self.note);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.note).finish()
    }
}

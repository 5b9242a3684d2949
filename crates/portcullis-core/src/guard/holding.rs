use std::fmt;

use http::response;
use smallvec::SmallVec;

/// What a [`Reply`](super::Reply) holds until the exchange has ended. Dropped, it is given back.
#[derive(Default)]
pub struct Holding(SmallVec<[Box<dyn Holds>; 2]>);

trait Holds: Send {
    fn on_head(&mut self, _: &response::Parts) {}
}

/// Something that is not told of the response.
struct Silent<T> {
    _held: T,
}

/// Something that is told of the response's head.
struct Told<T> {
    held: T,
    on_head: fn(&mut T, &response::Parts),
}

// ===== impl Holding =====

impl Holding {
    pub(super) fn push<T: Send + 'static>(&mut self, held: T) {
        self.0.push(Box::new(Silent { _held: held }));
    }

    pub(super) fn push_told<T: Send + 'static>(
        &mut self,
        held: T,
        on_head: fn(&mut T, &response::Parts),
    ) {
        self.0.push(Box::new(Told { held, on_head }));
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(super) fn on_head(&mut self, head: &response::Parts) {
        for held in &mut self.0 {
            held.on_head(head);
        }
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holding({})", self.0.len())
    }
}

// ===== impl Holds =====

impl<T: Send> Holds for Silent<T> {}

impl<T: Send> Holds for Told<T> {
    fn on_head(&mut self, head: &response::Parts) {
        (self.on_head)(&mut self.held, head);
    }
}

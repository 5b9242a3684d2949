use std::{fmt, sync::Arc};

/// Something that lasts as long as an exchange: the place of a request in flight.
#[derive(Clone)]
pub struct Held {
    _held: Arc<dyn Send + Sync>,
}

impl Held {
    /// Keeps something. It is given back when it is dropped.
    pub fn new(held: Arc<impl Send + Sync + 'static>) -> Self {
        Self { _held: held }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

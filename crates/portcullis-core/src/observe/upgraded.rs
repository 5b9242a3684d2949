use std::{any::Any, fmt, sync::Arc};

/// The exchanges that a connection's upgrade ends, in the extensions of the response that said that it
/// becomes something else.
///
/// A server takes it out, and drops it with the upgraded connection: so an observer hears of a
/// WebSocket's end. They end with the response's head where a server does not.
#[derive(Clone, Default)]
pub struct Upgraded(Vec<Arc<dyn Any + Send + Sync>>);

// ===== impl Upgraded =====

impl Upgraded {
    /// Adds an exchange, which ends when the value is dropped.
    pub fn add(&mut self, exchange: impl Send + Sync + 'static) {
        self.0.push(Arc::new(exchange));
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upgraded").field(&self.0.len()).finish()
    }
}

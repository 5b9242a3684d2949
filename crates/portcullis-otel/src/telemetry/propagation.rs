use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
};

use crate::{Propagator, context::Propagators};

/// The propagator, with what the variable has left of it.
#[derive(Debug)]
pub(super) struct Chosen {
    propagator: Propagator,
    wanted: Propagators,
}

/// An injector or an extractor that sees only the fields that are wanted.
struct Filtered<T> {
    inner: T,
    wanted: Propagators,
}

// ===== impl Chosen =====

impl Chosen {
    pub(super) fn new(wanted: Propagators) -> Self {
        Self {
            propagator: Propagator::new(),
            wanted,
        }
    }
}

impl TextMapPropagator for Chosen {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let (inner, wanted) = (injector, self.wanted);
        self.propagator
            .inject_context(cx, &mut Filtered { inner, wanted });
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let (inner, wanted) = (extractor, self.wanted);
        self.propagator
            .extract_with_context(cx, &Filtered { inner, wanted })
    }

    fn fields(&self) -> FieldIter<'_> {
        self.propagator.fields()
    }
}

// ===== impl Filtered =====

impl<T> Filtered<T> {
    const fn is_wanted(&self, key: &str) -> bool {
        self.wanted.has(key)
    }
}

impl Injector for Filtered<&mut dyn Injector> {
    fn set(&mut self, key: &str, value: String) {
        if self.is_wanted(key) {
            self.inner.set(key, value);
        }
    }
}

impl Extractor for Filtered<&dyn Extractor> {
    fn get(&self, key: &str) -> Option<&str> {
        self.inner.get(key).filter(|_| self.is_wanted(key))
    }

    fn keys(&self) -> Vec<&str> {
        let keys = self.inner.keys().into_iter();
        keys.filter(|key| self.is_wanted(key)).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        self.inner.get_all(key).filter(|_| self.is_wanted(key))
    }
}

use std::{fmt, pin::Pin, sync::Arc};

use http::request;
use tracing::Span;

use super::Exchange;
use crate::Counts;

/// Watches exchanges.
///
/// An `Option` of an observer is one, and so is an `Arc` of one.
pub trait Observer: Send + Sync + 'static {
    /// Called once an exchange, when its request has an ID and its client is known.
    ///
    /// May return a scope, in which the application and the guards below run.
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        let _ = (exchange, head);
        None
    }

    /// Called exactly once, when the exchange has ended.
    fn end(&self, exchange: &Exchange);

    /// Called once, when an edge is built: what the edge's guards count, for observers that show
    /// it.
    fn add_counts(&self, counts: Arc<dyn Counts>) {
        let _ = counts;
    }

    /// Returns what the observer counts itself, such as what it had to drop, for an edge's page of
    /// metrics. What is returned must not hold observers of the edge.
    fn own_counts(&self) -> Option<Arc<dyn Counts>> {
        None
    }

    /// Returns what a server waits for when it has stopped, for at most 5 seconds: until everything is
    /// written that the observer has of exchanges. Nothing by default.
    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }

    /// Returns `false` for an observer that does nothing. An edge leaves it out.
    fn is_on(&self) -> bool {
        true
    }

    /// Returns what the observer makes, for people: `traces`.
    fn describe(&self) -> String {
        "an observer of your own".to_owned()
    }
}

/// What is entered for each poll of an exchange.
pub struct Scope(Kind);

enum Kind {
    Span(Span),
    Own(Box<dyn Enter>),
}

/// Runs polls, with something in place around them.
pub trait Enter: Send {
    /// Runs a poll. It must be called, once.
    fn enter(&mut self, poll: &mut dyn FnMut());
}

// ===== impl Scope =====

impl Scope {
    /// Creates a scope that enters a span, unless nobody listens to it.
    #[must_use]
    pub fn span(span: Span) -> Option<Self> {
        (!span.is_disabled()).then_some(Self(Kind::Span(span)))
    }

    /// Creates a scope of one's own.
    pub fn new(enter: impl Enter + 'static) -> Self {
        Self(Kind::Own(Box::new(enter)))
    }

    /// Runs a poll in some scopes, the first outermost.
    #[inline]
    pub fn run(scopes: &mut [Self], poll: &mut dyn FnMut()) {
        match scopes {
            [] => poll(),
            [Self(Kind::Span(span)), inner @ ..] => span.in_scope(|| Self::run(inner, poll)),
            [Self(Kind::Own(own)), inner @ ..] => own.enter(&mut || Self::run(inner, poll)),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

// ===== impl Observer =====

impl<O: Observer> Observer for Option<O> {
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        self.as_ref().and_then(|own| own.begin(exchange, head))
    }

    fn end(&self, exchange: &Exchange) {
        if let Some(own) = self {
            own.end(exchange);
        }
    }

    fn add_counts(&self, counts: Arc<dyn Counts>) {
        if let Some(own) = self {
            own.add_counts(counts);
        }
    }

    fn own_counts(&self) -> Option<Arc<dyn Counts>> {
        self.as_ref().and_then(Observer::own_counts)
    }

    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        self.as_ref().and_then(Observer::on_stop)
    }

    fn is_on(&self) -> bool {
        self.as_ref().is_some_and(Observer::is_on)
    }

    fn describe(&self) -> String {
        self.as_ref().map_or("off".to_owned(), Observer::describe)
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        (**self).begin(exchange, head)
    }

    fn end(&self, exchange: &Exchange) {
        (**self).end(exchange);
    }

    fn add_counts(&self, counts: Arc<dyn Counts>) {
        (**self).add_counts(counts);
    }

    fn own_counts(&self) -> Option<Arc<dyn Counts>> {
        (**self).own_counts()
    }

    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        (**self).on_stop()
    }

    fn is_on(&self) -> bool {
        (**self).is_on()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

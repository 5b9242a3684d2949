use std::{sync::Arc, thread};

use http::{request, response};
use portcullis_core::{
    Exchange, Facts, Outcome, Reply, Route, RouteSlot, TraceContext, observe::Panic,
};

use super::{BodyCount, Stack, caught::catch};

/// The exchange that observers watch, if there are any. They hear of its end exactly once. An
/// observer that panics is logged, and changes nothing: the others hear of it all the same.
pub(super) struct Watch {
    pub(super) stack: Arc<Stack>,
    exchange: Option<Exchange>,
    /// Where the route is left, if it wasn't known from the start.
    route: Option<RouteSlot>,
    /// Of a guard, before the exchange has begun.
    panic: Option<Panic>,
    /// How much of the request's body was read, where its length is not known.
    pub(super) count: Option<Arc<BodyCount>>,
}

// ===== impl Watch =====

impl Watch {
    pub(super) const fn new(stack: Arc<Stack>) -> Self {
        Self {
            stack,
            exchange: None,
            route: None,
            panic: None,
            count: None,
        }
    }

    /// Lets the observers begin.
    #[inline]
    pub(super) fn begin(&mut self, head: &mut request::Parts, reply: &mut Reply) {
        if self.stack.observers.is_empty() {
            return;
        }
        let started = Facts::receive(&mut head.extensions);
        let route = self
            .stack
            .route_from
            .and_then(|route| route(&head.extensions));
        let exchange = self.exchange.insert(Exchange::new(head, started));
        if let Some(panic) = self.panic.take() {
            exchange.on_panic(panic);
        }
        exchange.set_route(route.map(Route::new));
        if route.is_none() {
            let facts = Facts::of_mut(&mut head.extensions);
            let above: Option<&RouteSlot> = facts.get();
            let slot = above.cloned().unwrap_or_default();
            self.route = Some(slot.clone());
            facts.set(slot);
        }
        exchange.set_request_bytes(reply.body_size().exact().unwrap_or(0));
        for observer in &self.stack.observers {
            match catch(|| observer.begin(exchange, head)) {
                Ok(scope) => reply.enter(scope),
                Err(caught) => caught.log(exchange.request_id()),
            }
        }
    }

    /// Returns the trace that the exchange belongs to.
    pub(super) fn trace(&self) -> Option<&TraceContext> {
        self.exchange.as_ref()?.trace()
    }

    /// Notes a panic.
    pub(super) fn on_panic(&mut self, panic: Panic) {
        match &mut self.exchange {
            Some(exchange) => exchange.on_panic(panic),
            None => self.panic = Some(panic),
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.exchange.is_some()
    }

    /// Notes who sent the request, before the application gets it or it is refused.
    #[inline]
    pub(super) fn on_request(&mut self, head: &request::Parts) {
        if let Some(exchange) = &mut self.exchange {
            exchange.set_principal(Facts::of(&head.extensions).get().cloned());
        }
    }

    #[inline]
    pub(super) fn on_head(&mut self, head: &response::Parts) {
        if let Some(exchange) = &mut self.exchange {
            exchange.on_head(head);
        }
    }

    /// Ends the exchange, unless it has ended already.
    pub(super) fn end(&mut self, outcome: Outcome) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        if let Some(count) = &self.count {
            // What is declared counts, also where nobody reads it.
            exchange.set_request_bytes(count.read().max(exchange.request_bytes()));
        }
        if let Some(route) = self.route.as_ref().and_then(RouteSlot::get) {
            exchange.set_route(Some(route));
        }
        exchange.on_end(outcome);
        for observer in self.stack.observers.iter().rev() {
            if let Err(caught) = catch(|| observer.end(exchange)) {
                caught.log(exchange.request_id());
            }
        }
        self.exchange = None;
    }

    /// Takes the exchange, which goes on.
    pub(super) fn take(&mut self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            exchange: self.exchange.take(),
            route: self.route.take(),
            panic: None,
            count: self.count.take(),
        }
    }

    pub(super) const fn set_upgraded(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.set_upgraded();
        }
    }

    pub(super) fn on_bytes(&mut self, bytes: u64) {
        if let Some(exchange) = &mut self.exchange {
            exchange.on_bytes(bytes);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.exchange.is_some() {
            self.end(if thread::panicking() {
                Outcome::Panicked
            } else {
                Outcome::ClientGone
            });
        }
    }
}

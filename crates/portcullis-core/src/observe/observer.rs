use http::request;

use super::Exchange;

/// Watches exchanges.
///
/// Observers compose: a pair of observers is one, an `Option` is one, and `()` watches nothing.
pub trait Observer {
    /// What is kept for one exchange.
    type Watch: Watch;

    /// Called once an exchange, before the inner service.
    ///
    /// `route` is the template of the route that will serve the request, such as `/users/{id}`,
    /// where the framework knows it: see [`ObserveLayer::route_from`](super::ObserveLayer).
    fn begin(&self, head: &request::Parts, route: Option<&str>) -> Self::Watch;

    /// What the observer makes, for people: `traces`. Empty where it watches nothing.
    fn describe(&self) -> String {
        "an observer of your own".to_owned()
    }
}

/// What an [`Observer`] keeps for one exchange.
pub trait Watch {
    /// Runs each poll of the inner service and of the body it answered with.
    ///
    /// A place to enter a span. The default runs the poll as it is.
    fn scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        poll()
    }

    /// Called exactly once, when the exchange has ended.
    fn end(self, exchange: &Exchange<'_>);
}

// ===== impl Observer =====

impl Observer for () {
    type Watch = ();

    #[inline]
    fn begin(&self, _head: &request::Parts, _route: Option<&str>) {}

    fn describe(&self) -> String {
        String::new()
    }
}

impl<A, B> Observer for (A, B)
where
    A: Observer,
    B: Observer,
{
    type Watch = (A::Watch, B::Watch);

    #[inline]
    fn begin(&self, head: &request::Parts, route: Option<&str>) -> Self::Watch {
        (self.0.begin(head, route), self.1.begin(head, route))
    }

    fn describe(&self) -> String {
        let both = [self.0.describe(), self.1.describe()];
        let named = both.into_iter().filter(|name| !name.is_empty());
        named.collect::<Vec<_>>().join(", ")
    }
}

impl<O> Observer for Option<O>
where
    O: Observer,
{
    type Watch = Option<O::Watch>;

    #[inline]
    fn begin(&self, head: &request::Parts, route: Option<&str>) -> Self::Watch {
        self.as_ref().map(|observer| observer.begin(head, route))
    }

    fn describe(&self) -> String {
        self.as_ref().map(Observer::describe).unwrap_or_default()
    }
}

// ===== impl Watch =====

impl Watch for () {
    #[inline]
    fn end(self, _exchange: &Exchange<'_>) {}
}

impl<A, B> Watch for (A, B)
where
    A: Watch,
    B: Watch,
{
    fn scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let (outer, inner) = self;
        outer.scope(|| inner.scope(poll))
    }

    #[inline]
    fn end(self, exchange: &Exchange<'_>) {
        self.1.end(exchange);
        self.0.end(exchange);
    }
}

impl<W> Watch for Option<W>
where
    W: Watch,
{
    fn scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        match self {
            Some(watch) => watch.scope(poll),
            None => poll(),
        }
    }

    #[inline]
    fn end(self, exchange: &Exchange<'_>) {
        if let Some(watch) = self {
            watch.end(exchange);
        }
    }
}

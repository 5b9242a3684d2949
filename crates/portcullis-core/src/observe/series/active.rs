use std::{fmt, sync::OnceLock};

use super::{Methods, labels::scheme};
use crate::{Exchange, Scheme};

/// Something for each method and scheme of exchanges that are under way.
pub struct ActiveTable<A> {
    methods: Methods,
    /// Two for each method: HTTP, HTTPS.
    places: Box<[OnceLock<A>]>,
    create: Box<Create<A>>,
}

/// Creates what is kept for a method and a scheme.
type Create<A> = dyn Fn(&str, &'static str) -> A + Send + Sync;

// ===== impl ActiveTable =====

impl<A> ActiveTable<A> {
    /// Creates an empty table, and sets what creates an entry of it from a method and a scheme.
    pub fn new(
        methods: Methods,
        create: impl Fn(&str, &'static str) -> A + Send + Sync + 'static,
    ) -> Self {
        let places = 2 * (usize::from(methods.others()) + 1);
        Self {
            methods,
            places: (0..places).map(|_| OnceLock::new()).collect(),
            create: Box::new(create),
        }
    }

    /// Calls a function with what is kept for an exchange's method and scheme.
    #[inline]
    pub fn with<T>(&self, exchange: &Exchange, change: impl FnOnce(&A) -> T) -> T {
        let method = self.methods.place(exchange.method());
        let is_https = exchange.scheme() == Scheme::Https;
        let create = || (self.create)(self.methods.name(method), scheme(is_https));
        // As long as it was made for its methods.
        match self
            .places
            .get(2 * usize::from(method) + usize::from(is_https))
        {
            Some(place) => change(place.get_or_init(create)),
            None => change(&create()),
        }
    }

    /// Returns all entries, with the method and the scheme of each.
    pub fn all(&self) -> impl Iterator<Item = (&str, &'static str, &A)> {
        self.places.iter().enumerate().filter_map(|(at, place)| {
            let method = self.methods.name((at / 2) as u8);
            Some((method, scheme(at % 2 == 1), place.get()?))
        })
    }
}

impl<A> fmt::Debug for ActiveTable<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveTable").finish_non_exhaustive()
    }
}

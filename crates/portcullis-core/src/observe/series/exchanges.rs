use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::{ExchangeLabels, Methods, OTHER, labels::Key};
use crate::{Exchange, Live, Route};

/// Something for each series of exchanges that have ended.
pub struct ExchangeTable<S> {
    limits: Limits,
    /// By the route's number.
    routes: Live<Routes<S>>,
    count: AtomicUsize,
    adding: Mutex<()>,
    create: Box<Create<S>>,
}

/// How many series there may be, and of which methods.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The methods that are told apart.
    pub methods: Methods,
    /// After so many series further ones share those of the route `_OTHER`: 10,000 by default, far
    /// more than an application of 100 routes has, and some 10 MB of histograms.
    pub series: usize,
}

/// Sorted by the key.
type Series<S> = Vec<(Key, Arc<S>)>;
type Create<S> = dyn Fn(&ExchangeLabels<'_>) -> S + Send + Sync;
type Routes<S> = HashMap<usize, OfRoute<S>, foldhash::fast::RandomState>;

/// The series of one route.
struct OfRoute<S> {
    name: Option<&'static str>,
    series: Live<Series<S>>,
}

/// Where a series belongs.
#[derive(Clone, Copy)]
struct Place {
    id: usize,
    route: Option<&'static str>,
    key: Key,
}

// ===== impl ExchangeTable =====

impl<S> ExchangeTable<S> {
    /// Creates an empty table, and sets what creates an entry of it.
    pub fn new(
        limits: Limits,
        create: impl Fn(&ExchangeLabels<'_>) -> S + Send + Sync + 'static,
    ) -> Self {
        Self {
            limits,
            routes: Live::new(Routes::default()),
            count: AtomicUsize::new(0),
            adding: Mutex::new(()),
            create: Box::new(create),
        }
    }

    /// Calls a function with the series of an exchange that has ended.
    #[inline]
    pub fn with<T>(&self, exchange: &Exchange, record: impl FnOnce(&S) -> T) -> T {
        let place = Place::new(exchange, &self.limits.methods);
        let routes = self.routes.load();
        if let Some(route) = routes.get(&place.id) {
            let series = route.series.load();
            if let Some(found) = find(&series, place.key) {
                return record(found);
            }
        }
        record(&self.find_or_add(place))
    }

    /// Returns all series, those of one route together.
    pub fn all(&self) -> Vec<(ExchangeLabels<'_>, Arc<S>)> {
        let mut routes: Vec<_> = {
            let routes = self.routes.load();
            let all = routes.values();
            all.map(|route| (route.name, route.series.get())).collect()
        };
        routes.sort_unstable_by_key(|(name, _)| *name);
        let of_route = |(name, series): (_, Arc<Series<S>>)| {
            let labelled = series.iter().map(|(key, series)| {
                let labels = key.labels(&self.limits.methods, name);
                (labels, Arc::clone(series))
            });
            labelled.collect::<Vec<_>>()
        };
        routes.into_iter().flat_map(of_route).collect()
    }

    #[cold]
    fn find_or_add(&self, wanted: Place) -> Arc<S> {
        let place = self.bounded(wanted);
        if let Some(found) = self.find(place) {
            return found;
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have added some meanwhile.
        let place = self.bounded(wanted);
        self.find(place).unwrap_or_else(|| self.add(place))
    }

    fn find(&self, place: Place) -> Option<Arc<S>> {
        let routes = self.routes.load();
        let series = routes.get(&place.id)?.series.load();
        find(&series, place.key).cloned()
    }

    /// Returns where a new series goes: where it belongs, as long as there is room.
    fn bounded(&self, place: Place) -> Place {
        let routes = self.routes.load();
        if self.find(place).is_some() {
            return place;
        }
        let has_room = self.count.load(Relaxed) < self.limits.series;
        let is_known = routes.contains_key(&place.id) || routes.len() < MOST_ROUTES;
        let id = OTHERS;
        let route = Some(OTHER);
        match (has_room, is_known) {
            (true, true) => place,
            (true, false) => Place { id, route, ..place },
            (false, _) => Place {
                id,
                route,
                key: place.key.overflow(&self.limits.methods),
            },
        }
    }

    /// Adds a series. Only one thread does so at a time.
    fn add(&self, place: Place) -> Arc<S> {
        let labels = place.key.labels(&self.limits.methods, place.route);
        let added = Arc::new((self.create)(&labels));
        let mut routes = Routes::clone(&self.routes.load());
        let route = routes.entry(place.id).or_insert_with(|| OfRoute {
            name: place.route,
            series: Live::new(Vec::new()),
        });
        let mut series = Vec::clone(&route.series.load());
        let at = series.partition_point(|(key, _)| *key < place.key);
        series.insert(at, (place.key, Arc::clone(&added)));
        route.series.store(series);
        self.count.fetch_add(1, Relaxed);
        self.routes.store(routes);
        added
    }
}

impl<S> fmt::Debug for ExchangeTable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeTable")
            .field("series", &self.count)
            .finish_non_exhaustive()
    }
}

// ===== impl Limits =====

impl Default for Limits {
    fn default() -> Self {
        Self {
            methods: Methods::default(),
            series: MOST_SERIES,
        }
    }
}

// ===== impl OfRoute =====

impl<S> Clone for OfRoute<S> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            series: self.series.clone(),
        }
    }
}

// ===== impl Place =====

impl Place {
    #[inline]
    fn new(exchange: &Exchange, methods: &Methods) -> Self {
        let route = exchange.route();
        Self {
            id: route.map_or(NO_ROUTE, Route::id),
            route: route.map(Route::as_str),
            key: Key::new(methods, exchange),
        }
    }
}

#[inline]
fn find<S>(series: &[(Key, Arc<S>)], key: Key) -> Option<&Arc<S>> {
    let at = series.binary_search_by_key(&key, |(key, _)| *key).ok()?;
    series.get(at).map(|(_, series)| series)
}

const MOST_SERIES: usize = 10_000;
const MOST_ROUTES: usize = 1000;

/// No route has these numbers.
const NO_ROUTE: usize = 0;
const OTHERS: usize = usize::MAX;

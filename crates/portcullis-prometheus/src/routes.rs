//! Series, found without a lock.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use portcullis_core::{Exchange, Route};
use prometheus_client::metrics::{family::Family, histogram::Histogram};

use crate::labels::{Active, OTHER, Served};

pub(crate) type Durations = Family<Served, Histogram, fn() -> Histogram>;

/// The series of each route.
#[derive(Debug)]
pub(crate) struct Routes {
    durations: Durations,
    /// By the route's number; 0 where none is known.
    known: ArcSwap<HashMap<usize, Arc<RouteSeries>, foldhash::fast::RandomState>>,
}

/// The series of one route.
#[derive(Debug)]
struct RouteSeries {
    name: &'static str,
    series: ArcSwap<Vec<Series>>,
}

/// One series, by what tells it from the others of its route.
#[derive(Clone, Debug)]
struct Series {
    labels: Active,
    status: u16,
    error: Option<Box<str>>,
    duration: Histogram,
}

/// The series of a family with few of them, each found once.
#[derive(Debug)]
pub(crate) struct Few<L, S> {
    family: Family<L, S>,
    known: Box<[OnceLock<(L, S)>]>,
}

// ===== impl Routes =====

impl Routes {
    pub(crate) fn new(durations: Durations) -> Self {
        Self {
            durations,
            known: ArcSwap::default(),
        }
    }

    pub(crate) fn observe(&self, labels: &Active, exchange: &Exchange) {
        let known = self.known.load();
        let id = exchange.route().map_or(0, Route::id);
        let others = || known.get(&OTHERS).filter(|_| known.len() > MOST_ROUTES);
        match known.get(&id).or_else(others) {
            Some(route) => self.observe_in(route, labels, exchange),
            None => self.observe_in(&self.add(exchange.route()), labels, exchange),
        }
    }

    fn observe_in(&self, route: &RouteSeries, labels: &Active, exchange: &Exchange) {
        let status = exchange.status().map_or(0, |status| status.as_u16());
        let error = exchange.error_type();
        let seconds = exchange.duration().as_secs_f64();
        let series = route.series.load();
        let is_same = |series: &&Series| {
            series.status == status && series.error.as_deref() == error && series.labels == *labels
        };
        match series.iter().find(is_same) {
            Some(series) => series.duration.observe(seconds),
            None => self
                .add_series(route, labels, status, error)
                .observe(seconds),
        }
    }

    /// Adds a route, or finds the one that all others share.
    #[cold]
    fn add(&self, route: Option<Route>) -> Arc<RouteSeries> {
        let is_full = self.known.load().len() >= MOST_ROUTES;
        let (id, name) = match route {
            Some(_) if is_full => (OTHERS, OTHER),
            Some(route) => (route.id(), route.as_str()),
            None => (0, ""),
        };
        let added = Arc::new(RouteSeries {
            name,
            series: ArcSwap::default(),
        });
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(id).or_insert_with(|| Arc::clone(&added));
            known
        });
        self.known.load().get(&id).map_or(added, Arc::clone)
    }

    #[cold]
    fn add_series(
        &self,
        route: &RouteSeries,
        labels: &Active,
        status: u16,
        error: Option<&str>,
    ) -> Histogram {
        let code = (status > 0).then(|| status.to_string());
        let served = Served {
            http_request_method: labels.http_request_method,
            http_route: route.name.to_owned(),
            http_response_status_code: code.unwrap_or_default(),
            url_scheme: labels.url_scheme,
            error_type: error.unwrap_or_default().to_owned(),
        };
        let duration = self.durations.get_or_create_owned(&served);
        let added = Series {
            labels: labels.clone(),
            status,
            error: error.map(Into::into),
            duration: duration.clone(),
        };
        route.series.rcu(|series| {
            let mut series = Vec::clone(series);
            series.push(added.clone());
            series
        });
        duration
    }
}

// ===== impl Few =====

impl<L, S> Few<L, S>
where
    L: Clone + Eq + Hash,
    S: Clone + Default,
{
    pub(crate) fn new(family: Family<L, S>) -> Self {
        Self {
            family,
            known: (0..FEW).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Calls a function with the series that has these labels.
    pub(crate) fn with<T>(&self, labels: &L, change: impl FnOnce(&S) -> T) -> T {
        let find = || (labels.clone(), self.family.get_or_create_owned(labels));
        let mut known = self.known.iter().map(|place| place.get_or_init(find));
        match known.find(|(known, _)| known == labels) {
            Some((_, series)) => change(series),
            None => change(&find().1),
        }
    }
}

/// More than there are methods for each of two schemes, and than reasons to refuse.
const FEW: usize = 24;
const MOST_ROUTES: usize = 1000;

/// No route has this number.
const OTHERS: usize = usize::MAX;

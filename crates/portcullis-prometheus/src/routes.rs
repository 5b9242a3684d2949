//! Series, found without a lock.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use portcullis_core::Exchange;
use prometheus_client::metrics::{family::Family, gauge::Gauge, histogram::Histogram};

use crate::labels::{Active, OTHER, Served};

pub(crate) type Durations = Family<Served, Histogram, fn() -> Histogram>;

/// The series of each route.
#[derive(Debug)]
pub(crate) struct Routes {
    durations: Durations,
    known: ArcSwap<HashMap<Box<str>, Arc<Route>>>,
}

/// The series of one route.
#[derive(Debug)]
pub(crate) struct Route {
    name: Box<str>,
    series: ArcSwap<Vec<Series>>,
}

/// One series, by what tells it from the others of its route.
#[derive(Clone, Debug)]
struct Series {
    method: &'static str,
    scheme: &'static str,
    status: u16,
    error: Option<Box<str>>,
    duration: Histogram,
}

/// A list of series that only grows.
#[derive(Debug, Default)]
pub(crate) struct Gauges(ArcSwap<Vec<(Active, Gauge)>>);

// ===== impl Routes =====

impl Routes {
    pub(crate) fn new(durations: Durations) -> Self {
        Self {
            durations,
            known: ArcSwap::default(),
        }
    }

    /// The route of that name; no name is a name too.
    pub(crate) fn get(&self, name: &str) -> Arc<Route> {
        if let Some(route) = self.known.load().get(name) {
            return Arc::clone(route);
        }
        let known = self.known.load();
        match known.len() >= MOST_ROUTES {
            true => known.get(OTHER).map_or_else(|| self.add(OTHER), Arc::clone),
            false => self.add(name),
        }
    }

    pub(crate) fn observe(
        &self,
        route: &Route,
        method: &'static str,
        scheme: &'static str,
        exchange: &Exchange<'_>,
    ) {
        let status = exchange.status().map_or(0, |status| status.as_u16());
        let error = exchange.error_type();
        let series = route.series.load();
        let known = series.iter().find(|series| {
            let same = series.status == status && series.error.as_deref() == error;
            same && series.method == method && series.scheme == scheme
        });
        let seconds = exchange.duration().as_secs_f64();
        match known {
            Some(series) => series.duration.observe(seconds),
            None => self
                .add_series(route, method, scheme, status, error)
                .observe(seconds),
        }
    }

    fn add(&self, name: &str) -> Arc<Route> {
        let route = Arc::new(Route {
            name: name.into(),
            series: ArcSwap::default(),
        });
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known
                .entry(name.into())
                .or_insert_with(|| Arc::clone(&route));
            known
        });
        self.known.load().get(name).map_or(route, Arc::clone)
    }

    fn add_series(
        &self,
        route: &Route,
        method: &'static str,
        scheme: &'static str,
        status: u16,
        error: Option<&str>,
    ) -> Histogram {
        let code = (status > 0).then(|| status.to_string());
        let labels = Served {
            http_request_method: method,
            http_route: route.name.to_string(),
            http_response_status_code: code.unwrap_or_default(),
            url_scheme: scheme,
            error_type: error.unwrap_or_default().to_owned(),
        };
        let duration = self.durations.get_or_create_owned(&labels);
        let added = Series {
            method,
            scheme,
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

// ===== impl Gauges =====

impl Gauges {
    /// The gauge for these labels. Resolved once.
    pub(crate) fn get(&self, labels: &Active, family: &Family<Active, Gauge>) -> Gauge {
        let known = self.0.load();
        if let Some((_, gauge)) = known.iter().find(|(known, _)| known == labels) {
            return gauge.clone();
        }
        let gauge = family.get_or_create_owned(labels);
        self.0.rcu(|known| {
            let mut known = Vec::clone(known);
            known.push((labels.clone(), gauge.clone()));
            known
        });
        gauge
    }
}

const MOST_ROUTES: usize = 1000;

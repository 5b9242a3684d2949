//! What two edges count that have clones of the same.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use portcullis_core::{Count, Counts, Quota};

use super::*;
use crate::{
    access_log::AccessLog,
    client_ip::ResolveClientIp,
    error_report::ErrorReports,
    load_shed::LoadShed,
    lockout::Lockout,
    rate_limit::{InFlight, RateLimit},
    reports::Reports,
};

/// Keeps what an edge counts.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<Arc<dyn Counts>>>>);

impl Observer for Page {
    fn end(&self, _: &Exchange) {}

    fn add_counts(&self, counts: Arc<dyn Counts>) {
        self.0.lock().unwrap().push(counts);
    }
}

impl Page {
    fn counts(&self, edge: usize) -> Vec<Count> {
        self.0.lock().unwrap()[edge].counts()
    }
}

fn names(counts: Vec<Count>) -> BTreeSet<(String, Option<usize>)> {
    // Each edge tells its hygiene which paths are probes, so that it has one of its own.
    let counts = counts.into_iter();
    let counts = counts.filter(|count| count.name != "portcullis_hygiene_removed");
    let name = |count: Count| (format!("{} {:?}", count.name, count.labels), count.source);
    counts.map(name).collect()
}

#[tokio::test]
async fn everything_that_clones_share_has_one_source() {
    let page = Page::default();
    let health = Health::new().check("db", || std::future::ready(Ok::<_, &str>(())));
    let limit = RateLimit::new(Quota::per_second(1));
    let (reports, address) = (Reports::new(), ResolveClientIp::new());
    let (shed, in_flight) = (LoadShed::fixed(7), InFlight::new(7));
    let lockout = Lockout::default();
    let keys = crate::api_key::Keys::default();
    let log = AccessLog::to_writer(std::io::sink()).build().unwrap();
    let errors = ErrorReports::new(|_| {}).unwrap();
    for _ in 0..2 {
        let edge = Edge::new()
            .observe(page.clone())
            .access_log(log.clone())
            .report_errors(errors.clone())
            .health(&health)
            .rate_limit(limit.clone())
            .reports(&reports)
            .client_ip(address.clone())
            .load_shed(shed.clone())
            .in_flight(in_flight.clone())
            .api_keys(keys.clone())
            .lockout(lockout.clone());
        edge.build().unwrap();
    }

    let [one, other] = [page.counts(0), page.counts(1)];
    for count in &one {
        assert!(count.source.is_some(), "{count:?}");
    }
    assert!(one.len() > 20, "{}", one.len());
    assert_eq!(names(one), names(other));
}

mod alone;
mod bodies;
mod checks;
mod contract;
mod ends;
mod formats;
mod heads;
mod logs;
mod order;
mod panics;
mod replies;

use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue, request, response};
use portcullis_core::{
    Exchange, Guard, Observer, Outcome, Rejection, RejectionKind, Reply, Verdict,
};

use crate::Edge;

/// Who was asked, in order.
type Log = Arc<Mutex<Vec<&'static str>>>;

/// A guard that notes that it was asked, sets a field of its name, and says what it was told to.
#[derive(Clone)]
struct Noted {
    name: &'static str,
    log: Log,
    says: fn() -> Verdict,
}

/// An observer that keeps what it heard of.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Exchange>>>);

// ===== impl Noted =====

impl Noted {
    fn new(name: &'static str, log: &Log, says: fn() -> Verdict) -> Self {
        let log = Arc::clone(log);
        Self { name, log, says }
    }
}

impl Guard for Noted {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        self.log.lock().unwrap().push(self.name);
        let name = HeaderName::from_static(self.name);
        reply.insert(name, HeaderValue::from_static("asked"));
        (self.says)()
    }

    fn complete(&self, _: &Reply, head: &mut response::Parts) {
        let name = HeaderValue::from_static(self.name);
        head.headers.append("completed-by", name);
    }
}

fn admits() -> Verdict {
    Verdict::Admit
}

fn rejects() -> Verdict {
    RejectionKind::Unauthenticated.into()
}

fn panics() -> Verdict {
    panic!("in a guard")
}

/// Admits when it is asked again.
fn admits_later() -> Verdict {
    Verdict::defer(tokio::task::yield_now(), |(), _, _| Verdict::Admit)
}

fn never_knows() -> Verdict {
    Verdict::defer(std::future::pending::<()>(), |(), _, _| Verdict::Admit)
}

// ===== impl Notes =====

impl Notes {
    /// How each exchange ended, with its error and the bytes of its response.
    fn ends(&self) -> Vec<(Outcome, Option<String>, u64)> {
        let exchanges = self.0.lock().unwrap();
        let end = |exchange: &Exchange| {
            let error = exchange.error_type().map(str::to_owned);
            (exchange.outcome(), error, exchange.response_bytes())
        };
        exchanges.iter().map(end).collect()
    }

    /// The only exchange that has ended.
    fn only(&self) -> Exchange {
        let exchanges = self.0.lock().unwrap();
        let [only] = &exchanges[..] else {
            panic!("{exchanges:?}");
        };
        only.clone()
    }

    fn rejection(&self) -> Option<RejectionKind> {
        self.only().rejection().map(Rejection::kind)
    }
}

impl Observer for Notes {
    fn end(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

/// An edge with nothing but what every response gets.
fn edge() -> Edge {
    Edge::new().client_ip(None).timeout(None).body_limit(None)
}

//! What watches an exchange, as a layer by itself.
//!
//! # What happens
//!
//! An edge tells its observers of every exchange. [`ObserveLayer`] does so alone.
//!
//! Each [`Observer`] hears that an exchange begins, and of exactly one end: the last byte, an error,
//! a panic, or that the client went away. Clients see nothing of it.
//!
//! # Example
//!
//! ```
//! use std::sync::mpsc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use portcullis::{
//!     body_limit::RequestBody,
//!     observe::{Exchange, ObserveLayer, Observer},
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! struct Log(mpsc::SyncSender<String>);
//!
//! impl Observer for Log {
//!     fn end(&self, exchange: &Exchange) {
//!         let _ = self.0.send(format!("{}: {} bytes", exchange.method(), exchange.response_bytes()));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (lines, log) = mpsc::sync_channel(9);
//! let hello = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = ObserveLayer::new(Log(lines)).layer(hello);
//! let response = service.oneshot(Request::new(Full::default())).await?;
//! let body = response.into_body().collect().await.map_err(|_| "no body")?;
//!
//! assert_eq!((body.to_bytes(), log.try_recv()?), ("hello".into(), "GET: 5 bytes".to_owned()));
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below [`client_ip`](crate::client_ip) and [`request_id`](crate::request_id), so that exchanges
//! have both; above everything that refuses or may panic, to see it.
//!
//! # Configuration
//!
//! | method | default | why | changes at run time |
//! |---|---|---|---|
//! | [`ObserveLayer::new`], [`and`](ObserveLayer::and) | no observer | | no |
//! | [`ObserveLayer::route_from`] | no route | paths would be too many to count by | no |

use std::{fmt, sync::Arc};

use http::Extensions;
pub use portcullis_core::observe::{
    Enter, Escaped, Exchange, Observer, Outcome, Panic, Route, Scope, TraceContext, TraceLink,
    Upgraded, known_method, redacted_path, redacted_query, redacted_text, redacted_url,
};

use crate::engine::{Alone, Part, RouteFrom, Stack};

/// Reports every exchange to observers. See the [module docs](self) for an example.
pub type ObserveLayer = Alone<Observe>;

/// Some observers, the first outermost.
#[derive(Clone, Default)]
pub struct Observe {
    observers: Vec<Arc<dyn Observer>>,
    route_from: Option<RouteFrom>,
}

// ===== impl ObserveLayer =====

impl ObserveLayer {
    /// Creates a layer with one observer.
    pub fn new(observer: impl Observer) -> Self {
        Observe::default().and(observer).into()
    }

    /// Adds an observer, below those that are there.
    #[must_use]
    pub fn and(self, observer: impl Observer) -> Self {
        self.map(|observe| observe.and(observer))
    }

    /// Sets where the framework leaves the template of the route that will serve a request. Never
    /// the path itself: observers may keep something for each route.
    #[must_use]
    pub fn route_from(self, route: fn(&Extensions) -> Option<&str>) -> Self {
        self.map(|mut observe| {
            observe.route_from = Some(route);
            observe
        })
    }
}

// ===== impl Observe =====

impl Observe {
    fn and(mut self, observer: impl Observer) -> Self {
        if observer.is_on() {
            self.observers.push(Arc::new(observer));
        }
        self
    }
}

impl Part for Observe {
    fn install(self, stack: &mut Stack) {
        stack.observers = self.observers;
        stack.route_from = self.route_from;
    }
}

impl fmt::Debug for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.observers.iter().map(|observer| observer.describe());
        f.debug_list().entries(names).finish()
    }
}

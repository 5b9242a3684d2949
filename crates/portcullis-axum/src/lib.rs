//! Glue between portcullis and axum.
//!
//! The layers need none: they are plain Tower layers. This crate adds what only axum knows: the
//! route that matched, the peer that `axum::serve` accepted, and an extractor for what the edge
//! found out.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use portcullis::{Principal, RequestId};
//! use portcullis_axum::Fact;
//!
//! async fn hello(Fact(id): Fact<RequestId>, who: Option<Fact<Principal>>) -> String {
//!     let who = who.map_or("nobody".to_owned(), |Fact(who)| who.id().to_owned());
//!     format!("hello {who}, this is request {id}")
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let edge = portcullis_axum::edge().build()?;
//! let app: Router = Router::new().route("/", get(hello)).layer(edge);
//! # Ok(())
//! # }
//! ```
//!
//! Routes that are added after `.layer(edge)` are outside the edge.

mod edge;
mod extract;
mod route;
#[cfg(test)]
mod tests;

pub use self::{
    edge::{
        AxumBody, AxumEdge, EdgeLayer, connect_info, edge, leave_connect_info, matched_path,
        original_uri,
    },
    extract::{Fact, MissingFact, Refused},
    route::{RouteLayer, RouteService},
};

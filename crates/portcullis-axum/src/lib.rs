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
//! use portcullis::{Edge, Principal, RequestId};
//! use portcullis_axum::{EdgeExt, FromEdge};
//!
//! async fn hello(FromEdge(id): FromEdge<RequestId>, who: Option<FromEdge<Principal>>) -> String {
//!     let who = who.map_or("stranger".to_owned(), |FromEdge(who)| who.id().to_owned());
//!     format!("hello {who}, this is request {id}")
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let edge = Edge::new().for_axum().build()?;
//! let app: Router = Router::new().route("/", get(hello)).layer(edge);
//! # Ok(())
//! # }
//! ```

mod edge;
mod extract;
#[cfg(test)]
mod tests;

pub use self::{
    edge::{AxumBody, EdgeExt, connect_info, matched_path},
    extract::{FromEdge, Missing},
};

//! Middleware that finds the client's address.
//!
//! # What happens
//!
//! The client is the socket's other end, unless that is a proxy that was declared trusted. Then
//! the entries of `X-Forwarded-For` are walked from the right, over all header lines joined, as
//! long as they are trusted proxies themselves; the first that is not is the client. An entry that
//! is no address stops the walk at the proxy that sent it. IPv4 addresses mapped into IPv6 are
//! folded before anything else looks at them.
//!
//! From a trusted peer, the last `X-Forwarded-Proto` also says which [`Scheme`](crate::Scheme) the
//! client used. Nothing else is read: never the leftmost entry, never `Forwarded` or `X-Real-IP`,
//! never a header of an untrusted peer.
//!
//! The client sees nothing of this layer.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use portcullis::{ClientIp, Facts, PeerAddr, client_ip::ClientIpLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = ClientIpLayer::new().trust_list("10.0.0.0/8")?;
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     Ok::<_, std::convert::Infallible>(Facts::of(request.extensions()).get::<ClientIp>().copied())
//! }));
//!
//! let mut request = Request::get("/").header("x-forwarded-for", "6.6.6.6, 192.0.2.7").body(())?;
//! Facts::of_mut(request.extensions_mut()).set(PeerAddr("10.0.0.1:443".parse()?));
//! assert_eq!(service.oneshot(request).await?, Some(ClientIp("192.0.2.7".parse()?)));
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Outermost: limits, request IDs, spans and logs all use the address.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`ClientIpLayer::trust`], [`trust_list`](ClientIpLayer::trust_list) | nobody | a header anybody can send says nothing |
//! | [`ClientIpLayer::peer_from`] | [`PeerAddr`](crate::PeerAddr), or a `SocketAddr` in the extensions | servers differ in where they leave the peer |
//!
//! # Telemetry
//!
//! One warning in the life of the layer when a forwarding header comes and nobody is trusted: the
//! limits behind a forgotten proxy would treat all clients as one.
//!
//! # Security considerations
//!
//! RFC 7239, section 8.1: nothing in such a header can be trusted but what one's own proxies
//! added. Declare exactly the addresses of those proxies.

mod address;
mod claims;
mod decision;
mod family;
mod forwarded;
mod layer;
mod service;
mod strategy;
#[cfg(test)]
mod tests;

pub use self::{
    decision::Decision, family::Family, layer::ClientIpLayer, service::ResolveClientIp,
    strategy::Strategy,
};

//! Middleware that finds the client's address.
//!
//! # What happens
//!
//! The client is the socket's other end, unless a [`Strategy`] says whom else to believe:
//!
//! | strategy | the client is | believed |
//! |---|---|---|
//! | [`Strategy::peer`] | the socket's other end | nobody |
//! | [`Strategy::proxies`] | the first entry from the right that is no trusted proxy | peers in the list |
//! | [`Strategy::hops`] | the entry that the outermost of so many proxies added | every peer |
//! | [`Strategy::header`] | the address in one header that a proxy writes over | peers in the list |
//!
//! One [`Family`] of headers is read, and never another in its place: `X-Forwarded-For`, `Forwarded`
//! (RFC 7239), or a list under another name. All lines of it are one list, read from the right. IPv4
//! addresses mapped into IPv6 are folded before anything else looks at them; ports, brackets and
//! zones are left out.
//!
//! An entry that is no address (`unknown`, `_hidden`, `0x7f.1`) stops the walk: the client is then
//! the proxy that sent it. That is counted each time, and told of once, with the header and the
//! peer.
//!
//! The same decision says which [`Scheme`](crate::Scheme) and [`Host`](crate::Host) the client used,
//! from the entry of `X-Forwarded-Proto` and `X-Forwarded-Host` that belongs to it, or from its
//! element of `Forwarded`. Your proxy must write them: one that passes a client's own on makes them
//! the client's to choose.
//!
//! Forged headers are taken out before the application sees them: all that claim to know the client
//! if the peer is a stranger; otherwise those that the strategy does not read, and what stands left
//! of the client's own entry.
//!
//! The client sees nothing of this layer.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use portcullis::{
//!     ClientIp, Facts, PeerAddr,
//!     client_ip::{ClientIpLayer, Family, Strategy},
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let strategy = Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8")?;
//! let layer = ClientIpLayer::of(strategy);
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     Ok::<_, std::convert::Infallible>(Facts::of(request.extensions()).get::<ClientIp>().copied())
//! }));
//!
//! let mut request = Request::get("/").header("x-forwarded-for", "6.6.6.6, 192.0.2.7").body(())?;
//! let proxy = "10.0.0.1:443".parse()?;
//! assert_eq!(
//!     layer.explain(proxy, request.headers()).to_string(),
//!     "192.0.2.7: entry 1 of x-forwarded-for from the right, the first that is no trusted proxy"
//! );
//! Facts::of_mut(request.extensions_mut()).set(PeerAddr(proxy));
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
//! | method | default | why | changes at run time |
//! |---|---|---|---|
//! | [`ClientIpLayer::of`], [`trust_list`](ClientIpLayer::trust_list) | nobody is trusted | a header anybody can send says nothing | yes |
//! | [`ClientIpLayer::strip_forged`] | on | applications read what they should not | no |
//! | [`ClientIpLayer::peer_from`] | [`PeerAddr`](crate::PeerAddr), or a `SocketAddr` in the extensions | servers differ in where they leave the peer | no |
//! | [`ClientIpLayer::default_peer`] | none | Unix sockets and tests have no peer | no |
//!
//! [`ClientIpLayer::set_strategy`], or the edge's [`Handle`](crate::edge::Handle), replaces the
//! strategy while requests are served.
//!
//! # Telemetry
//!
//! A debug event for each decision about a header, target `portcullis::client_ip`: which header,
//! which hop, why. One warning in the life of the layer when a stranger sends a forwarding header
//! (the limits behind a forgotten proxy would treat all clients as one), and one when a trusted
//! proxy does not say who its client is. As [`Counts`](crate::Counts):
//! `portcullis_client_address_ignored_total` and `portcullis_client_address_failed_total`.
//!
//! # Security considerations
//!
//! RFC 7239, section 8.1: nothing in such a header can be trusted but what one's own proxies added.
//! Declare exactly the addresses of those proxies. [`Strategy::hops`] believes every peer: use it
//! only where nobody can reach the server without the proxies.

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

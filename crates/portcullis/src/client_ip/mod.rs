//! Middleware that finds the client's address.
//!
//! # What happens
//!
//! The client is the peer, unless a [`Strategy`] says whom else to believe:
//!
//! | strategy | the client is | believed |
//! |---|---|---|
//! | [`Strategy::peer`] | the peer | nobody |
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
//! Forged headers are taken out before the application sees them: all forwarding headers
//! if the peer is not trusted; otherwise those that the strategy does not read, and what stands left
//! of the client's own entry, or above its own line. A forwarding header is the one that the strategy
//! reads, and every name that
//!
//! - begins with `forwarded`, `x-forwarded` or `x-original-forwarded`,
//! - or ends with `-ip`, `-ips`, `-ipv4`, `-ipv6`, `-addr`, `clientip`, `realip`, `remoteip`,
//!   `socketip`, or with `address` after `client-`, `external-`, `peer-`, `remote-` or `viewer-`,
//!
//! with underscores for hyphens too. A name of your own proxy that is none of these stays.
//!
//! The client sees nothing of this layer.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use portcullis::{
//!     ClientIp, Facts, PeerAddr,
//!     client_ip::{ClientIpLayer, Family, ResolveClientIp, Strategy},
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let strategy = Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8")?;
//! let guard = ResolveClientIp::from_strategy(strategy);
//! let layer = ClientIpLayer::from(guard.clone());
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     let client = Facts::of(request.extensions()).get().map(|ClientIp(ip)| ip.to_string());
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(client.unwrap_or_default())))
//! }));
//!
//! let mut request = Request::get("/").header("x-forwarded-for", "6.6.6.6, 192.0.2.7").body(())?;
//! let proxy = "10.0.0.1:443".parse()?;
//! assert_eq!(
//!     guard.explain(proxy, request.headers()).to_string(),
//!     "192.0.2.7: entry 1 of x-forwarded-for from the right, the first that is no trusted proxy"
//! );
//! Facts::of_mut(request.extensions_mut()).set(PeerAddr(proxy));
//! let body = service.oneshot(request).await?.into_body().collect().await?.to_bytes();
//! assert_eq!(body, "192.0.2.7");
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
//! | [`ResolveClientIp::from_strategy`], [`trust_list`](ResolveClientIp::trust_list) | nobody is trusted | a header anybody can send says nothing | yes |
//! | [`ResolveClientIp::strip_forged`] | on | applications read what they should not | no |
//! | [`ResolveClientIp::peer_from`] | [`PeerAddr`](crate::PeerAddr), or a `SocketAddr` in the extensions | servers differ in where they leave the peer | no |
//! | [`ResolveClientIp::default_peer`] | none | Unix sockets and tests have no peer | no |
//!
//! [`ResolveClientIp::set_strategy`] replaces the strategy while requests are served: keep a clone of
//! the guard that the edge has.
//!
//! # Telemetry
//!
//! A debug event for each decision about a header, target `portcullis::client_ip`: which header,
//! which hop, why. One warning in the life of the layer when an untrusted peer sends a forwarding header
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
mod decision;
mod family;
mod forwarded;
mod forwarding;
mod guard;
mod strategy;
#[cfg(test)]
mod tests;

pub use self::{decision::Decision, family::Family, guard::ResolveClientIp, strategy::Strategy};
use crate::engine::{Alone, Plain};

/// Finds the client's address. See the [module docs](self) for an example.
pub type ClientIpLayer = Alone<ResolveClientIp, Plain>;

impl Default for ClientIpLayer {
    fn default() -> Self {
        ResolveClientIp::new().into()
    }
}

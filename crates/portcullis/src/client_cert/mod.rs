//! Authentication by client certificates, as the server's own TLS or a trusted proxy tells of them.
//!
//! # What happens
//!
//! A [`ClientCertGuard`] takes the client's certificate from one of three sources, the one that it was made
//! for. The application says who that is, and the handler finds the [`Principal`](crate::Principal) in
//! [`Facts`](crate::Facts).
//!
//! | source | who verified it | what is told of it |
//! |---|---|---|
//! | the connection: [`serve`](crate::serve())'s own TLS, which leaves a [`PeerCert`](crate::PeerCert) | rustls, in the handshake | all but the subject |
//! | `Client-Cert` (RFC 9440) | a proxy that ends TLS | the certificate itself and its fingerprint |
//! | Envoy's `X-Forwarded-Client-Cert` | a proxy that ends TLS | fingerprint, subject, URIs, DNS names: what the proxy chose to write |
//!
//! A field is read only from a peer that [`client_ip`](crate::client_ip) found to be a trusted proxy. From any
//! other peer the fields are taken out of the request, and it has no certificate; a field that the guard does
//! not read is taken out of every request, so a guard of the connection takes all of them out. Of an
//! `X-Forwarded-Client-Cert` with several elements the last counts: the one that the nearest proxy wrote.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::{
//!     Facts, PeerAddr, Principal,
//!     client_cert::{ClientCertGuard, ClientCertLayer},
//!     client_ip::{ClientIpLayer, ResolveClientIp},
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let whoami = service_fn(|request: Request<()>| async move {
//!     let principal: Option<&Principal> = Facts::of(request.extensions()).get();
//!     let id = principal.map(|principal| principal.id().to_owned());
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(id.unwrap_or_default())))
//! });
//! let certificates = ClientCertLayer::new(ClientCertGuard::by_uri());
//! let proxies = ClientIpLayer::from(ResolveClientIp::new().trust_list("10.0.0.0/8")?);
//! let service = proxies.layer(certificates.layer(whoami));
//!
//! let request = |peer: [u8; 4]| {
//!     let fields = "Hash=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08;\
//!                   URI=spiffe://example.com/billing";
//!     let mut request = Request::get("/").header("x-forwarded-client-cert", fields).body(())?;
//!     Facts::of_mut(request.extensions_mut()).set(PeerAddr((peer, 4711).into()));
//!     Ok::<_, http::Error>(request)
//! };
//! assert_eq!(service.clone().oneshot(request([10, 0, 0, 1])?).await?.status(), 200);
//! assert_eq!(service.oneshot(request([192, 0, 2, 1])?).await?.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! With TLS of our own (feature `tls`), where the roots are those that issue the clients' certificates:
//!
//! ```
//! use portcullis::{Edge, client_cert::ClientCertGuard};
//! # #[cfg(feature = "tls")]
//! use portcullis::{ConfigError, serve::Tls};
//!
//! # #[cfg(feature = "tls")]
//! fn tls(roots: &[u8]) -> Result<Tls, ConfigError> {
//!     Tls::from_pem_files("server.pem", "server.key")?.client_roots(roots)
//! }
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! let edge = Edge::new().client_certs(ClientCertGuard::tls_by_uri()).build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! A guard of the connection needs nothing above it. One of a proxy is below [`client_ip`](crate::client_ip), which finds out whether the peer is trusted: an edge without it is
//! not built. In an edge: [`Edge::client_certs`](crate::Edge::client_certs). In an
//! [`AnyOf`](crate::AnyOf) it comes first, so that a forged field is taken out whoever admits the request, and
//! there is one of it: a second one would miss its field.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`ClientCertGuard::from_tls`] | | TLS of our own: a closure finds the principal of a [`ClientCert`], by its fingerprint, its names or its DER |
//! | [`ClientCertGuard::tls_by_uri`] | | the same; the principal's id is the one URI, such as a SPIFFE ID |
//! | [`ClientCertGuard::tls_by_dns`] | | the same; the principal's id is the one DNS name |
//! | [`ClientCertGuard::from_client_cert`] | | proxies that speak RFC 9440: a closure finds the principal of a [`ClientCert`], by its fingerprint |
//! | [`ClientCertGuard::from_xfcc`] | | Envoy, and meshes of it: a closure finds the principal |
//! | [`ClientCertGuard::by_uri`] | | Envoy; the principal's id is the one URI, such as a SPIFFE ID |
//! | [`ClientCertGuard::by_dns`] | | Envoy; the principal's id is the one DNS name |
//! | [`ClientCertLayer::public`], [`ClientCertLayer::closed`] | nothing is public | what was forgotten must be closed |
//!
//! # Rejections
//!
//! [`Unauthenticated`](crate::RejectionKind::Unauthenticated), 401, the same for every cause: no trusted
//! proxy, no certificate, one that can't be read, one of nobody. A certificate that the server's own TLS does
//! not accept gets no connection, and so no response.
//!
//! # Security considerations
//!
//! Over the server's own TLS everything rests on the roots: whoever may issue below them may name anybody. Use
//! roots of your own, not those of the web. A certificate is verified as the connection begins, and neither
//! revocation lists nor OCSP are read. Behind a proxy the certificate of the connection is the proxy's, if it
//! has one, and not its client's.
//!
//! With an accept loop of one's own ([`serve`](crate::serve())) that is given a `TlsStream` of tokio-rustls,
//! over a `TcpStream`, the certificate is what its own configuration accepted: a verifier that accepts
//! everything makes everybody anybody, and sessions that it resumes are not verified again.
//!
//! Elsewhere everything rests on the proxy: it must verify certificates, and take these fields out of what clients
//! send (RFC 9440, section 4; Envoy: `forward_client_cert_details: SANITIZE_SET`). Trust the addresses of
//! such proxies and no others. The certificate that a proxy tells of is not verified again: neither who
//! issued it nor whether it has expired.
//!
//! A field has at most 16 KiB, and a certificate in `X-Forwarded-Client-Cert` at most 32 names of a kind. A name
//! that becomes a principal's id is printable ASCII.

mod cert;
mod guard;
#[cfg(test)]
mod tests;
mod xfcc;

use portcullis_core::{ConfigError, Paths, Public, UnlessPublic};

pub use portcullis_core::ClientCert;

pub use self::guard::ClientCertGuard;
use crate::engine::{Alone, Plain};

/// Admits requests of clients with a certificate, as the server's own TLS or a trusted proxy tells. See the
/// [module docs](self) for an example.
pub type ClientCertLayer = Alone<UnlessPublic<ClientCertGuard>, Plain>;

impl ClientCertLayer {
    /// Creates a layer of a guard.
    #[must_use]
    pub fn new(guard: ClientCertGuard) -> Self {
        UnlessPublic::new(Public::default(), guard).into()
    }

    /// Declares what needs no certificate: what surely is one of these. See [`Paths`] for how they are
    /// written and compared.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns.
    pub fn public(
        self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let public = Public::only(Paths::parse(paths)?);
        Ok(self.map(|guard| guard.with_public(public)))
    }

    /// Declares what alone needs a certificate: what could be one of these. See [`Paths`] for how they are
    /// written and compared.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns.
    pub fn closed(
        self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let public = Public::all_but(Paths::parse(paths)?);
        Ok(self.map(|guard| guard.with_public(public)))
    }
}

/// Reads a text as either field, for whoever looks for one that breaks the parsers. Returns `true` if one
/// of them reads it.
#[doc(hidden)]
#[must_use]
pub fn fuzz(text: &str) -> bool {
    cert::from_byte_sequence(text).is_some() || xfcc::last(text).is_some()
}

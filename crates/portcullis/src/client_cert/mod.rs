//! Authentication by client certificates, as a trusted proxy tells of them.
//!
//! # What happens
//!
//! A proxy that ends TLS verifies the client's certificate, and tells of it in a field of the request:
//! `Client-Cert`, which has the certificate itself (RFC 9440), or Envoy's `X-Forwarded-Client-Cert`, which
//! has what is in it. A [`ClientCertGuard`] reads one of the two, the one that it was made for, and only
//! from a peer that [`client_ip`](crate::client_ip) found to be a trusted proxy. The application says who
//! that is, and the handler finds the [`Principal`](crate::Principal) in [`Facts`](crate::Facts).
//!
//! From any other peer the fields are taken out of the request, and it has no certificate; the field that
//! the guard does not read is taken out of every request. Of an `X-Forwarded-Client-Cert` with several
//! elements the last counts: the one that the nearest proxy wrote.
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
//! # Order
//!
//! Below [`client_ip`](crate::client_ip), which finds out whether the peer is trusted: an edge without it is
//! not built. In an edge: `edge.guard(Slot::Authentication, ClientCertGuard::by_uri())`. In an
//! [`AnyOf`](crate::AnyOf) it comes first, so that a forged field is taken out whoever admits the request.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`ClientCertGuard::from_client_cert`] | | proxies that speak RFC 9440: a closure finds the principal of a [`ClientCert`], by its fingerprint |
//! | [`ClientCertGuard::from_xfcc`] | | Envoy, and meshes of it: a closure finds the principal |
//! | [`ClientCertGuard::by_uri`] | | the same; the principal's id is the one URI, such as a SPIFFE ID |
//! | [`ClientCertGuard::by_dns`] | | the same; the principal's id is the one DNS name |
//! | [`ClientCertLayer::public`], [`ClientCertLayer::closed`] | nothing is public | what was forgotten must be closed |
//!
//! # Rejections
//!
//! [`Unauthenticated`](crate::RejectionKind::Unauthenticated), 401, the same for every cause: no trusted
//! proxy, no certificate, one that can't be read, one of nobody.
//!
//! # Security considerations
//!
//! Everything rests on the proxy: it must verify certificates, and take these fields out of what clients
//! send (RFC 9440, section 4; Envoy: `forward_client_cert_details: SANITIZE_SET`). Trust the addresses of
//! such proxies and no others. The certificate is not verified again: neither who issued it nor whether it
//! has expired.
//!
//! A field has at most 16 KiB, and a certificate at most 32 names of a kind.

mod cert;
mod guard;
#[cfg(test)]
mod tests;
mod xfcc;

use portcullis_core::{ConfigError, Paths, Public, UnlessPublic};

pub use self::{cert::ClientCert, guard::ClientCertGuard};
use crate::engine::{Alone, Plain};

/// Admits requests of clients with a certificate, as a trusted proxy tells. See the [module docs](self)
/// for an example.
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
    ClientCert::from_byte_sequence(text).is_some() || xfcc::last(text).is_some()
}

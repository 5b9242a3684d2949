//! Certificates of clients: whose are taken, and what they tell.

use std::{any::Any, sync::Arc};

use portcullis_core::{ConfigError, PeerCert, facts::ClientCert};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{
    rustls::{
        RootCertStore, ServerConnection,
        pki_types::{CertificateDer, pem::PemObject},
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    },
    server::TlsStream,
};
use webpki::EndEntityCert;

use super::{any_io::BoxIo, tls::provider};

/// Whether a client without a certificate is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// Reads roots from PEM text, and returns what verifies that a certificate comes from one of them.
pub(super) fn verifier(
    roots: &[u8],
    presence: Presence,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let roots = Arc::new(parse(roots)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = match presence {
        Presence::Required => builder,
        Presence::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| problem(&error))
}

/// Returns the certificate of a connection over TLS, whoever accepted it. Only what is verified is there.
pub(super) fn peer_cert(io: &dyn Any) -> Option<PeerCert> {
    let ours = io.downcast_ref::<TlsStream<BoxIo>>();
    let ours = ours.map(|stream| stream.get_ref().1);
    let anyones = io.downcast_ref::<TlsStream<TcpStream>>();
    let anyones = anyones.map(|stream| stream.get_ref().1);
    ours.or(anyones).and_then(of_connection)
}

fn of_connection(connection: &ServerConnection) -> Option<PeerCert> {
    let der = connection.peer_certificates()?.first()?;
    // It was read in the handshake already, unless it is a bare key.
    let cert = EndEntityCert::try_from(der).ok()?;
    let digest = Sha256::digest(der);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let told = ClientCert::new()
        .with_der(der.as_ref())
        .with_fingerprint(hex);
    let told = cert.valid_uri_names().fold(told, ClientCert::with_uri);
    let told = cert.valid_dns_names().fold(told, ClientCert::with_dns);
    Some(PeerCert(Arc::new(told)))
}

fn parse(pem: &[u8]) -> Result<RootCertStore, ConfigError> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certs = certs.map_err(|error| problem(&error))?;
    if certs.is_empty() {
        return Err(problem(&"no certificate"));
    }
    let mut roots = RootCertStore::empty();
    let mut problems = Vec::new();
    for (at, cert) in certs.into_iter().enumerate() {
        if let Err(error) = roots.add(cert) {
            problems.push(format!(
                "TLS: client roots: certificate {}: {error}",
                at + 1
            ));
        }
    }
    ConfigError::check(problems)?;
    Ok(roots)
}

fn problem(what: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("TLS: client roots: {what}"))
}

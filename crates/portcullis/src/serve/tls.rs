//! TLS, by rustls.

use std::{any::Any, fmt, fs, io, path::PathBuf, sync::Arc};

use portcullis_core::{ConfigError, Live};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{
            ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
            danger::ClientCertVerifier,
        },
        sign::CertifiedKey,
    },
    server::TlsStream,
};

use super::{
    any_io::{BoxIo, Io},
    client_roots::{self, Presence},
    limits::Versions,
};

/// A certificate and its key, for [`Server::listen_tls`](super::Server::listen_tls). Clones are
/// handles to one, which may be changed while it is in use: connections that are open keep the
/// certificate that they began with.
///
/// TLS 1.2 and 1.3, as rustls has them by default; no early data. HTTP/2 and HTTP/1.1 are offered
/// (ALPN).
///
/// # Certificates of clients
///
/// None is wanted unless [`client_roots`](Self::client_roots) or
/// [`optional_client_roots`](Self::optional_client_roots) is called. What is verified is then in each request
/// of its connection as a [`PeerCert`](crate::PeerCert), of HTTP/1 and HTTP/2, and
/// `ClientCertGuard::from_tls` (`portcullis::client_cert`, feature `auth`) turns it into a principal.
///
/// | a client with | [`client_roots`](Self::client_roots) | [`optional_client_roots`](Self::optional_client_roots) |
/// |---|---|---|
/// | a certificate from one of the roots, in its time, and its key | `PeerCert` | `PeerCert` |
/// | one from elsewhere, one that has expired, one that is for servers only | no connection | no connection |
/// | none | no connection | no `PeerCert` |
///
/// A certificate is verified once for each connection, as it begins: it may expire while the connection
/// lasts ([`Server::max_age`](super::Server::max_age) ends that). Sessions are not resumed where certificates
/// are wanted, as a resumed session is not verified again, and would outlive its certificate. Revocation lists
/// are not read: certificates that live for hours or days need none.
#[derive(Clone)]
pub struct Tls {
    current: Live<Arc<CertifiedKey>>,
    files: Option<Arc<Files>>,
    config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Files {
    certificates: PathBuf,
    key: PathBuf,
}

/// Everyone gets the certificate that is there.
struct Current(Live<Arc<CertifiedKey>>);

/// Discards what is unsent of a connection over TLS, whoever accepted it.
pub(super) fn discard(io: &dyn Any) {
    if let Some(stream) = io.downcast_ref::<TlsStream<BoxIo>>() {
        stream.get_ref().0.discard();
    }
    if let Some(stream) = io.downcast_ref::<TlsStream<TcpStream>>() {
        stream.get_ref().0.discard();
    }
}

// ===== impl Tls =====

impl Tls {
    /// Reads a certificate, with those between it and its root, and its key from PEM files.
    ///
    /// # Errors
    ///
    /// Returns an error when a file can't be read, is none, or the key is of another certificate.
    pub fn from_pem_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let files = Files {
            certificates: certificates.into(),
            key: key.into(),
        };
        let mut tls = Self::new(files.read()?)?;
        tls.files = Some(Arc::new(files));
        Ok(tls)
    }

    /// Reads a certificate, with those between it and its root, and its key from PEM text.
    ///
    /// # Errors
    ///
    /// Returns an error when there is none, or the key is of another certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, ConfigError> {
        Self::new(parse(certificates, key)?)
    }

    /// Demands a certificate of each client, which comes from one of these roots, in PEM text. Whoever has
    /// none gets no connection. The roots stay, whatever [`reload`](Self::reload) reads; handles that were
    /// cloned before have none. The last call of this and
    /// [`optional_client_roots`](Self::optional_client_roots) counts.
    ///
    /// # Errors
    ///
    /// Returns an error when there is no root, or one is no certificate.
    pub fn client_roots(self, roots: &[u8]) -> Result<Self, ConfigError> {
        self.verifying(client_roots::verifier(roots, Presence::Required)?)
    }

    /// Offers clients to show a certificate, which must come from one of these roots, in PEM text. Whoever has
    /// none is let in without. See [`client_roots`](Self::client_roots).
    ///
    /// # Errors
    ///
    /// Returns an error when there is no root, or one is no certificate.
    pub fn optional_client_roots(self, roots: &[u8]) -> Result<Self, ConfigError> {
        self.verifying(client_roots::verifier(roots, Presence::Optional)?)
    }

    /// Reads the files again. New connections get the new certificate.
    ///
    /// # Errors
    ///
    /// Returns an error when there were no files, or they are not right; the old certificate goes on
    /// then.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let files = self.files.as_ref();
        let files = files.ok_or_else(|| ConfigError::new("TLS: made from no files"))?;
        self.current.store(Arc::new(files.read()?));
        Ok(())
    }

    /// Takes another certificate. New connections get it.
    ///
    /// # Errors
    ///
    /// Returns an error as [`from_pem`](Self::from_pem) does; the old certificate goes on then.
    pub fn set_pem(&self, certificates: &[u8], key: &[u8]) -> Result<(), ConfigError> {
        self.current.store(Arc::new(parse(certificates, key)?));
        Ok(())
    }

    fn new(key: CertifiedKey) -> Result<Self, ConfigError> {
        let current = Live::new(Arc::new(key));
        let config = config(&current, WebPkiClientVerifier::no_client_auth())?;
        Ok(Self {
            current,
            files: None,
            config: Arc::new(config),
        })
    }

    /// A session that is resumed is not verified again: rustls compares no time then.
    fn verifying(mut self, clients: Arc<dyn ClientCertVerifier>) -> Result<Self, ConfigError> {
        let mut config = config(&self.current, clients)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        self.config = Arc::new(config);
        Ok(self)
    }

    /// Offers only what the server speaks.
    pub(super) fn speaking(mut self, versions: Versions) -> Self {
        if versions != Versions::Both {
            Arc::make_mut(&mut self.config).alpn_protocols = alpn(versions);
        }
        self
    }

    pub(super) async fn accept(&self, io: BoxIo) -> io::Result<BoxIo> {
        let accept = TlsAcceptor::from(Arc::clone(&self.config)).accept(io);
        Ok(Box::new(accept.await?))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

// ===== impl Files =====

impl Files {
    fn read(&self) -> Result<CertifiedKey, ConfigError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| format!("TLS: {}: {error}", path.display()))
        };
        match (read(&self.certificates), read(&self.key)) {
            (Ok(certificates), Ok(key)) => parse(&certificates, &key),
            (certificates, key) => {
                let problems = [certificates.err(), key.err()];
                ConfigError::check(problems.into_iter().flatten().collect())?;
                Err(ConfigError::new("TLS: no certificate"))
            }
        }
    }
}

// ===== impl Current =====

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load()))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

fn parse(certificates: &[u8], key: &[u8]) -> Result<CertifiedKey, ConfigError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let key = PrivateKeyDer::from_pem_slice(key);
    let mut problems = Vec::new();
    match &chain {
        Ok(chain) if chain.is_empty() => problems.push("TLS: no certificate".to_owned()),
        Err(error) => problems.push(format!("TLS: certificate: {error}")),
        Ok(_) => {}
    }
    if let Err(error) = &key {
        problems.push(format!("TLS: key: {error}"));
    }
    ConfigError::check(problems)?;
    match (chain, key) {
        (Ok(chain), Ok(key)) => CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| ConfigError::new(format!("TLS: {error}"))),
        _ => Err(ConfigError::new("TLS: no certificate")),
    }
}

fn config(
    current: &Live<Arc<CertifiedKey>>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(provider());
    let mut config = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(format!("TLS: {error}")))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(Current(current.clone())));
    config.alpn_protocols = alpn(Versions::Both);
    Ok(config)
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn alpn(versions: Versions) -> Vec<Vec<u8>> {
    let names: &[&[u8]] = match versions {
        Versions::Both => &[b"h2", b"http/1.1"],
        Versions::Http1 => &[b"http/1.1"],
        Versions::Http2 => &[b"h2"],
    };
    names.iter().map(|name| name.to_vec()).collect()
}

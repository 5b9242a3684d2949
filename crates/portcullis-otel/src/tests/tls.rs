//! Certificates, made anew for each process.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::{Arc, OnceLock},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// Files, in PEM.
pub(crate) struct Files {
    folder: PathBuf,
    server: (String, String),
    root: String,
}

// ===== impl Files =====

impl Files {
    pub(crate) fn get() -> &'static Self {
        static FILES: OnceLock<Files> = OnceLock::new();
        FILES.get_or_init(Self::make)
    }

    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-otel-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()]).unwrap();
            (
                params.signed_by(&key, &root).unwrap().pem(),
                key.serialize_pem(),
            )
        };
        let (certificate, key) = signed("client");
        fs::write(folder.join("root.pem"), root.pem()).unwrap();
        fs::write(folder.join("client.pem"), certificate).unwrap();
        fs::write(folder.join("client.key"), key).unwrap();
        Self {
            folder,
            server: signed("localhost"),
            root: root.pem(),
        }
    }

    /// `root.pem`, `client.pem` or `client.key`.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// A server, which may want a certificate of its clients.
    pub(crate) fn server(&self, wants_client: bool) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(self.server.0.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.root.as_bytes()).unwrap())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        let config = if wants_client {
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

use std::{error::Error, fs, sync::Arc};

use hyper_rustls::ConfigBuilderExt;
use portcullis_core::BoxError;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, crypto,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::target::name;
use crate::{signal::Signal, variables::Variables};

/// Whom to believe, and who to be, where the endpoint is `https`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    /// In PEM. Without it, Mozilla's certificates.
    roots: Option<Vec<u8>>,
    /// A certificate with its chain, and its key, in PEM.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

// ===== impl Tls =====

impl Tls {
    /// Reads the files that the variables name, and tries them.
    pub(super) fn read(variables: &mut Variables, signal: Signal) -> Self {
        let names = ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"];
        let names = names.map(|rest| name(variables, signal, rest));
        let [roots, certificate, key] = names.each_ref().map(|name| {
            variables.parse(name, |path| {
                fs::read(path).map_err(|error| format!("{path}: {error}"))
            })
        });
        let is_set = |name: &String| variables.text(name).is_some();
        let lonely = match (is_set(&names[1]), is_set(&names[2])) {
            (true, false) => Some((&names[1], "it has no key: set ..CLIENT_KEY")),
            (false, true) => Some((&names[2], "it has no certificate: set ..CLIENT_CERTIFICATE")),
            _ => None,
        };
        if let Some((name, problem)) = lonely {
            variables.wrong(name, problem);
        }
        let mut read = Self {
            roots,
            identity: None,
        };
        if let Err(problem) = read.config() {
            variables.wrong(&names[0], problem);
        }
        read.identity = certificate.zip(key);
        if let Err(problem) = read.identity.as_ref().map(|_| read.config()).transpose() {
            variables.wrong(&names[1], problem);
        }
        read
    }

    /// Creates a configuration, with the provider named, so that nothing depends on what else a program
    /// is built with.
    pub(super) fn config(&self) -> Result<ClientConfig, BoxError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match &self.roots {
            None => config.with_webpki_roots(),
            Some(pem) => config.with_root_certificates(own_roots(pem)?),
        };
        Ok(match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificates, key)) => {
                let chain: Result<Vec<_>, _> =
                    CertificateDer::pem_slice_iter(certificates).collect();
                let key =
                    PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong("key", &error))?;
                let chain = chain.map_err(|error| wrong("certificate", &error))?;
                config.with_client_auth_cert(chain, key)?
            }
        })
    }
}

fn own_roots(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong("certificate", &error))?;
        roots.add(certificate)?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in the file".into());
    }
    Ok(roots)
}

fn wrong(what: &str, error: &dyn Error) -> BoxError {
    format!("the {what} is wrong: {error}").into()
}

//! Where a set comes from.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use portcullis_core::{BoxError, ConfigError};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, crypto,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Fetches a set once.
pub(super) type Source = Arc<dyn Fn() -> Fetch + Send + Sync>;

pub(super) type Fetch = Pin<Box<dyn Future<Output = Result<Bytes, BoxError>> + Send>>;

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Returns a source that fetches from a server, and reads no more than `max_bytes` of its answer.
pub(super) fn over_http(
    uri: &Uri,
    roots: Option<&[u8]>,
    max_bytes: usize,
) -> Result<Source, ConfigError> {
    let tls = tls(roots).map_err(|problem| ConfigError::new(format!("JWKS: {problem}")))?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        // Whether plain HTTP is allowed is known before.
        .https_or_http()
        .enable_http1()
        .build();
    // The next fetch is minutes away: a connection is not kept.
    let client: HttpClient = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector);
    let uri = uri.clone();
    Ok(Arc::new(move || {
        Box::pin(get(client.clone(), uri.clone(), max_bytes))
    }))
}

/// One request, and no other: a redirect is a status like others.
async fn get(client: HttpClient, uri: Uri, max_bytes: usize) -> Result<Bytes, BoxError> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, ACCEPTED);
    let response = client
        .request(request)
        .await
        .map_err(|error| chain(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("the answer's status is {}", response.status().as_u16()).into());
    }
    let body = Limited::new(response.into_body(), max_bytes).collect();
    Ok(body.await.map_err(|error| chain(&*error))?.to_bytes())
}

/// With the provider named, so that nothing depends on what else a program is built with.
fn tls(roots: Option<&[u8]>) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = match roots {
        None => config.with_webpki_roots(),
        Some(pem) => config.with_root_certificates(own_roots(pem)?),
    };
    Ok(config.with_no_client_auth())
}

fn own_roots(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let wrong = |error: &dyn Error| format!("a root certificate is wrong: {error}");
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate among the roots".into());
    }
    Ok(roots)
}

/// An error with what it came of: hyper's own says little.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

const ACCEPTED: HeaderValue =
    HeaderValue::from_static("application/jwk-set+json, application/json");

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, Cause, ClientCert, Facts, Guard, Need, PeerCert, Principal, Reason, Rejection,
    RejectionKind, Reply, Verdict,
};

use super::{cert, xfcc};

/// Admits requests of clients with a certificate, as the server's own TLS or a trusted proxy tells. See the [module docs](super).
#[derive(Clone)]
pub struct ClientCertGuard {
    source: Source,
    identify: Arc<Identify>,
}

type Identify = dyn Fn(&ClientCert) -> Option<Principal> + Send + Sync;

/// What tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The connection itself, and no field.
    Tls,
    ClientCert,
    Xfcc,
}

// ===== impl ClientCertGuard =====

impl ClientCertGuard {
    /// Creates a guard that takes the certificate of the connection, which the server's own TLS verified, and
    /// finds the principal with a function: by [fingerprint](ClientCert::fingerprint), say. `None` is nobody.
    ///
    /// Fields of proxies are taken out of every request, and no proxy need be trusted.
    pub fn from_tls(
        identify: impl Fn(&ClientCert) -> Option<Principal> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Tls, identify)
    }

    /// Creates a guard that takes the certificate of the connection: the principal's id is its URI, if it has
    /// exactly one, such as a SPIFFE ID.
    #[must_use]
    pub fn tls_by_uri() -> Self {
        Self::from_tls(|cert| only(cert.uris()))
    }

    /// Creates a guard that takes the certificate of the connection: the principal's id is its DNS name, if it
    /// has exactly one.
    #[must_use]
    pub fn tls_by_dns() -> Self {
        Self::from_tls(|cert| only(cert.dns()))
    }

    /// Creates a guard that reads `Client-Cert` (RFC 9440), and finds the principal with a function: by
    /// [fingerprint](ClientCert::fingerprint), say. `None` is nobody.
    pub fn from_client_cert(
        identify: impl Fn(&ClientCert) -> Option<Principal> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::ClientCert, identify)
    }

    /// Creates a guard that reads `X-Forwarded-Client-Cert`, and finds the principal with a function. `None`
    /// is nobody.
    pub fn from_xfcc(
        identify: impl Fn(&ClientCert) -> Option<Principal> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Xfcc, identify)
    }

    /// Creates a guard that reads `X-Forwarded-Client-Cert`: the principal's id is the URI of the
    /// certificate, if it has exactly one, such as a SPIFFE ID.
    #[must_use]
    pub fn by_uri() -> Self {
        Self::from_xfcc(|cert| only(cert.uris()))
    }

    /// Creates a guard that reads `X-Forwarded-Client-Cert`: the principal's id is the DNS name of the
    /// certificate, if it has exactly one.
    #[must_use]
    pub fn by_dns() -> Self {
        Self::from_xfcc(|cert| only(cert.dns()))
    }

    fn new(
        source: Source,
        identify: impl Fn(&ClientCert) -> Option<Principal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source,
            identify: Arc::new(identify),
        }
    }

    /// Takes out what is not believed.
    fn clean(&self, head: &mut request::Parts) {
        let is_trusted = Facts::of(&head.extensions).is_peer_trusted();
        for (source, name) in FIELDS {
            if !is_trusted || source != self.source {
                head.headers.remove(name);
            }
        }
    }

    fn find(&self, head: &request::Parts) -> Result<Arc<ClientCert>, Reason> {
        let told = match self.source {
            Source::Tls => {
                let peer = Facts::of(&head.extensions).get();
                let peer = peer.map(|PeerCert(cert)| Arc::clone(cert));
                return peer.ok_or(Reason::NoCredentials);
            }
            Source::ClientCert => from_client_cert(&head.headers),
            Source::Xfcc => from_xfcc(&head.headers),
        };
        told.map(Arc::new)
    }
}

impl Guard for ClientCertGuard {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.clean(head);
        let cert = match self.find(head) {
            Ok(cert) => cert,
            Err(reason) => return reject(reason, None).into(),
        };
        let Some(mut principal) = (self.identify)(&cert) else {
            return reject(Reason::UnknownKey, cert.fingerprint()).into();
        };
        principal = principal.with_scheme(AuthScheme::ClientCertificate);
        if let Some(fingerprint) = cert.fingerprint() {
            principal = principal.with_key(fingerprint);
        }
        Facts::of_mut(&mut head.extensions).set(principal);
        Verdict::Admit
    }

    fn skip(&self, head: &mut request::Parts) {
        self.clean(head);
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![CHALLENGE]
    }

    fn describe(&self) -> String {
        let from = match self.source {
            Source::Tls => "of the connection",
            Source::ClientCert => "in client-cert of a trusted proxy",
            Source::Xfcc => "in x-forwarded-client-cert of a trusted proxy",
        };
        format!("client certificate {from}")
    }

    fn needs(&self) -> &'static [Need] {
        match self.source {
            Source::Tls => &[],
            Source::ClientCert | Source::Xfcc => &[Need::ClientAddress],
        }
    }
}

impl fmt::Debug for ClientCertGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertGuard")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

fn from_client_cert(headers: &HeaderMap) -> Result<ClientCert, Reason> {
    let mut lines = headers.get_all(CLIENT_CERT).iter();
    let line = lines.next().ok_or(Reason::NoCredentials)?;
    if lines.next().is_some() {
        return Err(Reason::SeveralCredentials);
    }
    let cert = text(line).and_then(cert::from_byte_sequence);
    cert.ok_or(Reason::Malformed)
}

fn from_xfcc(headers: &HeaderMap) -> Result<ClientCert, Reason> {
    // The last element is on the last line.
    let line = headers.get_all(XFCC).iter().next_back();
    let line = line.ok_or(Reason::NoCredentials)?;
    text(line).and_then(xfcc::last).ok_or(Reason::Malformed)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| text.len() <= LONGEST)
}

fn only<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Principal> {
    let name = names.next()?;
    let is_alone = names.next().is_none();
    // Of a certificate itself a name may have any character, and it goes into logs.
    let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (is_alone && is_plain).then(|| Principal::new(name))
}

/// The same for every reason.
fn reject(reason: Reason, fingerprint: Option<&str>) -> Rejection {
    let cause = Cause::new(AuthScheme::ClientCertificate, reason);
    let cause = match fingerprint {
        Some(fingerprint) => cause.with_subject(fingerprint),
        None => cause,
    };
    Rejection::new(RejectionKind::Unauthenticated)
        .with_layer("client_cert")
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
        .with_cause(cause)
}

/// What proxies tell of certificates in.
const FIELDS: [(Source, &str); 3] = [
    (Source::ClientCert, CLIENT_CERT),
    (Source::ClientCert, "client-cert-chain"),
    (Source::Xfcc, XFCC),
];

const CLIENT_CERT: &str = "client-cert";
const XFCC: &str = "x-forwarded-client-cert";

/// A 401 has a challenge (RFC 9110, section 15.5.2), and certificates have none of their own.
const CHALLENGE: HeaderValue = HeaderValue::from_static("ClientCertificate realm=\"api\"");
const LONGEST: usize = 16 * 1024;

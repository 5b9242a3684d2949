use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, Cause, Facts, Guard, Need, Principal, Reason, Rejection, RejectionKind, Reply,
    Verdict,
};

use super::{ClientCert, xfcc};

/// Admits requests of clients with a certificate, as a trusted proxy tells. See the [module docs](super).
#[derive(Clone)]
pub struct ClientCertGuard {
    source: Source,
    identify: Arc<Identify>,
}

type Identify = dyn Fn(&ClientCert) -> Option<Principal> + Send + Sync;

/// Which field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    ClientCert,
    Xfcc,
}

// ===== impl ClientCertGuard =====

impl ClientCertGuard {
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
        Self::from_xfcc(|cert| only(&cert.uris))
    }

    /// Creates a guard that reads `X-Forwarded-Client-Cert`: the principal's id is the DNS name of the
    /// certificate, if it has exactly one.
    #[must_use]
    pub fn by_dns() -> Self {
        Self::from_xfcc(|cert| only(&cert.dns))
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

    fn find(&self, headers: &HeaderMap) -> Result<ClientCert, Reason> {
        let name = self.source.field();
        let mut lines = headers.get_all(&name).iter();
        let first = lines.next().ok_or(Reason::NoCredentials)?;
        let cert = match self.source {
            Source::ClientCert if lines.next().is_some() => return Err(Reason::SeveralCredentials),
            Source::ClientCert => text(first).and_then(ClientCert::from_byte_sequence),
            // The last element is on the last line.
            Source::Xfcc => text(lines.next_back().unwrap_or(first)).and_then(xfcc::last),
        };
        cert.ok_or(Reason::Malformed)
    }
}

impl Guard for ClientCertGuard {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.clean(head);
        let cert = match self.find(&head.headers) {
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
        format!(
            "client certificate in {} of a trusted proxy",
            self.source.field()
        )
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::ClientAddress]
    }
}

impl fmt::Debug for ClientCertGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertGuard")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

// ===== impl Source =====

impl Source {
    const fn field(self) -> HeaderName {
        match self {
            Self::ClientCert => HeaderName::from_static("client-cert"),
            Self::Xfcc => HeaderName::from_static("x-forwarded-client-cert"),
        }
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| text.len() <= LONGEST)
}

fn only(names: &[String]) -> Option<Principal> {
    match names {
        [name] => Some(Principal::new(name.as_str())),
        _ => None,
    }
}

/// The same for every reason.
fn reject(reason: Reason, fingerprint: Option<&str>) -> Rejection {
    let cause = Cause::new(AuthScheme::ClientCertificate, reason);
    let cause = match fingerprint {
        Some(fingerprint) => cause.with_subject(fingerprint),
        None => cause,
    };
    Rejection::new(RejectionKind::Unauthenticated)
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
        .with_cause(cause)
}

/// What proxies tell of certificates in.
const FIELDS: [(Source, &str); 3] = [
    (Source::ClientCert, "client-cert"),
    (Source::ClientCert, "client-cert-chain"),
    (Source::Xfcc, "x-forwarded-client-cert"),
];

/// A 401 has a challenge (RFC 9110, section 15.5.2), and certificates have none of their own.
const CHALLENGE: HeaderValue = HeaderValue::from_static("ClientCertificate realm=\"api\"");
const LONGEST: usize = 16 * 1024;

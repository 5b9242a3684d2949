use bytes::Bytes;
use http::HeaderValue;
use portcullis_core::CspNonce;

use super::{Csp, Directive, NONCE};

/// A policy as it is sent: ready but for the nonce, and for what is sent over HTTPS only.
///
/// Over HTTP reports go to `report-uri` alone: a browser that knows `report-to` ignores the former
/// (CSP Level 3, section 6.5.1), and sends nothing to the latter from a page that is not secure.
#[derive(Clone, Debug)]
pub(in super::super) struct Policy {
    http: Text,
    https: Text,
}

#[derive(Clone, Debug)]
enum Text {
    /// The same for all requests.
    Fixed(HeaderValue),
    /// What is between the places of the nonce.
    Parts(Vec<String>),
}

// ===== impl Policy =====

impl Policy {
    /// Prepares a policy that is enforced.
    pub(in super::super) fn enforced(csp: &Csp, endpoint: Option<&str>) -> Self {
        Self::new(csp, endpoint, &[])
    }

    /// Prepares a policy that is only reported. Browsers ignore some directives there, and tell the
    /// console.
    pub(in super::super) fn reported(csp: &Csp, endpoint: Option<&str>) -> Self {
        Self::new(csp, endpoint, &["sandbox", UPGRADE])
    }

    fn new(csp: &Csp, endpoint: Option<&str>, left_out: &[&str]) -> Self {
        let endpoint = endpoint.filter(|_| !csp.has_endpoint());
        let csp = csp.without(left_out);
        let with = |name, value: &str| endpoint.map(|_| Directive::new(name, value));
        let uri = with("report-uri", endpoint.unwrap_or_default());
        let over_http = csp.without(&[UPGRADE]).and(uri.clone());
        Self {
            http: Text::new(&over_http),
            https: Text::new(&csp.and(uri).and(with("report-to", ENDPOINT))),
        }
    }

    /// Returns the value, if it is the same for all requests.
    pub(in super::super) fn fixed(&self) -> Option<&HeaderValue> {
        match (&self.http, &self.https) {
            (Text::Fixed(http), Text::Fixed(https)) if http == https => Some(http),
            _ => None,
        }
    }

    /// Returns the value for a request.
    #[inline]
    pub(in super::super) fn value(
        &self,
        nonce: Option<&CspNonce>,
        is_https: bool,
    ) -> Option<HeaderValue> {
        match if is_https { &self.https } else { &self.http } {
            Text::Fixed(value) => Some(value.clone()),
            Text::Parts(parts) => {
                let nonce = format!("'nonce-{}'", nonce?);
                HeaderValue::from_maybe_shared(Bytes::from(parts.join(&nonce))).ok()
            }
        }
    }
}

// ===== impl Text =====

impl Text {
    /// A policy is visible ASCII, so it is a value.
    fn new(csp: &Csp) -> Self {
        let text = csp.to_string();
        match HeaderValue::try_from(&text) {
            Ok(value) if !csp.has_nonce() => Self::Fixed(value),
            _ => Self::Parts(text.split(NONCE).map(ToOwned::to_owned).collect()),
        }
    }
}

// ===== impl Csp =====

impl Csp {
    /// Returns `true` if the policy says itself where reports go.
    fn has_endpoint(&self) -> bool {
        self.values("report-uri").is_some() || self.values("report-to").is_some()
    }

    fn without(&self, names: &[&str]) -> Self {
        let all = self.0.iter();
        let kept = all.filter(|directive| !names.contains(&directive.name));
        Self(kept.cloned().collect())
    }

    fn and(&self, directive: Option<Directive>) -> Self {
        Self(self.0.iter().cloned().chain(directive).collect())
    }
}

// ===== impl Directive =====

impl Directive {
    fn new(name: &'static str, value: &str) -> Self {
        Self {
            name,
            values: vec![value.into()],
        }
    }
}

/// The name of the place in `Reporting-Endpoints`.
pub(in super::super) const ENDPOINT: &str = "portcullis";

const UPGRADE: &str = "upgrade-insecure-requests";

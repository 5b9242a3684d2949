use bytes::Bytes;
use http::HeaderValue;
use portcullis_core::CspNonce;

use super::{Csp, Directive, NONCE};

/// A policy as it is sent: ready but for the nonce, and for what is sent over HTTPS only. Where nothing
/// is left of it, it is not sent.
///
/// Over HTTP reports go to `report-uri` alone: a browser that knows `report-to` ignores the former
/// (CSP Level 3, section 6.5.1), and sends nothing to the latter from a page that is not secure.
#[derive(Clone, Debug)]
pub(in super::super) struct Policy {
    http: Option<Text>,
    https: Option<Text>,
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
        let http = csp.without(&[UPGRADE]).and(uri.clone());
        let https = csp.and(uri).and(with("report-to", ENDPOINT));
        Self {
            http: Text::new(&http),
            https: Text::new(&https),
        }
    }

    /// Returns the value, if it is the same for all requests.
    pub(in super::super) fn fixed(&self) -> Option<&HeaderValue> {
        match (&self.http, &self.https) {
            (Some(Text::Fixed(http)), Some(Text::Fixed(https))) if http == https => Some(http),
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
        let text = if is_https { &self.https } else { &self.http };
        match text.as_ref()? {
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
    fn new(csp: &Csp) -> Option<Self> {
        if csp.0.is_empty() {
            return None;
        }
        let text = csp.to_string();
        Some(match HeaderValue::try_from(&text) {
            Ok(value) if !csp.has_nonce() => Self::Fixed(value),
            _ => Self::Parts(text.split(NONCE).map(ToOwned::to_owned).collect()),
        })
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

    /// Adds a directive, unless there is nothing to add it to.
    fn and(&self, directive: Option<Directive>) -> Self {
        let directive = directive.filter(|_| !self.0.is_empty());
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

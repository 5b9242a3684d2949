use bytes::Bytes;
use http::HeaderValue;
use portcullis_core::CspNonce;

use super::{Csp, Directive, NONCE};

/// A policy as it is sent: ready but for the nonce, and for what is sent over HTTPS only.
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
        let with = |left_out: &[&str]| {
            let kept = csp
                .0
                .iter()
                .filter(|directive| !left_out.contains(&directive.name));
            let mut policy = Csp(kept.cloned().collect());
            if let Some(path) = endpoint {
                policy.report_to(path);
            }
            Text::new(&policy)
        };
        let over_http = [left_out, &[UPGRADE]].concat();
        Self {
            http: with(&over_http),
            https: with(left_out),
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
    /// Adds where reports go, unless the policy has a place of its own. Browsers that know
    /// `report-to` ignore `report-uri` (CSP Level 3, section 6.5.1).
    fn report_to(&mut self, path: &str) {
        if self.values("report-to").is_some() || self.values("report-uri").is_some() {
            return;
        }
        let own = [("report-uri", path), ("report-to", ENDPOINT)];
        let own = own.map(|(name, value)| Directive {
            name,
            values: vec![value.into()],
        });
        self.0 = self.0.iter().cloned().chain(own).collect();
    }
}

/// The name of the place in `Reporting-Endpoints`.
pub(in super::super) const ENDPOINT: &str = "portcullis";

const UPGRADE: &str = "upgrade-insecure-requests";

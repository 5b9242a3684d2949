use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, VARY,
    },
};
use portcullis_core::{AuthScheme, Cause, Reason, Rejection, RejectionKind, Reply};

use super::preflight::Preflight;
use crate::origins::{Origins, Sent};

/// What is allowed, and the fields that say so.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) allowed: Allowed,
    pub(super) methods: Vec<Method>,
    pub(super) request_headers: Vec<HeaderName>,
    pub(super) has_credentials: bool,
    pub(super) has_private_network: bool,
    pub(super) methods_value: Option<HeaderValue>,
    pub(super) headers_value: Option<HeaderValue>,
    pub(super) exposed_value: Option<HeaderValue>,
    pub(super) max_age: HeaderValue,
    pub(super) refusal: Rejection,
}

/// Which origins are allowed.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    Any,
    These(Arc<Origins>),
}

// ===== impl Policy =====

impl Policy {
    /// Adds what the response to a request must carry that is no preflight.
    #[inline]
    pub(super) fn tell(&self, sent: Sent<'_>, reply: &mut Reply) {
        let Some(origin) = self.allow_origin(sent) else {
            return;
        };
        self.tell_origin(origin, reply);
        if let Some(exposed) = &self.exposed_value {
            reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    /// Adds what is allowed to the answer to a preflight, if it wants no more.
    pub(super) fn answer(
        &self,
        origin: &HeaderValue,
        preflight: &Preflight<'_>,
        reply: &mut Reply,
    ) -> Result<(), Rejection> {
        reply.append(VARY, self.varies_by());
        let allowed = self.allow_origin(Sent::One(origin));
        let is_allowed = preflight.wants_one_of(&self.methods)
            && preflight.wants_some_of(&self.request_headers)
            && (self.has_private_network || !preflight.wants_private_network());
        let Some(allowed) = allowed.filter(|_| is_allowed) else {
            return Err(self.refusal.clone());
        };
        self.tell_origin(allowed, reply);
        if let Some(methods) = &self.methods_value {
            reply.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        }
        if let Some(headers) = &self.headers_value {
            reply.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        if preflight.wants_private_network() {
            reply.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        reply.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        Ok(())
    }

    /// Adds to the fields that a response varies by, unless it is the same for all origins.
    pub(super) fn vary(&self, headers: &mut HeaderMap) {
        if matches!(self.allowed, Allowed::These(_)) && !names_origin(headers) {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }

    /// Returns the origins that are allowed; nothing if that is any.
    pub(super) const fn origins(&self) -> Option<&Arc<Origins>> {
        match &self.allowed {
            Allowed::Any => None,
            Allowed::These(origins) => Some(origins),
        }
    }

    #[inline]
    fn allow_origin(&self, sent: Sent<'_>) -> Option<HeaderValue> {
        match (&self.allowed, sent) {
            (_, Sent::Several) | (Allowed::These(_), Sent::Nothing) => None,
            (Allowed::Any, _) => Some(ANY),
            (Allowed::These(origins), Sent::One(origin)) => {
                origins.contains(origin.as_bytes()).then(|| origin.clone())
            }
        }
    }

    fn tell_origin(&self, origin: HeaderValue, reply: &mut Reply) {
        reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.has_credentials {
            reply.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }

    const fn varies_by(&self) -> HeaderValue {
        if self.has_private_network {
            BY_PREFLIGHT_AND_NETWORK
        } else {
            BY_PREFLIGHT
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        let cause = Cause::new(AuthScheme::Other, Reason::OriginNotAllowed);
        Self {
            allowed: Allowed::These(Arc::default()),
            methods: Vec::new(),
            request_headers: Vec::new(),
            has_credentials: false,
            has_private_network: false,
            methods_value: None,
            headers_value: None,
            exposed_value: None,
            max_age: HeaderValue::from_static("0"),
            refusal: Rejection::new(RejectionKind::Forbidden)
                .with_layer("cors")
                .with_cause(cause),
        }
    }
}

/// Returns `true` if a response varies by its request's origin already.
fn names_origin(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(VARY).iter();
    let mut names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin"))
}

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const BY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("access-control-request-method, access-control-request-headers");
const BY_PREFLIGHT_AND_NETWORK: HeaderValue = HeaderValue::from_static(
    "access-control-request-method, access-control-request-headers, access-control-request-private-network",
);

pub(super) const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

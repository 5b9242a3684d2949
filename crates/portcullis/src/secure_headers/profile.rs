//! The headers of each profile, and of each type of response.

use http::{HeaderName, HeaderValue, header};

use super::{Csp, PermissionsPolicy};

pub(super) type Header = (HeaderName, HeaderValue);

/// What kind of responses headers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// Nothing but what the user adds.
    Empty,
    Api,
    Page,
    Strict,
    /// What is neither a page nor data: a download, an image.
    File,
    /// A script, which a page loads or a worker runs. A policy of its own would be the worker's.
    Script,
}

// ===== impl Profile =====

impl Profile {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "no",
            Self::Api => "API",
            Self::Page => "page",
            Self::Strict => "strict",
            Self::File => "file",
            Self::Script => "script",
        }
    }

    /// Returns the headers that have one value, without those of policies.
    pub(super) fn headers(self) -> &'static [Header] {
        match self {
            Self::Empty => &[],
            Self::Api => &API,
            Self::Page => &PAGE,
            Self::Strict => &STRICT,
            Self::File => &FILE,
            Self::Script => &SCRIPT,
        }
    }

    pub(super) fn csp(self) -> Option<Csp> {
        match self {
            Self::Empty | Self::Script => None,
            Self::Api => Some(Csp::api()),
            Self::Page => Some(Csp::page()),
            Self::Strict => Some(Csp::strict()),
            Self::File => Some(Csp::file()),
        }
    }

    pub(super) fn permissions(self) -> Option<PermissionsPolicy> {
        match self {
            Self::Page => Some(PermissionsPolicy::page()),
            Self::Strict => Some(PermissionsPolicy::strict()),
            Self::Empty | Self::Api | Self::File | Self::Script => None,
        }
    }
}

static API: [Header; 5] = [
    (name("cross-origin-resource-policy"), value("same-origin")),
    (header::REFERRER_POLICY, value("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (header::X_FRAME_OPTIONS, value("deny")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

static PAGE: [Header; 6] = [
    (
        name("cross-origin-opener-policy"),
        value("same-origin-allow-popups"),
    ),
    (name("cross-origin-resource-policy"), value("same-site")),
    (
        header::REFERRER_POLICY,
        value("strict-origin-when-cross-origin"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (header::X_FRAME_OPTIONS, value("sameorigin")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

static STRICT: [Header; 8] = [
    (name("cross-origin-embedder-policy"), value("require-corp")),
    (name("cross-origin-opener-policy"), value("same-origin")),
    (name("cross-origin-resource-policy"), value("same-origin")),
    (header::REFERRER_POLICY, value("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (header::X_DNS_PREFETCH_CONTROL, value("off")),
    (header::X_FRAME_OPTIONS, value("deny")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

static FILE: [Header; 4] = [
    (name("cross-origin-resource-policy"), value("same-site")),
    (header::REFERRER_POLICY, value("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

static SCRIPT: [Header; 3] = [
    (name("cross-origin-resource-policy"), value("same-site")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

pub(super) static HSTS: HeaderValue = value("max-age=63072000; includeSubDomains");

pub(super) static NO_STORE: HeaderValue = value("no-store");

const fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

const fn value(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}

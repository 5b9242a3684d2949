//! The headers of each profile.

use http::{HeaderName, HeaderValue, header};

pub(super) type Header = (HeaderName, HeaderValue);

pub(super) static API: [Header; 7] = [
    (header::CACHE_CONTROL, value("no-store, max-age=0")),
    (
        header::CONTENT_SECURITY_POLICY,
        value("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ),
    (name("cross-origin-resource-policy"), value("same-origin")),
    (header::REFERRER_POLICY, value("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (header::X_FRAME_OPTIONS, value("deny")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

/// Without the policy, which has a nonce.
pub(super) static HTML: [Header; 10] = [
    (header::CACHE_CONTROL, value("no-store, max-age=0")),
    (name("cross-origin-embedder-policy"), value("require-corp")),
    (name("cross-origin-opener-policy"), value("same-origin")),
    (name("cross-origin-resource-policy"), value("same-origin")),
    (name("permissions-policy"), value(PERMISSIONS)),
    (header::REFERRER_POLICY, value("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
    (header::X_DNS_PREFETCH_CONTROL, value("off")),
    (header::X_FRAME_OPTIONS, value("deny")),
    (name("x-permitted-cross-domain-policies"), value("none")),
];

pub(super) const HSTS: HeaderValue = value("max-age=63072000; includeSubDomains");

const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), \
    cross-origin-isolated=(), display-capture=(), encrypted-media=(), fullscreen=(), \
    geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), \
    payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), \
    sync-xhr=(self), usb=(), web-share=(), xr-spatial-tracking=(), clipboard-read=(), \
    clipboard-write=(), gamepad=(), hid=(), idle-detection=(), interest-cohort=(), serial=(), \
    unload=()";

const fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

const fn value(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}

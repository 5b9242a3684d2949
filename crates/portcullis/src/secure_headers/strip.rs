use http::HeaderName;

/// The fields of responses that [`SecureHeaders`](super::SecureHeaders) takes out unless told
/// otherwise, in lower case.
///
/// Products, versions, names of machines and times of the inside, from OWASP's `headers_remove.json`
/// (2024-07-19) and `X-Runtime` of Rails; and two that concern one connection only (RFC 9110, section 7.6.1).
///
/// Left in is what has a use outside: `Via`, which RFC 9110, section 7.6.3, asks of gateways;
/// `Connection` and `Upgrade`, which the server needs; `SourceMap`; what caches tell of themselves;
/// trace IDs that a client may quote.
pub const STRIPPED: [&str; 32] = [
    "keep-alive",
    "liferay-portal",
    "powered-by",
    "product",
    "proxy-connection",
    "server",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-beserver",
    "x-calculatedbetarget",
    "x-cf-powered-by",
    "x-cms",
    "x-diaginfo",
    "x-envoy-attempt-count",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-dst-host",
    "x-envoy-upstream-service-time",
    "x-feserver",
    "x-framework",
    "x-generator",
    "x-kubernetes-pf-flowschema-uid",
    "x-kubernetes-pf-prioritylevel-uid",
    "x-owa-version",
    "x-php-version",
    "x-powered-by",
    "x-powered-cms",
    "x-runtime",
    "x-server-powered-by",
    "x-sourcefiles",
    "x-varnish-backend",
    "x-varnish-server",
];

/// Returns the fields that go, but for those that are kept, and with those of one's own.
pub(super) fn names(kept: &[HeaderName], own: &[HeaderName]) -> Vec<HeaderName> {
    let known = STRIPPED.into_iter().map(HeaderName::from_static);
    let known = known.filter(|name| !kept.contains(name));
    known.chain(own.iter().cloned()).collect()
}

use http::{
    HeaderMap, HeaderName, Method,
    header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD},
    request,
};

/// What a preflight wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preflight<'a>(&'a HeaderMap);

// ===== impl Preflight =====

impl<'a> Preflight<'a> {
    /// Returns the preflight that a request is, but for its origin.
    #[inline]
    pub(super) fn of(head: &'a request::Parts) -> Option<Self> {
        let is_one = head.method == Method::OPTIONS
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        is_one.then_some(Self(&head.headers))
    }

    /// Returns `true` if its one method is one of these, to the byte.
    pub(super) fn wants_one_of(&self, methods: &[Method]) -> bool {
        let mut lines = self.0.get_all(ACCESS_CONTROL_REQUEST_METHOD).iter();
        let (Some(wanted), None) = (lines.next(), lines.next()) else {
            return false;
        };
        methods.iter().any(|own| own.as_str() == wanted)
    }

    /// Returns `true` if each of its fields is one of these, without regard to case. Empty elements are
    /// none (RFC 9110, section 5.6.1).
    pub(super) fn wants_some_of(&self, names: &[HeaderName]) -> bool {
        let lines = self.0.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let mut wanted = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let is_allowed = |wanted: &[u8]| {
            let is_it = |own: &HeaderName| own.as_str().as_bytes().eq_ignore_ascii_case(wanted);
            wanted.is_empty() || names.iter().any(is_it)
        };
        // What is not looked at is not allowed.
        wanted
            .by_ref()
            .take(MOST)
            .all(|name| is_allowed(name.trim_ascii()))
            && wanted.next().is_none()
    }

    /// Returns `true` if a page of a public network wants to reach a private one.
    pub(super) fn wants_private_network(&self) -> bool {
        self.0.contains_key(REQUEST_PRIVATE_NETWORK)
    }
}

/// Of the fields that a preflight wants.
const MOST: usize = 200;

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");

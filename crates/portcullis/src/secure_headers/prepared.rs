use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, Entry,
        STRICT_TRANSPORT_SECURITY,
    },
    request, response,
};
use portcullis_core::{Facts, Rejection, Reply};

use super::{
    csp::{ENDPOINT, Policy},
    guard::Settings,
    kind::Kind,
    nonce,
    profile::{Header, NO_STORE, Profile},
};

/// What a guard's settings come to.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// What every response gets.
    pub(super) always: HeaderMap,
    /// What else a response gets, by its kind. Empty where that makes no difference.
    by_kind: Vec<(Kind, Vec<Header>)>,
    /// Unless it is the same for all requests.
    enforced: Option<Policy>,
    reported: Option<Policy>,
    has_nonce: bool,
    pub(super) has_hsts: bool,
    /// Whether responses that say nothing of caches are not stored.
    pub(super) has_no_store: bool,
}

// ===== impl Prepared =====

impl Prepared {
    pub(super) fn new(settings: &Settings) -> Self {
        let endpoint = settings.endpoint.as_deref();
        let csp = settings.enforced();
        let enforced = csp.as_ref().map(|csp| Policy::enforced(csp, endpoint));
        let is_free = |name| settings.is_free(name);
        let enforced =
            enforced.filter(|policy| policy.fixed().is_none() && is_free(&CONTENT_SECURITY_POLICY));
        let reported = settings.reported.as_ref();
        let reported = reported.filter(|_| is_free(&CONTENT_SECURITY_POLICY_REPORT_ONLY));
        let has_nonce =
            csp.is_some_and(|csp| csp.has_nonce()) || reported.is_some_and(|csp| csp.has_nonce());
        let mut prepared = Self {
            always: HeaderMap::new(),
            by_kind: Vec::new(),
            enforced,
            reported: reported.map(|csp| Policy::reported(csp, endpoint)),
            has_nonce,
            has_hsts: settings.profile != Profile::Empty && is_free(&STRICT_TRANSPORT_SECURITY),
            has_no_store: settings.profile != Profile::Empty && is_free(&CACHE_CONTROL),
        };
        prepared.set_headers(settings);
        prepared
    }

    fn set_headers(&mut self, settings: &Settings) {
        let own = |kind| changed(headers(settings, kind), &settings.own);
        if !settings.is_by_type {
            self.always = own(Kind::Document);
            return;
        }
        let all = Kind::ALL.map(|kind| (kind, own(kind)));
        let is_everywhere = |name: &HeaderName, value: &HeaderValue| {
            all.iter()
                .all(|(_, headers)| headers.get(name) == Some(value))
        };
        let (_, first) = &all[0];
        let shared = first
            .iter()
            .filter(|(name, value)| is_everywhere(name, value));
        self.always = shared
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let always = &self.always;
        let rest = all.iter().map(|(kind, headers)| {
            let own = headers
                .iter()
                .filter(|(name, _)| !always.contains_key(*name));
            (
                *kind,
                own.map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            )
        });
        self.by_kind = rest.collect();
    }

    /// Returns `true` if something differs from request to request.
    #[inline]
    pub(super) const fn differs(&self) -> bool {
        self.has_nonce || self.enforced.is_some() || self.reported.is_some()
    }

    /// Writes the policies that differ from request to request.
    pub(super) fn write(&self, head: &mut request::Parts, reply: &mut Reply, is_https: bool) {
        let nonce = self.has_nonce.then(nonce::generate);
        for (name, policy) in self.policies() {
            let Some(value) = policy.value(nonce.as_ref(), is_https) else {
                continue;
            };
            if self.is_by_type() {
                reply.keep(name, value);
            } else {
                reply.insert_default(name, value);
            }
        }
        if let Some(nonce) = nonce {
            Facts::of_mut(&mut head.extensions).set(nonce);
        }
    }

    /// Completes the head of a response.
    #[inline]
    pub(super) fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        // A cache would put the fields of a 304 over those of what it has stored.
        if self.is_by_type() && head.status != StatusCode::NOT_MODIFIED {
            self.add_by_kind(reply, &mut head.headers);
        }
        if self.reported.is_some() && head.extensions.get::<Rejection>().is_some() {
            head.headers.remove(CONTENT_SECURITY_POLICY_REPORT_ONLY);
        }
        if self.has_nonce && self.forbids_storing(&head.headers) {
            head.headers.insert(CACHE_CONTROL, NO_STORE.clone());
        }
    }

    const fn is_by_type(&self) -> bool {
        !self.by_kind.is_empty()
    }

    fn policies(&self) -> impl Iterator<Item = (HeaderName, &Policy)> {
        let enforced = self
            .enforced
            .iter()
            .map(|policy| (CONTENT_SECURITY_POLICY, policy));
        let reported = self.reported.iter();
        enforced.chain(reported.map(|policy| (CONTENT_SECURITY_POLICY_REPORT_ONLY, policy)))
    }

    /// Adds what a response of its kind gets, unless the application set it.
    fn add_by_kind(&self, reply: &Reply, headers: &mut HeaderMap) {
        let kind = Kind::of(headers);
        if kind == Kind::Document {
            for (name, _) in self.policies() {
                if let Some(value) = reply.kept(&name) {
                    add(headers, &name, value);
                }
            }
        }
        let own = self.by_kind.iter().filter(|(other, _)| *other == kind);
        for (name, value) in own.flat_map(|(_, own)| own) {
            add(headers, name, value);
        }
    }

    /// Returns `true` if a response is a page with a nonce that has no `Cache-Control`: from a cache it
    /// has the nonce of another request.
    fn forbids_storing(&self, headers: &HeaderMap) -> bool {
        self.has_no_store && Kind::is_document(headers) && !headers.contains_key(CACHE_CONTROL)
    }
}

/// Returns the headers of a kind of responses that have one value.
fn headers(settings: &Settings, kind: Kind) -> HeaderMap {
    let profile = match kind {
        Kind::Document => settings.profile,
        Kind::Data => Profile::Api,
        Kind::Script => Profile::Script,
        Kind::File => Profile::File,
    };
    let mut headers: HeaderMap = profile.headers().iter().cloned().collect();
    if profile != Profile::Empty {
        headers.insert(CACHE_CONTROL, NO_STORE.clone());
    }
    let is_document = kind == Kind::Document;
    let csp = if is_document {
        settings.enforced()
    } else {
        profile.csp()
    };
    let endpoint = settings.endpoint.as_deref().filter(|_| is_document);
    let csp = csp.map(|csp| Policy::enforced(&csp, endpoint));
    if let Some(value) = csp.as_ref().and_then(Policy::fixed) {
        headers.insert(CONTENT_SECURITY_POLICY, value.clone());
    }
    let own = settings.permissions.clone().filter(|_| is_document);
    let permissions = own.or_else(|| profile.permissions());
    if let Some(value) = permissions.and_then(|policy| policy.value()) {
        headers.insert(PERMISSIONS_POLICY, value);
    }
    let endpoint = endpoint.and_then(|path| format!("{ENDPOINT}=\"{path}\"").try_into().ok());
    if let Some(value) = endpoint {
        headers.insert(REPORTING_ENDPOINTS, value);
    }
    if kind == Kind::Script {
        // A worker needs it if its page has it.
        let of_page = settings.profile.headers().iter();
        headers.extend(of_page.filter(|(name, _)| *name == EMBEDDER).cloned());
    }
    headers
}

/// Returns headers with the changes of the user.
fn changed(mut headers: HeaderMap, own: &[(HeaderName, Option<HeaderValue>)]) -> HeaderMap {
    for (name, value) in own {
        match value {
            Some(value) => drop(headers.insert(name, value.clone())),
            None => drop(headers.remove(name)),
        }
    }
    headers
}

fn add(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    if let Entry::Vacant(free) = headers.entry(name) {
        free.insert(value.clone());
    }
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");
const EMBEDDER: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");

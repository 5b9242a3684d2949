use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EXPIRES, LAST_MODIFIED,
        STRICT_TRANSPORT_SECURITY,
    },
    request, response,
};
use portcullis_core::{Facts, Guard, Reply, Scheme, Verdict};

use super::{
    csp::Csp,
    permissions::PermissionsPolicy,
    prepared::Prepared,
    profile::{HSTS, Profile},
    strip,
};

/// Adds security headers to every response. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct SecureHeaders {
    settings: Settings,
    /// What they come to.
    prepared: Arc<Prepared>,
}

/// What a user sets.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) profile: Profile,
    pub(super) is_by_type: bool,
    /// In place of the profile's.
    pub(super) csp: Option<Csp>,
    pub(super) permissions: Option<PermissionsPolicy>,
    pub(super) reported: Option<Csp>,
    /// The path that reports go to.
    pub(super) endpoint: Option<Arc<str>>,
    /// Headers of the user's own; without a value, those that are left out.
    pub(super) own: Vec<(HeaderName, Option<HeaderValue>)>,
    stripped: Vec<HeaderName>,
    kept: Vec<HeaderName>,
}

// ===== impl SecureHeaders =====

impl SecureHeaders {
    /// Creates a guard with the headers that fit an API: a response loads nothing and runs nothing.
    ///
    /// What it breaks: pages.
    #[must_use]
    pub fn api() -> Self {
        Self::new(Profile::Api)
    }

    /// Creates a guard with the headers that an ordinary page does not notice.
    ///
    /// Inline code, images and scripts of other origins, copy buttons and windows that a page opens go
    /// on as before. What it breaks, and how to get it back: see [what each profile
    /// costs](super#what-each-profile-costs).
    #[must_use]
    pub fn page() -> Self {
        Self::new(Profile::Page)
    }

    /// Creates a guard with the headers for pages that were written for them, with a nonce for each
    /// request.
    ///
    /// What it breaks: see [what each profile costs](super#what-each-profile-costs). Try it first as
    /// `SecureHeaders::page().report_only(Csp::strict())`.
    #[must_use]
    pub fn strict() -> Self {
        Self::new(Profile::Strict)
    }

    fn new(profile: Profile) -> Self {
        Self::from_settings(Settings::new(profile))
    }

    fn from_settings(settings: Settings) -> Self {
        let prepared = Arc::new(Prepared::new(&settings));
        Self { settings, prepared }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        Self::from_settings(self.settings)
    }

    /// Gives each response what fits its type: this profile to pages, the API profile to data, and
    /// less to [other files](super#by-type).
    #[must_use]
    pub fn by_type(self) -> Self {
        self.set(|settings| settings.is_by_type = true)
    }

    /// Replaces the profile's Content Security Policy. [By type](Self::by_type), that of pages.
    #[must_use]
    pub fn csp(self, csp: Csp) -> Self {
        self.set(|settings| settings.csp = Some(csp))
    }

    /// Sets a policy that browsers report and don't enforce, beside the one that is enforced. A nonce
    /// is the same in both.
    ///
    /// Sent as `Content-Security-Policy-Report-Only` (CSP Level 3, section 3.2) without
    /// `upgrade-insecure-requests` and `sandbox`, which mean nothing there. Not sent with refusals:
    /// their pages are not the application's.
    #[must_use]
    pub fn report_only(self, csp: Csp) -> Self {
        self.set(|settings| settings.reported = Some(csp))
    }

    /// Replaces the profile's Permissions-Policy. [By type](Self::by_type), that of pages.
    #[must_use]
    pub fn permissions(self, policy: PermissionsPolicy) -> Self {
        self.set(|settings| settings.permissions = Some(policy))
    }

    /// Adds a header to every response, or replaces a value.
    ///
    /// A `content-security-policy` of one's own replaces all that the guard would send. It is not
    /// read: [`csp`](Self::csp) takes one that is.
    #[must_use]
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        self.set(|settings| settings.change(name, Some(value)))
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without(self, name: &HeaderName) -> Self {
        self.set(|settings| settings.change(name.clone(), None))
    }

    /// Takes a field out of every response of the application, besides
    /// [the usual ones](super::STRIPPED).
    #[must_use]
    pub fn strip(mut self, name: HeaderName) -> Self {
        self.settings.kept.retain(|kept| *kept != name);
        self.settings.stripped.push(name);
        self
    }

    /// Leaves the application a field that is taken out otherwise.
    #[must_use]
    pub fn keep(mut self, name: HeaderName) -> Self {
        self.settings.stripped.retain(|stripped| *stripped != name);
        self.settings.kept.push(name);
        self
    }

    /// Returns the headers that every response gets, without those that depend on the request or on
    /// the response.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.prepared.always.iter()
    }

    /// Tells browsers to report what policies block to a path of this origin: in
    /// `Reporting-Endpoints` (Reporting API, section 3.2), and in each policy that names no place of
    /// its own; by type, in those of pages. [`Edge::reports`](crate::Edge::reports) calls it.
    pub(crate) fn report_to(self, path: &str) -> Self {
        self.set(|settings| settings.endpoint = Some(path.into()))
    }

    /// Creates a guard without a header.
    pub(crate) fn none() -> Self {
        Self::new(Profile::Empty)
    }

    /// Returns the profile's name: `"API"`, `"page"` or `"strict"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.settings.profile.name()
    }
}

impl Guard for SecureHeaders {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let prepared = &*self.prepared;
        let is_https = Facts::of(&head.extensions).get() == Some(&Scheme::Https);
        if prepared.differs() {
            prepared.write(head, reply, is_https);
        }
        if is_https && prepared.has_hsts {
            reply.insert_default(STRICT_TRANSPORT_SECURITY, HSTS.clone());
        }
        Verdict::Admit
    }

    #[inline]
    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        self.prepared.complete(reply, head);
    }

    fn defaults(&self) -> HeaderMap {
        self.prepared.always.clone()
    }

    /// A response that can be validated is left to caches (RFC 9110, section 8.8), and one that says
    /// how long it is fresh (RFC 9111, section 5.3).
    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        let no_store = self.prepared.has_no_store;
        let no_store = no_store.then(|| (CACHE_CONTROL, vec![ETAG, LAST_MODIFIED, EXPIRES]));
        no_store.into_iter().collect()
    }

    fn strips(&self) -> Vec<HeaderName> {
        strip::names(&self.settings.kept, &self.settings.stripped)
    }

    fn describe(&self) -> String {
        let mut text = format!("{} profile", self.name());
        if self.settings.is_by_type {
            text.push_str(" for pages, others by their type");
        }
        if self.settings.reported.is_some() {
            text.push_str("; another policy is reported");
        }
        let weak = self.settings.weaknesses();
        if !weak.is_empty() {
            text.push_str("; weak: ");
            text.push_str(&weak.join(", "));
        }
        text
    }
}

impl Default for SecureHeaders {
    fn default() -> Self {
        Self::api()
    }
}

// ===== impl Settings =====

impl Settings {
    const fn new(profile: Profile) -> Self {
        Self {
            profile,
            is_by_type: false,
            csp: None,
            permissions: None,
            reported: None,
            endpoint: None,
            own: Vec::new(),
            stripped: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Returns the policy that is enforced.
    pub(super) fn enforced(&self) -> Option<Csp> {
        self.csp.clone().or_else(|| self.profile.csp())
    }

    /// Returns `true` if the user says nothing about a header.
    pub(super) fn is_free(&self, name: &HeaderName) -> bool {
        self.own.iter().all(|(own, _)| own != name)
    }

    fn change(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        self.own.retain(|(own, _)| *own != name);
        self.own.push((name, value));
    }

    /// Returns what the policies in force let through, for people.
    fn weaknesses(&self) -> Vec<String> {
        let csp = self.enforced();
        let csp = csp.filter(|_| self.is_free(&CONTENT_SECURITY_POLICY));
        let csp = csp.iter().flat_map(Csp::weaknesses);
        let permissions = self.permissions.iter();
        let open = permissions.flat_map(PermissionsPolicy::weaknesses);
        let open = open.map(|feature| format!("{feature}: any origin may use it"));
        csp.map(|weakness| weakness.to_string())
            .chain(open)
            .collect()
    }
}

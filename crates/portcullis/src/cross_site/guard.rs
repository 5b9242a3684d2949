use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, header::HOST, request};
use portcullis_core::{
    AuthScheme, Cause, ConfigError, Facts, Guard, Host, Paths, Reason, Rejection, RejectionKind,
    Reply, RequestPath, Scheme, Verdict,
};

use crate::{
    cors::Cors,
    engine::asked,
    origins::{Origin, Origins, Sent},
};

/// Refuses what a browser sends for another site. Clones share what is trusted. See the [module
/// docs](super).
#[derive(Clone, Debug)]
pub struct CrossSite(Arc<Settings>);

#[derive(Clone, Debug)]
struct Settings {
    trusted: Origins,
    exempt: Paths,
    reports: Option<Box<str>>,
    refusal: Rejection,
}

/// What a browser says of where a request comes from.
enum Site {
    Own,
    Other,
    Unsaid,
}

// ===== impl CrossSite =====

impl CrossSite {
    /// Creates a guard that trusts no other origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts other origins, such as `https://app.example`: what their pages send passes.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with them. `*` is no origin, and neither is a pattern.
    pub fn trust(
        mut self,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let trusted = &mut Arc::make_mut(&mut self.0).trusted;
        let mut problems = Vec::new();
        for text in origins {
            let text = text.as_ref();
            let added = match Origin::parse(text) {
                Ok(_) => trusted.add(text),
                Err(problem) => Err(problem),
            };
            if let Err(problem) = added {
                problems.push(format!("cross-site: origin {text:?}: {problem}"));
            }
        }
        ConfigError::check(problems)?;
        Ok(self)
    }

    /// Trusts the origins that CORS allows, with their patterns: mostly right where it allows them
    /// credentials, as their scripts then act for the visitor anyway.
    ///
    /// # Errors
    ///
    /// Returns an error if it allows every origin: then nothing would be refused.
    pub fn trust_cors(mut self, cors: &Cors) -> Result<Self, ConfigError> {
        let Some(origins) = cors.origins() else {
            let problem = "cross-site: CORS allows every origin; name those that are trusted";
            return Err(ConfigError::new(problem));
        };
        Arc::make_mut(&mut self.0).trusted.extend(origins);
        Ok(self)
    }

    /// Lets everything pass that surely is one of these, such as `POST /webhooks/*`. See [`Paths`] for how
    /// they are written and compared. The last call counts.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns.
    pub fn exempt(
        mut self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        Arc::make_mut(&mut self.0).exempt = Paths::parse(paths)?;
        Ok(self)
    }

    /// Lets reports of browsers pass, which they send for pages without an origin too.
    pub(crate) fn exempt_reports(mut self, path: &str) -> Self {
        Arc::make_mut(&mut self.0).reports = Some(path.into());
        self
    }

    fn is_refused(&self, head: &request::Parts) -> bool {
        let is_safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_safe {
            return false;
        }
        let sent = Sent::of(&head.headers);
        let is_of_other_site = match (site(head), sent) {
            (Site::Own, _) | (Site::Unsaid, Sent::Nothing) => false,
            (Site::Other, _) | (Site::Unsaid, Sent::Several) => true,
            (Site::Unsaid, Sent::One(origin)) => !is_own(origin, head),
        };
        is_of_other_site && !self.0.trusts(sent) && !self.0.exempts(head)
    }
}

impl Default for CrossSite {
    fn default() -> Self {
        let cause = Cause::new(AuthScheme::Other, Reason::CrossSite);
        Self(Arc::new(Settings {
            trusted: Origins::default(),
            exempt: Paths::default(),
            reports: None,
            refusal: Rejection::new(RejectionKind::Forbidden)
                .with_layer("cross_site")
                .with_cause(cause),
        }))
    }
}

impl Guard for CrossSite {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        if self.is_refused(head) {
            self.0.refusal.clone().into()
        } else {
            Verdict::Admit
        }
    }

    fn describe(&self) -> String {
        let trusted = self.0.trusted.names();
        let paths: Vec<_> = self.0.exempt.iter().collect();
        let mut text = "what other sites change is refused".to_owned();
        for (what, list) in [("trusted", trusted.join(" ")), ("exempt", paths.join(", "))] {
            if !list.is_empty() {
                text.push_str(&format!("; {what}: {list}"));
            }
        }
        text
    }
}

// ===== impl Settings =====

impl Settings {
    fn trusts(&self, sent: Sent<'_>) -> bool {
        matches!(sent, Sent::One(origin) if self.trusted.contains(origin.as_bytes()))
    }

    fn exempts(&self, head: &request::Parts) -> bool {
        let is_report =
            head.method == Method::POST && self.reports.as_deref() == Some(asked(head).path());
        is_report || self.exempt.surely_matches(&RequestPath::of(head))
    }
}

/// An empty value says nothing. Two that differ, or that nobody knows, are of somebody else.
fn site(head: &request::Parts) -> Site {
    let mut site = Site::Unsaid;
    for said in head.headers.get_all(SEC_FETCH_SITE) {
        match (said.as_bytes(), &site) {
            (b"", Site::Unsaid) => {}
            (b"same-origin" | b"none", Site::Unsaid) => site = Site::Own,
            _ => return Site::Other,
        }
    }
    site
}

/// Returns `true` if an origin is that of the server itself. An empty one is none.
fn is_own(origin: &HeaderValue, head: &request::Parts) -> bool {
    if origin.is_empty() {
        return true;
    }
    let Some(origin) = Origin::from_browser(origin.as_bytes()) else {
        return false;
    };
    let facts = Facts::of(&head.extensions);
    if facts.get() == Some(&Scheme::Https) && !origin.is_https() {
        return false;
    }
    let told: Option<&Host> = facts.get();
    let told = told.map(|Host(host)| host.as_str());
    let own = || head.uri.authority().map(|authority| authority.as_str());
    let sent = || head.headers.get(HOST)?.to_str().ok();
    let host = told.or_else(own).or_else(sent);
    host.is_some_and(|host| origin.is_at(host))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request,
};
use portcullis_core::{ConfigError, Count, Guard, Reply, Verdict};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::tally::{Form, Tally};
use crate::engine::{OwnPath, RouteFrom, asked};

/// Counts what browsers report. Clones share what they counted. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct Reports {
    path: OwnPath,
    tally: Arc<Tally>,
    places: Arc<Semaphore>,
}

/// A request whose body is to be read. Where nobody does, it is lost.
struct Report {
    form: Form,
    tally: Option<Arc<Tally>>,
    _place: OwnedSemaphorePermit,
}

// ===== impl Reports =====

impl Reports {
    /// Creates a sink at [`DEFAULT_PATH`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            path: OwnPath::new(DEFAULT_PATH),
            tally: Arc::new(Tally::new()),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Sets the path that browsers send reports to, as they see it: below a nested router with its
    /// prefix.
    ///
    /// # Errors
    ///
    /// Returns an error for what does not begin with `/`, or with `//`, which is another host; for a
    /// character that no path has, and a `%` without two digits (RFC 3986, section 3.3); and for one
    /// that would end the path in a policy: `;` or `,`.
    pub fn at(mut self, path: &str) -> Result<Self, ConfigError> {
        let parsed = OwnPath::parse(path).map_err(|problem| format!("reports: {problem}"));
        let parsed = parsed.map_err(ConfigError::new)?;
        if path.contains([';', ',']) {
            let problem = format!("reports: {path:?} can't stand in a policy");
            return Err(ConfigError::new(problem));
        }
        self.path = parsed;
        Ok(self)
    }

    /// Returns the path that browsers send reports to.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    pub(crate) fn route_from(mut self, route: Option<RouteFrom>) -> Self {
        self.path.set_route_from(route);
        self
    }

    /// Counts the body, unless too many are read already.
    fn take(&self, form: Form, reply: &mut Reply) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.tally.dropped.fetch_add(1, Relaxed);
            return;
        };
        let report = Report {
            form,
            tally: Some(Arc::clone(&self.tally)),
            _place: place,
        };
        reply.read_body(MOST, move |body| report.read(body));
    }
}

impl Guard for Reports {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if head.method != Method::POST || !self.path.matches(asked(head)) {
            return Verdict::Admit;
        }
        self.path.warn_of_route(head);
        let Some(form) = form(&head.headers) else {
            return answer(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        };
        self.take(form, reply);
        answer(StatusCode::NO_CONTENT)
    }

    fn describe(&self) -> String {
        format!("POST {}", self.path())
    }

    fn counts(&self) -> Vec<Count> {
        let counts = self.tally.counts().into_iter();
        counts.map(|count| count.counted_by(&*self.tally)).collect()
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl Report =====

impl Report {
    fn read(mut self, body: Option<&[u8]>) {
        if let Some(tally) = self.tally.take() {
            tally.read(self.form, body);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(tally) = self.tally.take() {
            tally.read(self.form, None);
        }
    }
}

fn form(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/reports+json") {
        Some(Form::List)
    } else if essence.eq_ignore_ascii_case(b"application/csp-report") {
        Some(Form::Old)
    } else {
        None
    }
}

fn answer(status: StatusCode) -> Verdict {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Verdict::answer(response)
}

/// Where browsers send reports unless told otherwise.
pub const DEFAULT_PATH: &str = "/.well-known/csp-reports";

/// How many bytes of a request are read. A report is about 1 KB, and browsers send some at once.
const MOST: usize = 64 * 1024;

/// How many bodies are read at the same time: 4 MiB at most.
const AT_ONCE: usize = 64;

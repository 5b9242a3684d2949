use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};
use portcullis_core::ConfigError;

use super::{
    Cors,
    policy::{Allowed, Policy},
};
use crate::origins::Origins;

/// Sets up a [`Cors`]. What is wrong is an error of [`build`](Self::build), all at once.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct CorsBuilder {
    origins: Vec<String>,
    methods: Vec<String>,
    request_headers: Vec<String>,
    exposed_headers: Vec<String>,
    has_credentials: bool,
    max_age: Duration,
    has_private_network: bool,
}

// ===== impl CorsBuilder =====

impl CorsBuilder {
    pub(super) fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self {
            origins: owned(origins),
            methods: owned(["GET", "HEAD", "POST"]),
            request_headers: Vec::new(),
            exposed_headers: Vec::new(),
            has_credentials: false,
            max_age: DEFAULT_MAX_AGE,
            has_private_network: false,
        }
    }

    /// Sets the methods that a preflight may want, instead of GET, HEAD and POST. Takes names or
    /// [`Method`]s.
    pub fn methods(mut self, methods: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.methods = owned(methods);
        self
    }

    /// Sets the fields that a preflight may want. Takes names or [`HeaderName`]s.
    pub fn request_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.request_headers = owned(names);
        self
    }

    /// Sets the fields of a response that scripts may read. Takes names or [`HeaderName`]s.
    pub fn exposed_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.exposed_headers = owned(names);
        self
    }

    /// Sets whether requests may have credentials, such as cookies, and their responses be read.
    pub const fn credentials(mut self, are_allowed: bool) -> Self {
        self.has_credentials = are_allowed;
        self
    }

    /// Sets for how long a browser may remember the answer to a preflight, in whole seconds. With zero it
    /// does not; more than a day is an error, as no browser heeds it.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Sets whether pages of a public network may reach this server in a private one (Private Network
    /// Access, section 3.1.2).
    pub const fn private_network(mut self, is_allowed: bool) -> Self {
        self.has_private_network = is_allowed;
        self
    }

    /// Builds the guard.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong: an origin that no browser sends, or none at all; `*` beside
    /// others or with credentials; a method or a field that is none.
    pub fn build(self) -> Result<Cors, ConfigError> {
        let mut problems = Vec::new();
        let allowed = self.read_origins(&mut problems);
        let methods = read(&self.methods, "method", &mut problems, method);
        let request_headers = read(
            &self.request_headers,
            "request header",
            &mut problems,
            field,
        );
        let exposed = read(
            &self.exposed_headers,
            "exposed header",
            &mut problems,
            field,
        );
        if methods.is_empty() {
            problems.push("cors: an empty list of methods refuses every preflight".to_owned());
        }
        if self.max_age > A_DAY {
            problems.push("cors: max age: no browser heeds more than a day".to_owned());
        }
        ConfigError::check(problems)?;
        Ok(Cors::from_policy(Policy {
            methods_value: list(&methods, Method::as_str),
            headers_value: list(&request_headers, HeaderName::as_str),
            exposed_value: list(&exposed, HeaderName::as_str),
            max_age: HeaderValue::from(self.max_age.as_secs()),
            allowed,
            methods,
            request_headers,
            has_credentials: self.has_credentials,
            has_private_network: self.has_private_network,
            ..Policy::default()
        }))
    }

    fn read_origins(&self, problems: &mut Vec<String>) -> Allowed {
        let is_any = |text: &String| text == "*";
        let mut origins = Origins::default();
        for text in self.origins.iter().filter(|text| !is_any(text)) {
            if let Err(problem) = origins.add(text) {
                problems.push(format!("cors: origin {text:?}: {problem}"));
            }
        }
        if self.origins.is_empty() {
            problems.push("cors: there is no origin; turn it off instead".to_owned());
        }
        if !self.origins.iter().any(is_any) {
            return Allowed::These(Arc::new(origins));
        }
        if self.origins.len() > 1 {
            problems.push("cors: * allows every origin, and there are others".to_owned());
        }
        if self.has_credentials {
            problems.push(
                "cors: * with credentials would let every site act for its visitors".to_owned(),
            );
        }
        Allowed::Any
    }
}

fn owned(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let texts = texts.into_iter();
    texts.map(|text| text.as_ref().to_owned()).collect()
}

/// Reads a list, and notes what is wrong with it.
fn read<T: PartialEq>(
    texts: &[String],
    what: &str,
    problems: &mut Vec<String>,
    parse: fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut read = Vec::new();
    for text in texts {
        match parse(text) {
            Ok(value) if !read.contains(&value) => read.push(value),
            Ok(_) => {}
            Err(problem) => problems.push(format!("cors: {what} {text:?}: {problem}")),
        }
    }
    if read.len() > MOST {
        problems.push(format!("cors: there are more than {MOST} {what}s"));
    }
    read
}

/// Methods are compared with regard to case, and browsers send the usual ones in capitals.
fn method(text: &str) -> Result<Method, &'static str> {
    let upper = text.to_ascii_uppercase();
    if text == "*" {
        return Err("it would allow every method: name them");
    }
    if matches!(upper.as_str(), "CONNECT" | "TRACE" | "TRACK") {
        return Err("no browser sends it");
    }
    if upper != text {
        return Err("it has lowercase letters: methods are compared with regard to case");
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| "it is not an HTTP method")
}

fn field(text: &str) -> Result<HeaderName, &'static str> {
    if text == "*" {
        return Err("it would allow every field: name them");
    }
    text.parse().map_err(|_| "it is not a field name")
}

/// Returns a list as a field's value, unless it is empty.
fn list<T>(items: &[T], name: fn(&T) -> &str) -> Option<HeaderValue> {
    let names: Vec<_> = items.iter().map(name).collect();
    // They are tokens: a list of them is a value.
    let value = HeaderValue::try_from(names.join(", ")).ok();
    value.filter(|value| !value.is_empty())
}

/// For how long browsers may remember the answer to a preflight, unless told otherwise.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(600);

const A_DAY: Duration = Duration::from_secs(86_400);

/// Of methods, and of fields.
const MOST: usize = 100;

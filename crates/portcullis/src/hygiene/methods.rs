use http::{HeaderValue, Method, header::ALLOW};
use portcullis_core::{ConfigError, Rejection, RejectionKind};

/// The methods that are served, and how all others are refused.
#[derive(Clone, Debug)]
pub(super) struct Methods {
    served: Vec<Method>,
    refusal: Rejection,
}

// ===== impl Methods =====

impl Methods {
    /// Creates a list, unless it is one with which nothing would be served, or TRACE.
    pub(super) fn try_new(methods: impl IntoIterator<Item = Method>) -> Result<Self, ConfigError> {
        let served: Vec<_> = methods.into_iter().collect();
        let mut problems = Vec::new();
        if served.is_empty() {
            problems.push("methods: an empty list refuses everything".to_owned());
        }
        if served.contains(&Method::TRACE) {
            problems.push("methods: TRACE shows a client's fields to its scripts".to_owned());
        }
        ConfigError::check(problems)?;
        Ok(Self::new(served))
    }

    fn new(served: Vec<Method>) -> Self {
        let names: Vec<_> = served.iter().map(Method::as_str).collect();
        // Methods are tokens: a list of them is a value.
        let allow = HeaderValue::from_str(&names.join(", "));
        let allow = allow.unwrap_or(const { HeaderValue::from_static("") });
        Self {
            refusal: Rejection::new(RejectionKind::MethodNotAllowed)
                .with_layer("hygiene")
                .with_header(ALLOW, allow),
            served,
        }
    }

    #[inline]
    pub(super) fn check(&self, method: &Method) -> Result<(), Rejection> {
        if self.served.contains(method) {
            Ok(())
        } else {
            Err(self.refusal.clone())
        }
    }

    /// Returns the methods, for people.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.served.iter().map(Method::as_str).collect();
        names.join(" ")
    }

    pub(super) fn are_default(&self) -> bool {
        self.served == DEFAULT
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self::new(DEFAULT.to_vec())
    }
}

/// Those that applications serve, the most frequent first.
const DEFAULT: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

//! Setters of what responses carry.

use http::{HeaderName, HeaderValue};

use super::{Edge, Setting};
use crate::{reports::Reports, secure_headers::SecureHeaders};

impl<M> Edge<M> {
    /// Sets the headers that every response gets.
    pub fn secure_headers(mut self, guard: impl Into<Setting<SecureHeaders>>) -> Self {
        self.secure_headers = guard.into().into_value();
        self
    }

    /// Adds a header to those that every response gets, or replaces its value. What is wrong with
    /// it is an error of [`build`](Self::build).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (self.field_name(name), value.parse::<HeaderValue>()) {
            (Some(name), Ok(value)) => self.map_headers(|headers| headers.with(name, value)),
            (Some(name), Err(_)) => {
                let problem = format!("headers: {name}: {value:?} is not a field value");
                self.problems.push(problem);
                self
            }
            (None, _) => self,
        }
    }

    /// Takes a field out of every response of the application, besides the
    /// [usual ones](crate::secure_headers::STRIPPED). What is wrong with it is an error of
    /// [`build`](Self::build).
    pub fn strip(mut self, name: &str) -> Self {
        match self.field_name(name) {
            Some(name) => self.map_headers(|headers| headers.strip(name)),
            None => self,
        }
    }

    /// Counts what browsers report of violated policies, in place of the application at
    /// [its path](Reports::path), and tells browsers to report there.
    pub fn reports<'r>(mut self, reports: impl Into<Setting<&'r Reports>>) -> Self {
        self.reports = reports.into().into_value().cloned();
        self
    }

    fn field_name(&mut self, name: &str) -> Option<HeaderName> {
        let parsed = name.parse().ok();
        if parsed.is_none() {
            self.problems
                .push(format!("headers: {name:?} is not a field name"));
        }
        parsed
    }

    fn map_headers(mut self, change: impl FnOnce(SecureHeaders) -> SecureHeaders) -> Self {
        let headers = self.secure_headers.take();
        let headers = headers.unwrap_or_else(SecureHeaders::none);
        self.secure_headers = Some(change(headers));
        self
    }
}

//! Requests and responses.

use std::net::IpAddr;

/// A request's head.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// The names are in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// The authority, if the target or the fields name one.
    pub(crate) host: Option<String>,
    pub(crate) peer: IpAddr,
    pub(crate) http2: bool,
    /// The connection's number.
    pub(crate) connection: u64,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body is cut here: its rest panicked.
    pub(crate) cut: bool,
    /// The connection goes with it.
    pub(crate) fatal: bool,
}

impl Head {
    /// The values of a field, as text where they are text.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let named = self.fields.iter().filter(|(known, _)| known == name);
        named
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of a field; empty if it is not there.
    pub(crate) fn one(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

impl Response {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            fields: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.into(),
            cut: false,
            fatal: false,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            fields: Vec::new(),
            ..Self::new(status, "", "")
        }
    }

    /// A problem. Its request ID is filled in at the end.
    pub(crate) fn problem(status: u16, title: &str) -> Self {
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"request_id\":\"{ID}\"}}"
        );
        Self::new(status, "application/problem+json", body)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn drop(&mut self, name: &str) {
        self.fields.retain(|(known, _)| known != name);
    }
}

/// Stands where a request ID will stand.
pub(crate) const ID: &str = "{request_id}";

//! A request, and the evidence that it makes.

use std::net::IpAddr;

use bytes::Bytes;
use http::Version;
use http_body_util::Full;

use crate::{
    context::Context,
    verdict::{Evidence, Failure},
    wire::Answer,
};

/// A request: what a polite client sends.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
    pub(crate) source: Option<IpAddr>,
    pub(crate) http2: bool,
}

// ===== impl Request =====

impl Request {
    /// A GET without a key, from a fresh address.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn new(method: &str, path: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            source: None,
            http2: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With the valid key, if one is known.
    pub(crate) fn key(self, context: &Context) -> Self {
        match &context.profile.keys.valid {
            Some(key) => self.with_key(context, key),
            None => self,
        }
    }

    pub(crate) fn with_key(self, context: &Context, key: impl AsRef<[u8]>) -> Self {
        self.header(&context.profile.keys.header, key)
    }

    pub(crate) const fn from(mut self, source: Option<IpAddr>) -> Self {
        self.source = source;
        self
    }

    pub(crate) const fn http2(mut self, http2: bool) -> Self {
        self.http2 = http2;
        self
    }

    pub(crate) fn to_http(&self, context: &Context) -> Result<http::Request<Full<Bytes>>, Failure> {
        let authority = context.target.authority();
        let mut request = http::Request::builder().method(self.method.as_str());
        request = if self.http2 {
            request
                .uri(format!("http://{authority}{}", self.path))
                .version(Version::HTTP_2)
        } else {
            request.uri(&self.path)
        };
        if !self.http2 && !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", authority);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let built = request.body(Full::new(self.body.clone()));
        built.map_err(|error| Failure::unclear(format!("not a request: {error}")))
    }

    pub(crate) fn evidence(
        &self,
        context: &Context,
        answer: &Answer,
        what: impl Into<String>,
    ) -> Evidence {
        Evidence::new(what)
            .sent(self.dump(context))
            .received(answer.dump())
            .repeat(self.curl(context))
    }

    pub(crate) fn breach(
        &self,
        context: &Context,
        answer: &Answer,
        what: impl Into<String>,
    ) -> Failure {
        self.evidence(context, answer, what).into()
    }

    fn dump(&self, context: &Context) -> Vec<u8> {
        let version = if self.http2 { "HTTP/2" } else { "HTTP/1.1" };
        let mut all = format!("{} {} {version}\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            all.extend_from_slice(format!("{name}: ").as_bytes());
            all.extend_from_slice(context.hide(name, value));
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"\r\n");
        all.extend_from_slice(&self.body);
        all
    }

    /// A line of curl. The valid key stands there as a variable.
    pub(crate) fn curl(&self, context: &Context) -> String {
        let mut line = "curl -i --path-as-is".to_owned();
        if self.http2 {
            line.push_str(" --http2-prior-knowledge");
        }
        if let Some(source) = self.source {
            line.push_str(&format!(" --interface {source}"));
        }
        match self.method.as_str() {
            "GET" => {}
            "HEAD" => line.push_str(" --head"),
            method => line.push_str(&format!(" -X {method}")),
        }
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(context.hide(name, value)).replace('\'', "'\\''");
            line.push_str(&if value.starts_with('$') {
                format!(" -H \"{name}: {value}\"")
            } else {
                format!(" -H '{name}: {}'", cut(&value))
            });
        }
        if !self.body.is_empty() {
            line.push_str(&format!(
                " --data-binary @BODY_OF_{}_BYTES",
                self.body.len()
            ));
        }
        line + &format!(
            " '{}{}'",
            context.target,
            cut(&self.path).replace('\'', "%27")
        )
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}..({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

//! A request, and the evidence that it makes.

use std::net::IpAddr;

use bytes::Bytes;
use http::Version;
use http_body_util::Full;

use crate::{
    context::Context,
    verdict::{Evidence, Failure, Tried},
    wire::Answer,
};

/// A request: what a polite client sends.
#[derive(Clone, Debug, Eq, PartialEq)]
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
            .sent(self.dump(context.target.authority()))
            .received(answer.dump_in(self.version()))
            .repeat(self.curl(context))
            .tried(Tried::Request(
                Box::new(self.clone()),
                answer.status,
                answer.names(),
            ))
    }

    pub(crate) fn breach(
        &self,
        context: &Context,
        answer: &Answer,
        what: impl Into<String>,
    ) -> Failure {
        self.evidence(context, answer, what).into()
    }

    const fn version(&self) -> &'static str {
        if self.http2 { "HTTP/2" } else { "HTTP/1.1" }
    }

    /// What is sent, with the fields that the client adds.
    fn dump(&self, authority: &str) -> Vec<u8> {
        let mut all = format!("{} {} {}\r\n", self.method, self.path, self.version()).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            all.extend_from_slice(format!("{name}: ").as_bytes());
            all.extend_from_slice(value);
            all.extend_from_slice(b"\r\n");
        };
        let authority = authority.as_bytes();
        if self.http2 {
            field(":authority", authority);
        } else if !self.has("host") {
            field("host", authority);
        }
        for (name, value) in &self.headers {
            field(name, value);
        }
        if !self.body.is_empty() && !self.has("content-length") && !self.has("transfer-encoding") {
            field("content-length", self.body.len().to_string().as_bytes());
        }
        all.extend_from_slice(b"\r\n");
        all.extend_from_slice(&self.body);
        all
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// A line of curl that sends the same; empty, if none does.
    pub(crate) fn curl(&self, context: &Context) -> String {
        self.curl_line(context).unwrap_or_default()
    }

    fn curl_line(&self, context: &Context) -> Option<String> {
        let mut line = "curl -isg --path-as-is".to_owned();
        if self.http2 {
            line.push_str(" --http2-prior-knowledge");
        }
        if let Some(source) = self.source {
            line.push_str(&format!(" --interface {source}"));
        }
        line.push_str(&match self.method.as_str() {
            "GET" => String::new(),
            "HEAD" => " --head".to_owned(),
            method => format!(" -X {}", quoted(method)?),
        });
        for (name, value) in &self.headers {
            let value = str::from_utf8(value).ok()?;
            let field = if value.is_empty() {
                format!("{name};")
            } else {
                format!("{name}: {value}")
            };
            line.push_str(&format!(" -H {}", quoted(&field)?));
        }
        line.push_str(&self.curl_body()?);
        if !self.path.starts_with('/') {
            line.push_str(&format!(" --request-target {}", quoted(&self.path)?));
            return Some(format!("{line} {}", context.target));
        }
        Some(line + " " + &quoted(&format!("{}{}", context.target, self.path))?)
    }

    /// Curl has a type for bodies of its own.
    fn curl_body(&self) -> Option<String> {
        if self.body.is_empty() && !matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            return Some(String::new());
        }
        let has_type = self.headers.iter().any(|(name, _)| name == "content-type");
        let no_type = if has_type { "" } else { " -H 'content-type:'" };
        let body = quoted(str::from_utf8(&self.body).ok()?)?;
        Some(format!("{no_type} --data-raw {body}"))
    }
}

/// A word for a shell, unless it is too long for a line.
fn quoted(text: &str) -> Option<String> {
    let fits = text.len() <= LONGEST && !text.contains('\0');
    fits.then(|| format!("'{}'", text.replace('\'', r"'\''")))
}

const LONGEST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_has_what_the_client_adds() {
        let request = Request::new("POST", "/api")
            .header("x-api-key", "k")
            .body("ab");
        let sent = |request: &Request| String::from_utf8(request.dump("h:1")).unwrap();

        assert_eq!(
            sent(&request),
            "POST /api HTTP/1.1\r\nhost: h:1\r\nx-api-key: k\r\ncontent-length: 2\r\n\r\nab"
        );
        let own = Request::get("/").header("Host", "other");
        assert_eq!(sent(&own), "GET / HTTP/1.1\r\nHost: other\r\n\r\n");
        let second = Request::get("/").http2(true);
        assert_eq!(sent(&second), "GET / HTTP/2\r\n:authority: h:1\r\n\r\n");
    }

    #[test]
    fn an_answer_begins_with_its_status_line() {
        let answer = |status| Answer {
            status,
            ..Answer::default()
        };

        assert_eq!(answer(401).dump(), b"HTTP/1.1 401 Unauthorized\r\n\r\n");
        assert_eq!(answer(799).dump(), b"HTTP/1.1 799\r\n\r\n");
        assert_eq!(answer(200).dump_in("HTTP/2"), b"HTTP/2 200 OK\r\n\r\n");
        assert!(!answer(401).mentions("Unauthorized"));
    }
}

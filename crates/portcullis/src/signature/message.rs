//! What a request has for each component (RFC 9421, sections 2.1, 2.2 and 2.5).

use std::{borrow::Cow, fmt::Write};

use http::{HeaderMap, HeaderName, Method, Uri, Version, header::HOST, request, uri::Authority};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use portcullis_core::{Facts, Host, Reason, Scheme};

use super::component::{Component, Name};
use crate::engine::asked;

/// A request, as its client sees it.
pub(super) struct Message<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    /// As a trusted proxy tells it.
    host: Option<&'a Authority>,
    scheme: Option<Scheme>,
}

type Value<'a> = Result<Cow<'a, str>, Reason>;

// ===== impl Message =====

impl<'a> Message<'a> {
    /// Takes a request that came in. Its scheme is what is known of it, what its target has, or `scheme`.
    pub(super) fn incoming(head: &'a request::Parts, scheme: Option<Scheme>) -> Self {
        let facts = Facts::of(&head.extensions);
        let uri = asked(head);
        Self {
            method: &head.method,
            uri,
            version: head.version,
            headers: &head.headers,
            host: facts.get().map(|Host(host)| host),
            scheme: facts.get().copied().or(scheme_of(uri)).or(scheme),
        }
    }

    /// Takes a request that is about to go out.
    pub(super) fn outgoing(head: &'a request::Parts) -> Self {
        Self {
            method: &head.method,
            uri: &head.uri,
            version: head.version,
            headers: &head.headers,
            host: None,
            scheme: scheme_of(&head.uri),
        }
    }

    /// Returns the signature base. Nothing is left out of it: what has no value is an error.
    pub(super) fn base(&self, components: &[Component], input: &str) -> Result<String, Reason> {
        let mut base = String::with_capacity(512);
        for component in components {
            let value = self.value(&component.name)?;
            let is_line = value
                .bytes()
                .all(|byte| matches!(byte, b'\t' | 0x20..=0x7e));
            if !is_line {
                return Err(Reason::NotAllowed);
            }
            let _ = writeln!(base, "{}: {value}", component.text);
        }
        let _ = write!(base, "\"@signature-params\": {input}");
        Ok(base)
    }

    /// Returns the value of a component.
    fn value(&self, name: &Name) -> Value<'a> {
        match name {
            Name::Method => Ok(self.method.as_str().into()),
            Name::Authority => Ok(self.authority()?.into()),
            Name::Scheme => Ok(self.scheme()?.as_str().into()),
            Name::TargetUri => self.target_uri(),
            Name::RequestTarget => Ok(self.request_target()),
            Name::Path => Ok(self.uri.path().into()),
            Name::Query => Ok(format!("?{}", self.uri.query().unwrap_or_default()).into()),
            Name::QueryParam(name) => self.query_param(name),
            Name::Field(name) => self.field(name),
        }
    }

    fn scheme(&self) -> Result<Scheme, Reason> {
        self.scheme.ok_or(Reason::Incomplete)
    }

    /// Returns the host in lower case, without the port that the scheme has by itself (section 2.2.3).
    fn authority(&self) -> Result<String, Reason> {
        if let Some(host) = self.host {
            return self.normal(host);
        }
        let mut hosts = self.headers.get_all(HOST).iter();
        let (field, another) = (hosts.next(), hosts.next());
        if another.is_some() {
            return Err(Reason::Malformed);
        }
        let field = field.map(|host| {
            let host = Authority::try_from(host.as_bytes());
            host.map_err(|_| Reason::Malformed)
        });
        let field = field.transpose()?.map(|host| self.normal(&host));
        let target = self.uri.authority().map(|host| self.normal(host));
        match (target.transpose()?, field.transpose()?) {
            (Some(target), Some(field)) if target != field => Err(Reason::Malformed),
            (target, field) => target.or(field).ok_or(Reason::Incomplete),
        }
    }

    fn normal(&self, host: &Authority) -> Result<String, Reason> {
        let (text, name) = (host.as_str(), host.host());
        let port = text.strip_prefix(name).ok_or(Reason::Malformed)?;
        let default = match self.scheme {
            Some(Scheme::Http) => Some(80),
            Some(Scheme::Https) => Some(443),
            None => None,
        };
        let name = name.to_ascii_lowercase();
        match port.strip_prefix(':') {
            None | Some("") => Ok(name),
            Some(port) => {
                let port: u16 = port.parse().map_err(|_| Reason::Malformed)?;
                let is_default = Some(port) == default;
                Ok(if is_default {
                    name
                } else {
                    format!("{name}:{port}")
                })
            }
        }
    }

    fn target_uri(&self) -> Value<'a> {
        let (scheme, authority) = (self.scheme()?, self.authority()?);
        let path = self.uri.path();
        let query = self.uri.query().map(|query| format!("?{query}"));
        let query = query.unwrap_or_default();
        Ok(format!("{}://{authority}{path}{query}", scheme.as_str()).into())
    }

    /// Returns the target as an HTTP/1 request has it; in HTTP/2 it is the path and the query (section
    /// 2.2.5).
    fn request_target(&self) -> Cow<'a, str> {
        let path = self.uri.path_and_query();
        match path {
            Some(path) if self.version > Version::HTTP_11 => path.as_str().into(),
            _ => self.uri.to_string().into(),
        }
    }

    /// Returns the one value of a parameter of the query, encoded anew (section 2.2.8).
    fn query_param(&self, name: &str) -> Value<'a> {
        let query = self.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut values = pairs.filter(|(own, _)| encoded_anew(own) == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(encoded_anew(value).into()),
            (None, _) => Err(Reason::Incomplete),
            (Some(_), Some(_)) => Err(Reason::Malformed),
        }
    }

    /// Returns all lines of a field, each without the white space around it (section 2.1).
    fn field(&self, name: &HeaderName) -> Value<'a> {
        let lines = self.headers.get_all(name).iter();
        let lines: Result<Vec<&str>, _> = lines.map(|line| line.to_str()).collect();
        let lines = lines.map_err(|_| Reason::NotAllowed)?;
        let mut lines = lines.into_iter().map(|line| line.trim_matches([' ', '\t']));
        let first = lines.next().ok_or(Reason::Incomplete)?;
        Ok(lines.fold(Cow::Borrowed(first), |all, line| all + ", " + line))
    }
}

fn scheme_of(uri: &Uri) -> Option<Scheme> {
    match uri.scheme_str()? {
        scheme if scheme.eq_ignore_ascii_case("https") => Some(Scheme::Https),
        scheme if scheme.eq_ignore_ascii_case("http") => Some(Scheme::Http),
        _ => None,
    }
}

/// Decodes a name or a value of a form, and encodes it as RFC 9421 does: a space is `%20`.
fn encoded_anew(text: &str) -> String {
    let text = text.replace('+', " ");
    let bytes: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    percent_encode(&bytes, FORM).to_string()
}

/// The set of `application/x-www-form-urlencoded` (URL Standard).
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

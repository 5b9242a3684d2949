//! What every answer carries.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    app::{App, Exchange},
    faults::Fault,
    message::{Head, ID, Response},
};

impl App {
    /// The request's own ID if there is exactly one and it is safe, else a fresh one.
    pub(crate) fn request_id(&self, head: &Head) -> String {
        let sent = head.all("x-request-id");
        match &sent[..] {
            [id] if is_safe(id) || self.has(Fault::IdReflected) => id.clone(),
            [first, ..] if self.has(Fault::FirstOfTwoIds) => first.clone(),
            _ => self.fresh_id(),
        }
    }

    fn fresh_id(&self) -> String {
        if self.has(Fault::IdsSequential) {
            format!("{:032x}", self.count.fetch_add(1, Relaxed))
        } else {
            format!("{:032x}", rand::random::<u128>())
        }
    }

    /// Completes an answer, and tells log, audit and metrics.
    pub(crate) fn finish(&self, exchange: &Exchange, response: Response) -> Response {
        let head = &exchange.head;
        self.count(exchange, response.status);
        self.log(exchange, response.status);
        self.audit(exchange, response.status);
        let response = self.revealing(exchange, response);
        let response = self.cors(head, response);
        let mut response = self.kept(exchange, response);
        if self.has(Fault::HostForwarded) && head.has("x-forwarded-host") {
            let link = format!("<http://{}/>; rel=self", head.one("x-forwarded-host"));
            response = response.with("link", &link);
        }
        if self.has(Fault::HostReflected) && response.status == 421 {
            response.body = head.host.clone().unwrap_or_default().into();
        }
        let complete = self.complete(response, &exchange.id);
        self.without(exchange, complete)
    }

    /// An answer to bytes that are no request.
    pub(crate) fn malformed(&self, status: u16) -> Response {
        let id = self.fresh_id();
        self.complete(Response::problem(status, "Bad Request"), &id)
    }

    fn complete(&self, mut response: Response, id: &str) -> Response {
        let is_error = response.status >= 400;
        if is_error {
            let body = String::from_utf8_lossy(&response.body).replace(ID, id);
            response.body = body.into();
        }
        if !(self.has(Fault::IdMissing) && response.status == 401) {
            response = response.with("x-request-id", id);
        }
        if !(self.has(Fault::ErrorsBare) && is_error) {
            response = self.secure(response);
        }
        let is_kept = response
            .fields
            .iter()
            .any(|(name, _)| name == "cache-control");
        if !(is_kept || self.has(Fault::ErrorsStored) && is_error) {
            response = response.with("cache-control", "no-store");
        }
        if self.has(Fault::ServerNamed) {
            response = response.with("server", "gallery/1.0");
        }
        if self.has(Fault::HstsOnHttp) {
            response = response.with("strict-transport-security", "max-age=63072000");
        }
        response
    }

    fn secure(&self, mut response: Response) -> Response {
        for (name, value) in SECURITY {
            if !response.fields.iter().any(|(known, _)| known == name) {
                response = response.with(name, value);
            }
        }
        if self.has(Fault::CspMissing) && response.status == 404 {
            response.drop("content-security-policy");
        }
        if self.has(Fault::HeadersTwice) {
            response = response.with("x-content-type-options", "nosniff");
        }
        response
    }

    fn cors(&self, head: &Head, response: Response) -> Response {
        let origins = head.all("origin");
        let is_same = match self.fault {
            Fault::VaryMissing => true,
            Fault::VaryByOrigin => origins.is_empty(),
            Fault::VaryOfGood => response.status >= 400,
            _ => false,
        };
        let vary = if is_same {
            response
        } else {
            response.with("vary", "Origin")
        };
        match &origins[..] {
            [_] if self.has(Fault::StarCredentials) => vary
                .with("access-control-allow-origin", "*")
                .with("access-control-allow-credentials", "true"),
            [origin] if self.is_allowed(origin) || self.reads_with_cookie(head, origin) => vary
                .with("access-control-allow-origin", origin)
                .with("access-control-allow-credentials", "true"),
            _ => vary,
        }
    }

    pub(crate) fn is_allowed(&self, origin: &str) -> bool {
        match self.fault {
            Fault::CorsMirrored => true,
            Fault::CorsSuffix => origin.ends_with("good.com"),
            Fault::CorsDot => {
                let end = origin.strip_prefix("https://good");
                end.is_some_and(|end| end.len() == 4 && end.ends_with("com"))
            }
            _ => origin == "https://good.com",
        }
    }

    /// Returns the answer to a preflight.
    pub(crate) fn preflight(&self, head: &Head) -> Response {
        let method = head.one("access-control-request-method");
        let wanted = head.one("access-control-request-headers").to_lowercase();
        let mut names = wanted
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let is_mirrored = self.has(Fault::PreflightMirrored);
        let is_private = head.has("access-control-request-private-network");
        let is_fine = self.is_allowed(&head.one("origin"))
            && matches!(method.as_str(), "GET" | "POST")
            && (is_mirrored || names.all(|name| matches!(name, "content-type" | "x-api-key")))
            && (!is_private || self.has(Fault::PrivateNetwork));
        if is_fine {
            let names = if is_mirrored {
                wanted.as_str()
            } else {
                "content-type, x-api-key"
            };
            let fine = Response::empty(204)
                .with("access-control-allow-methods", "GET, POST")
                .with("access-control-allow-headers", names);
            if is_private {
                fine.with("access-control-allow-private-network", "true")
            } else {
                fine
            }
        } else if self.has(Fault::PreflightWithCors) {
            Response::problem(403, "Forbidden").with("access-control-allow-methods", "GET, POST")
        } else {
            Response::problem(403, "Forbidden")
        }
    }
}

fn is_safe(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && id.bytes().all(safe)
}

const SECURITY: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

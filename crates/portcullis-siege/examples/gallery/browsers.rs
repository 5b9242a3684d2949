//! What browsers and caches make of an answer.

use crate::{
    app::{App, Exchange},
    client::is_proxy,
    faults::Fault,
    message::{Head, Response},
};

impl App {
    /// The page, with its nonce.
    pub(crate) fn html(&self) -> Response {
        let nonce = if self.has(Fault::NonceConstant) {
            "0123456789abcdef0123456789abcdef".to_owned()
        } else {
            format!("{:032x}", rand::random::<u128>())
        };
        let page =
            format!("<!doctype html><title>gallery</title><script nonce=\"{nonce}\"></script>");
        let (default, scripts, more) = match self.fault {
            Fault::CspInline => ("'none'", "'self' 'unsafe-inline'".to_owned(), REST),
            Fault::CspWide => ("'none'", format!("'nonce-{nonce}' data: https:"), REST),
            Fault::CspBase => ("'self'", format!("'nonce-{nonce}'"), "object-src 'none'"),
            _ => ("'none'", format!("'nonce-{nonce}'"), REST),
        };
        let policy = format!("default-src {default}; script-src {scripts}; {more}");
        Response::new(200, "text/html; charset=utf-8", page)
            .with("content-security-policy", &policy)
    }

    /// What was sent, with a type.
    pub(crate) fn labelled(&self, head: &Head, body: Vec<u8>) -> Response {
        let lax = "script-src 'self' 'unsafe-inline'";
        match self.fault {
            Fault::TypeEchoed => Response::new(200, &head.one("content-type"), body)
                .with("content-security-policy", lax),
            Fault::TypeMissing => Response {
                body,
                ..Response::empty(200).with("x-content-type-options", "none")
            },
            _ => Response::new(200, "application/octet-stream", body),
        }
    }

    /// The path that a handler sees.
    pub(crate) fn plain<'p>(&self, path: &'p str) -> &'p str {
        match self.fault {
            Fault::SlashNeedsNoKey if path.len() > 1 => path.trim_end_matches('/'),
            Fault::PathSuffix if path.starts_with("/api/hello/") => "/api/hello",
            Fault::PathMatrix => path.split(';').next().unwrap_or(path),
            _ => path,
        }
    }

    /// How long caches keep it; HSTS where a proxy says https.
    pub(crate) fn kept(&self, exchange: &Exchange, mut response: Response) -> Response {
        let head = &exchange.head;
        if is_proxy(head.peer) && head.one("x-forwarded-proto") == "https" {
            let age = match self.fault {
                Fault::HstsShort => "max-age=86400",
                Fault::HstsZero => "max-age=0",
                _ => "max-age=63072000",
            };
            response = response.with("strict-transport-security", age);
        }
        let is_file = [".css", ".js"].iter().any(|end| head.path.ends_with(end));
        let caching = match self.fault {
            Fault::CachedPublic => "public",
            Fault::CachedShared => "s-maxage=600",
            Fault::CachedAge => "max-age=3600",
            Fault::PathSuffix | Fault::PathMatrix if is_file => "public, max-age=3600",
            _ => return response,
        };
        if response.status == 200 && head.path.starts_with("/api/hello") {
            response.with("cache-control", caching)
        } else {
            response
        }
    }

    /// Whether the cookie makes an origin a good one.
    pub(crate) fn reads_with_cookie(&self, head: &Head, origin: &str) -> bool {
        let is_wrong = match self.fault {
            Fault::CorsCookie => true,
            Fault::CorsNullCookie => origin == "null",
            _ => false,
        };
        is_wrong && head.has("cookie")
    }
}

const REST: &str = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

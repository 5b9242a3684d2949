//! Errors that tell too much, or come without what others have.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    app::{App, Exchange},
    faults::Fault,
    message::{Head, Response},
};

impl App {
    /// What a query or a body breaks, for the faults that have it.
    pub(crate) fn broken(&self, head: &Head, body: &[u8]) -> Option<Response> {
        let is_query_read = self.has(Fault::SqlTold) && head.query.contains('\'')
            || self.has(Fault::ArraysTold) && head.query.contains("[]");
        if is_query_read {
            Some(Response::problem(500, "Internal Server Error"))
        } else {
            self.parsed(head, body)
        }
    }

    fn parsed(&self, head: &Head, body: &[u8]) -> Option<Response> {
        let kind = head.one("content-type");
        let is_cut =
            kind.starts_with("application/json") && body.starts_with(b"{") && body.len() < 6;
        let is_odd = kind.contains("charset=siege");
        match self.fault {
            Fault::JsonFails if is_cut => Some(Response::problem(500, "Internal Server Error")),
            Fault::CharsetFails if is_odd => Some(Response::problem(500, "Internal Server Error")),
            Fault::JsonTold if is_cut => Some(Response::problem(
                400,
                "SyntaxError<br>    at /srv/node_modules/body-parser/json.js",
            )),
            Fault::TypesTold if is_odd => Some(Response::problem(
                415,
                "java.lang.IllegalArgumentException: siege",
            )),
            _ => None,
        }
    }

    /// The answer, with what is wrong with it.
    pub(crate) fn revealing(&self, exchange: &Exchange, mut response: Response) -> Response {
        let (head, status) = (&exchange.head, response.status);
        if status < 400 {
            return response;
        }
        let told = match self.fault {
            Fault::HtmlStack if head.one("accept").starts_with("text/html") => {
                "/usr/local/lib/a.rb"
            }
            Fault::DebugParameter if head.query.contains("debug=1") => {
                "Traceback (most recent call"
            }
            Fault::SqlTold if head.query.contains('\'') => "SQLSTATE[42000]: syntax error",
            Fault::ArraysTold if head.query.contains("[]") => {
                "TypeError at /home/app/handlers.js:4"
            }
            Fault::VersionTold if status == 404 => "nginx/1.22.1",
            Fault::VersionOf415 if status == 415 => "Apache Tomcat/9.0.1",
            _ => return response,
        };
        response.body = told.into();
        response
    }

    /// Without what the other answers have.
    pub(crate) fn without(&self, exchange: &Exchange, mut response: Response) -> Response {
        let is_options = exchange.head.method == "OPTIONS";
        let is_415 = response.status == 415;
        match self.fault {
            Fault::OptionsWithoutId if is_options => response.drop("x-request-id"),
            Fault::MediaWithoutId if is_415 => response.drop("x-request-id"),
            Fault::OptionsBare if is_options => response.drop("content-security-policy"),
            Fault::MediaBare if is_415 => response.drop("x-content-type-options"),
            Fault::TimingTold => return response.with("server-timing", "sql;dur=3;desc=\"users\""),
            Fault::DebugField if response.status >= 400 => {
                return response.with("x-debug-token-link", "/_profiler/1");
            }
            _ => {}
        }
        response
    }

    /// What many panics leave behind.
    pub(crate) fn worn(&self, mut response: Response) -> Response {
        let panics = self.panics.fetch_add(1, Relaxed);
        if panics >= 10 && self.has(Fault::PanicsCut) {
            response.cut = true;
        }
        response
    }

    /// Whether a lock is poisoned.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.has(Fault::PanicsPoison) && self.panics.load(Relaxed) >= 10
    }
}

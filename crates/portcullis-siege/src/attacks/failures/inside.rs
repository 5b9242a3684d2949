//! What an error tells of the server's inside.

use crate::wire::{Answer, Request};

/// Returns what an answer tells of the inside, unless the request said it first.
pub(super) fn told<'n>(request: &Request, answer: &Answer, names: &[&'n str]) -> Option<&'n str> {
    let text = answer.text().to_lowercase();
    let mut sent = request.path.to_lowercase();
    sent.push_str(&String::from_utf8_lossy(&request.body).to_lowercase());
    let found = names.iter().filter(|name| text.contains(**name));
    found.copied().find(|name| !sent.contains(name))
}

/// Returns the name of a product with its version, such as `nginx/1.22.1`.
pub(super) fn version(answer: &Answer) -> Option<String> {
    let text = answer.text().to_lowercase();
    let after = |name: &&&str| {
        let at = text.find(**name)? + name.len();
        text[at..]
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(at)
    };
    let (name, at) = PRODUCTS
        .iter()
        .find_map(|name| after(&name).map(|at| (name, at)))?;
    let digits = text[at..].chars();
    let digits: String = digits
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    digits.contains('.').then(|| format!("{name}{digits}"))
}

/// Returns a field that tells of the inside.
pub(super) fn field(answer: &Answer) -> Option<String> {
    let mut names = answer.headers.keys().map(|name| name.as_str());
    let is_debug = |name: &&str| FIELDS.iter().any(|known| name.starts_with(known));
    let debug = names.find(is_debug).map(str::to_owned);
    debug.or_else(|| {
        let timing = answer.header("server-timing").to_lowercase();
        let mut words = timing.split(|c: char| !c.is_alphanumeric());
        let inside = words.find(|word| INSIDE.contains(word));
        inside.map(|word| format!("server-timing ({word})"))
    })
}

/// Stacks, paths, types and SQL, in lower case.
pub(super) const STACKS: &[&str] = &[
    "traceback (most recent",
    ".py\", line",
    ".py\\\", line",
    "site-packages",
    "dist-packages",
    "werkzeug debugger",
    "node_modules",
    "    at /",
    "(/app/",
    ".js:",
    ".ts:",
    "goroutine ",
    "runtime.gopanic",
    ".go:",
    "panicked at",
    "rust_backtrace",
    ".rs:",
    "java.lang.",
    "javax.servlet",
    "org.springframework",
    "com.fasterxml",
    ".java:",
    "system.nullreferenceexception",
    ".cs:line",
    ".php on line",
    "activerecord::",
    "/usr/local/",
    "/usr/lib/",
    "/usr/src/",
    "/home/",
    "c:\\users",
    "c:\\\\users",
    "c:\\inetpub",
    "c:\\\\inetpub",
    "sqlstate",
    "ora-0",
    "error in your sql syntax",
    "syntax error at or near",
    "unrecognized token:",
    "unclosed quotation mark",
    "sqlite3.",
    "sqlite_error",
    "pg::",
    "psycopg",
    "sqlalchemy",
    "sequelize",
    "select * from",
];

/// What parsers say of a body: helps who wrote it, and names the parser.
pub(super) const PARSERS: &[&str] = &[
    "serde_json",
    "pydantic",
    "jsondecodeerror",
    "json.decoder",
    "jsonparseexception",
    "cannot unmarshal",
    "go struct field",
    "json: unknown field",
    "unexpected token",
    "body-parser",
    "expected value at line",
];

const PRODUCTS: &[&str] = &[
    "nginx/",
    "apache/",
    "openresty/",
    "tomcat/",
    "jetty/",
    "php/",
    "python/",
    "werkzeug/",
    "gunicorn/",
    "uvicorn/",
    "express/",
    "node/",
    "openssl/",
    "microsoft-iis/",
    "envoy/",
    "caddy/",
    "varnish/",
    "hyper/",
    "axum/",
    "django/",
    "rails/",
];

/// How fields of debuggers begin. Those with a name of software are J11's.
const FIELDS: &[&str] = &[
    "x-debug",
    "x-symfony",
    "x-django",
    "x-rails",
    "x-exception",
    "x-error-detail",
    "x-stack",
    "x-trace-file",
    "x-sourcefiles",
    "x-sql",
    "x-query-count",
    "x-db-",
    "x-clockwork",
    "x-chromelogger",
    "x-phpdebugbar",
];

/// What a timing names of the inside.
const INSIDE: &[&str] = &["sql", "redis", "postgres", "mysql", "mongo", "internal"];

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 500,
            body: body.to_owned().into(),
            ..Answer::default()
        }
    }

    #[test]
    fn knows_stacks_that_the_request_did_not_send() {
        let request = Request::get("/api/home");
        let node = answer("TypeError<br>    at /srv/app.js:12:3");

        assert!(told(&request, &node, STACKS).is_some());
        assert_eq!(
            told(&request, &answer("no such path: /api/home"), STACKS),
            None
        );
        let echoed = Request::get("/node_modules/");
        assert_eq!(
            told(&echoed, &answer("no /node_modules/ here"), STACKS),
            None
        );
    }

    #[test]
    fn knows_versions() {
        let nginx = answer("<center>nginx/1.22.1</center>");

        assert_eq!(version(&nginx).as_deref(), Some("nginx/1.22.1"));
        assert_eq!(version(&answer("see nginx/docs")), None);
    }
}

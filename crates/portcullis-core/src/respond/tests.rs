use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request};

use super::*;
use crate::RejectionKind;

fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name, value);
    }
    headers
}

/// The head of a `GET` with these fields.
fn get(headers: HeaderMap) -> request::Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.headers = headers;
    head
}

fn preferred(fields: &[(&'static str, &'static str)]) -> Format {
    Format::preferred(&get(head(fields)))
}

fn accepting(accept: &'static str) -> Format {
    preferred(&[("accept", accept)])
}

#[test]
fn a_browser_gets_a_page() {
    for accept in [
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html",
        "TEXT/HTML; q=0.9, */*;q=0.8",
        "text/*",
        "application/json;q=0.5, text/html;q=0.501",
        "image/png, text/html;level=1, text/html",
        "text/html, text/html;level=1;q=0",
        "text/html;charset=utf-8, application/json;q=0.5",
        "text/html;q=1.000, */*;q=0.999",
        "text/html;q=1., */*;q=0.",
    ] {
        assert_eq!(accepting(accept), Format::Page, "{accept}");
    }
    let two = [
        ("accept", "application/json;q=0.1"),
        ("accept", "text/html"),
    ];
    assert_eq!(preferred(&two), Format::Page);
}

#[test]
fn what_browsers_send_is_known_for_what_weighing_it_finds() {
    for accept in format::BROWSERS {
        let mut headers = HeaderMap::new();
        headers.append(
            header::ACCEPT,
            HeaderValue::from_static(str::from_utf8(accept).unwrap()),
        );
        let head = get(headers.clone());
        assert_eq!(Format::accepted(&head), Format::Page);

        headers.append(header::ACCEPT, HeaderValue::from_static("x/y"));
        assert_eq!(Format::accepted(&get(headers)), Format::Page, "weighed");
    }
}

#[test]
fn every_line_counts() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (first, second, expected) in [
        (
            "application/json",
            "application/json;q=0, text/html",
            Format::Page,
        ),
        ("*/*", "application/*;q=0.5", Format::Page),
        (browser, "text/html;q=0", Format::Problem),
    ] {
        let both = [("accept", first), ("accept", second)];
        assert_eq!(preferred(&both), expected, "{first} {second}");
    }
}

#[test]
fn a_refusal_varies_by_the_rejections_own_fields_too() {
    let rejection = Rejection::new(RejectionKind::Forbidden)
        .with_header(header::VARY, HeaderValue::from_static("origin"));
    let response = refuse(&ProblemOrPage::new(), rejection, Format::Page);

    let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
    assert_eq!(vary, ["accept, sec-fetch-mode", "origin"]);
}

#[test]
fn everything_else_gets_a_problem() {
    for accept in [
        "",
        "*/*",
        "application/json",
        "application/json, text/plain, */*",
        "text/html, application/json",
        "text/html;q=0.5, */*",
        "text/html;q=0",
        "text/html;q=2",
        "text/html;q=x, */*;q=0.1",
        "text/html;q=0, text/*",
        "image/avif,image/webp,*/*;q=0.8",
        "application/grpc",
        "application/connect+json",
        ",,;;=,",
        "texts/html",
        "text/html,application/xhtml+xml,application/json",
        "text/html,application/xhtml+xml,text/html;q=0.1,application/json",
        "text/html;level=1",
        "text/html;q=1e-1, application/json;q=0.05",
        "text/html;q=0.0001, */*;q=0.001",
        "text/html;q=1.001, */*;q=0.001",
        "text/html;q=.9, */*;q=0.1",
        "text/html;q=+1, */*;q=0.1",
        "text/html;q=, */*;q=0.1",
    ] {
        assert_eq!(accepting(accept), Format::Problem, "{accept}");
    }
    assert_eq!(preferred(&[]), Format::Problem);
}

#[test]
fn a_navigation_gets_a_page_if_it_accepts_one() {
    let navigate = ("sec-fetch-mode", "navigate");

    assert_eq!(preferred(&[navigate]), Format::Page);
    let all = [navigate, ("accept", "*/*")];
    assert_eq!(preferred(&all), Format::Page);
    let json = [navigate, ("accept", "application/json")];
    assert_eq!(preferred(&json), Format::Problem);
    let cors = [("sec-fetch-mode", "cors"), ("accept", "*/*")];
    assert_eq!(preferred(&cors), Format::Problem);
}

#[test]
fn a_refusal_says_that_it_depends_on_what_is_accepted() {
    let rejection = Rejection::new(RejectionKind::Unauthenticated);
    for (format, content_type) in [
        (Format::Page, "text/html; charset=utf-8"),
        (Format::Problem, "application/problem+json"),
    ] {
        let response = refuse(&ProblemOrPage::new(), rejection.clone(), format);
        let headers = response.headers();

        assert_eq!(headers[header::CONTENT_TYPE], content_type);
        assert_eq!(headers[header::VARY], "accept, sec-fetch-mode");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.status(), 401);
    }
    let always = refuse(&ProblemJson::new(), rejection, Format::Page);
    assert_eq!(
        always.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    assert!(!always.headers().contains_key(header::VARY));
}

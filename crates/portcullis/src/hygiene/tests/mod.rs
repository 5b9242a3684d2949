mod fields;
mod hosts;
mod paths;
mod properties;

use http::{Method, Request, Version, header::ALLOW, request};
use portcullis_core::{Guard, Rejection, RejectionKind, Reply, Verdict};
use portcullis_test::contract;

use super::{Hygiene, HygieneLayer};

contract!(HygieneLayer::new(), HygieneLayer::off());

/// The head of a request, with these fields.
fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> request::Parts {
    let request = Request::builder().method(method).uri(target);
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).unwrap().into_parts().0
}

/// Over HTTP/2.
fn head2(target: &str, fields: &[(&str, &str)]) -> request::Parts {
    let mut head = head("GET", target, fields);
    head.version = Version::HTTP_2;
    head
}

/// Why a request is refused, if it is.
fn refusal(guard: &Hygiene, head: &mut request::Parts) -> Option<Rejection> {
    match guard.admit(head, &mut Reply::default()) {
        Verdict::Admit => None,
        Verdict::Reject(rejection) => Some(rejection),
        other => panic!("{other:?}"),
    }
}

/// The status of a refusal, or 200.
fn status(guard: &Hygiene, mut head: request::Parts) -> u16 {
    refusal(guard, &mut head).map_or(200, |rejection| rejection.kind().status().as_u16())
}

fn of_fields(fields: &[(&str, &str)]) -> u16 {
    status(&Hygiene::new(), head("POST", "/", fields))
}

#[test]
fn an_ordinary_request_passes_as_it_is() {
    let fields = [
        ("host", "example.com"),
        ("content-length", "3"),
        ("x-api-key", "k"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-requested-with", "XMLHttpRequest"),
    ];
    let mut head = head("POST", "/a//b/../c%2Fd?x=%00", &fields);
    let before = head.headers.clone();

    assert_eq!(refusal(&Hygiene::new(), &mut head), None);
    assert_eq!(head.headers, before);
}

#[test]
fn an_encoding_that_is_not_one_chunked_is_refused_and_closes_the_connection() {
    let host = ("host", "example.com");
    for (expected, fields) in [
        (200, &[("transfer-encoding", "chunked")][..]),
        (200, &[("transfer-encoding", "Chunked")]),
        (400, &[("transfer-encoding", "xchunked")]),
        (400, &[("transfer-encoding", "identity")]),
        (400, &[("transfer-encoding", "")]),
        (400, &[("transfer-encoding", "gzip, chunked")]),
        (400, &[("transfer-encoding", "chunked, chunked")]),
        (400, &[("transfer-encoding", "chunked;a=b")]),
        (
            400,
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
        ),
        (
            400,
            &[("transfer-encoding", "chunked"), ("content-length", "3")],
        ),
        (
            400,
            &[("content-length", "0"), ("transfer-encoding", "chunked")],
        ),
    ] {
        let all = [&[host][..], fields].concat();
        let refusal = refusal(&Hygiene::new(), &mut head("POST", "/", &all));

        let status = refusal
            .as_ref()
            .map_or(200, |refusal| refusal.kind().status().as_u16());
        assert_eq!(status, expected, "{fields:?}");
        let closes = refusal.is_some_and(|refusal| {
            let mut headers = refusal.headers().iter();
            headers.any(|(name, value)| name == "connection" && value == "close")
        });
        assert_eq!(closes, expected == 400, "{fields:?}");
    }
}

#[test]
fn only_http11_has_an_encoding() {
    let fields = [("host", "a"), ("transfer-encoding", "chunked")];
    for version in [Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
        let mut head = head("POST", "/", &fields);
        head.version = version;
        assert_eq!(status(&Hygiene::new(), head), 400, "{version:?}");
    }
}

#[test]
fn a_length_is_one_number() {
    let length = |value| of_fields(&[("host", "a"), ("content-length", value)]);
    for right in ["0", "17", "00"] {
        assert_eq!(length(right), 200, "{right}");
    }
    for wrong in ["", "+1", "-1", "0x1", "1, 1", "1 1", "1.0"] {
        assert_eq!(length(wrong), 400, "{wrong}");
    }
    let two = |second| {
        of_fields(&[
            ("host", "a"),
            ("content-length", "3"),
            ("content-length", second),
        ])
    };
    assert_eq!(two("3"), 200);
    assert_eq!(two("4"), 400);
}

#[test]
fn a_method_that_is_not_served_is_refused_with_those_that_are() {
    let host = [("host", "example.com")];
    let guard = Hygiene::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(status(&guard, head(method, "/", &host)), 200, "{method}");
    }
    for method in ["TRACE", "TRACK", "PROPFIND", "get", "GETS"] {
        let refusal = refusal(&guard, &mut head(method, "/", &host)).unwrap();
        assert_eq!(refusal.kind(), RejectionKind::MethodNotAllowed, "{method}");
        let (name, value) = &refusal.headers()[0];
        assert_eq!(name, ALLOW);
        assert_eq!(value, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    let connect = head("CONNECT", "example.com:443", &[("host", "example.com:443")]);
    assert_eq!(status(&guard, connect), 405);
}

#[test]
fn methods_are_those_that_are_set() {
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let guard = Hygiene::new().methods([Method::GET, propfind]).unwrap();
    let host = [("host", "example.com")];

    assert_eq!(status(&guard, head("PROPFIND", "/", &host)), 200);
    let refusal = refusal(&guard, &mut head("POST", "/", &host)).unwrap();
    assert_eq!(refusal.headers()[0].1, "GET, PROPFIND");
    assert_eq!(guard.describe(), "any host; GET PROPFIND");
}

#[test]
fn methods_that_serve_nothing_or_show_secrets_are_an_error() {
    let none = Hygiene::new().methods([]).unwrap_err();
    assert_eq!(
        none.to_string(),
        "methods: an empty list refuses everything"
    );

    let trace = Hygiene::new().methods([Method::GET, Method::TRACE]);
    assert_eq!(
        trace.unwrap_err().to_string(),
        "methods: TRACE shows a client's fields to its scripts"
    );
}

#[test]
fn clones_share_what_was_counted_and_a_setter_leaves_others_alone() {
    let guard = Hygiene::new();
    let strict = guard.clone().strict_paths();
    let other = guard.clone();
    let fields = [("host", "a"), ("x_y", "1")];

    assert_eq!(status(&other, head("GET", "/../", &fields)), 200);
    assert_eq!(status(&strict, head("GET", "/../", &fields)), 400);
    assert_eq!(guard.counts()[0].value, 1);
}

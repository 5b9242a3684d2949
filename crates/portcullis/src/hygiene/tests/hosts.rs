use http::{Version, uri::Authority};
use portcullis_core::{Facts, Guard, Host, RejectionKind};

use super::{Hygiene, head, head2, refusal, status};
use crate::{Edge, Health, edge::Slot};

fn of_host(value: &str) -> u16 {
    status(&Hygiene::new(), head("GET", "/", &[("host", value)]))
}

/// What each server takes for one host, and for no other.
const VALID: [&str; 14] = [
    "example.com",
    "EXAMPLE.com",
    "example.com.",
    "example.com:8080",
    "example.com:",
    "localhost",
    "my_service",
    "xn--bcher-kva.example",
    "192.0.2.1",
    "192.0.2.1:80",
    "[::1]",
    "[2001:db8::1]:443",
    "[::ffff:192.0.2.1]",
    "a:0",
];

const INVALID: [&str; 31] = [
    "a b",
    "a, b",
    "a,b",
    "a/b",
    "http://a",
    "a\\b",
    "user@a",
    "user:password@a",
    "a:80:80",
    "a:80a",
    "a:+80",
    "a:-1",
    "a: 80",
    "a:65536",
    "a?b",
    "a#b",
    "a%2eb",
    "a%00",
    "<a>",
    "a;b",
    "'a'",
    ".",
    "..",
    ".a",
    "a..b",
    ":80",
    "[::1",
    "[::1]a",
    "[fe80::1%eth0]",
    "[v1.a]",
    "::1",
];

#[test]
fn a_host_is_a_name_or_an_address_with_a_port_or_without() {
    for host in VALID {
        assert_eq!(of_host(host), 200, "{host}");
    }
    for host in INVALID {
        assert_eq!(of_host(host), 400, "{host}");
    }
    let mut unreadable = head("GET", "/", &[]);
    let value = http::HeaderValue::from_bytes(b"b\xfccher").unwrap();
    unreadable.headers.insert("host", value);
    assert_eq!(status(&Hygiene::new(), unreadable), 400);
}

#[test]
fn http11_has_one_host() {
    let guard = Hygiene::new();
    assert_eq!(status(&guard, head("GET", "/", &[])), 400);
    assert_eq!(status(&guard, head("GET", "http://a/", &[])), 400);
    let two = |first, second| {
        status(
            &guard,
            head("GET", "/", &[("host", first), ("host", second)]),
        )
    };
    assert_eq!(two("a", "b"), 400);
    assert_eq!(two("a", "a"), 400);
    assert_eq!(two("", ""), 400);
}

#[test]
fn http10_needs_no_host_but_has_no_two() {
    let old = |fields: &[_]| {
        let mut head = head("GET", "/", fields);
        head.version = Version::HTTP_10;
        status(&Hygiene::new(), head)
    };
    assert_eq!(old(&[]), 200);
    assert_eq!(old(&[("host", "a")]), 200);
    assert_eq!(old(&[("host", "a b")]), 400);
    assert_eq!(old(&[("host", "a"), ("host", "a")]), 400);
}

#[test]
fn an_empty_host_is_right_where_the_target_has_none() {
    assert_eq!(of_host(""), 200);
    let guard = Hygiene::new();
    assert_eq!(
        status(&guard, head("GET", "http://a/", &[("host", "")])),
        400
    );
    assert_eq!(status(&guard, head2("/", &[("host", "")])), 400);
}

#[test]
fn the_target_and_the_host_agree() {
    for (expected, target, host) in [
        (200, "http://a/", "a"),
        (200, "http://a/", "A"),
        (200, "http://a:80/", "a"),
        (200, "http://a/", "a:80"),
        (200, "http://a/", "a:"),
        (200, "https://a:443/", "a"),
        (200, "http://[::1]:80/", "[0:0::1]"),
        (400, "http://a/", "b"),
        (400, "http://a:81/", "a"),
        (400, "http://a:443/", "a"),
        (400, "https://a/", "a:80"),
        (400, "http://a/", "a."),
        (400, "http://[::1]/", "[::2]"),
        (400, "http://user@a/", "a"),
        (400, "http://a/", "user@a"),
        (400, "http://[::1]/", "a"),
    ] {
        let fields = [("host", host)];
        let guard = Hygiene::new();
        let both = [head("GET", target, &fields), head2(target, &fields)];
        for head in both {
            let version = head.version;
            assert_eq!(
                status(&guard, head),
                expected,
                "{target} {host} {version:?}"
            );
        }
    }
}

#[test]
fn http2_has_an_authority_or_a_host() {
    let guard = Hygiene::new();
    assert_eq!(status(&guard, head2("http://a/", &[])), 200);
    assert_eq!(status(&guard, head2("/", &[("host", "a")])), 200);
    assert_eq!(status(&guard, head2("/", &[])), 400);
    assert_eq!(status(&guard, head2("http://user@a/", &[])), 400);
    let two = [("host", "a"), ("host", "a")];
    assert_eq!(status(&guard, head2("http://a/", &two)), 400);
}

#[test]
fn other_hosts_than_those_of_the_list_are_misdirected() {
    let list = [
        "example.com",
        "*.example.org",
        "192.0.2.1",
        "::1",
        "[2001:db8::1]:8443",
        "port.example:81",
    ];
    let guard = Hygiene::new().hosts(list).unwrap();
    for served in [
        "example.com",
        "EXAMPLE.com.",
        "example.com:8080",
        "a.example.org",
        "a.b.Example.org:1",
        "192.0.2.1:9",
        "[::1]:80",
        "[2001:db8:0::1]:8443",
        "port.example:81",
    ] {
        let head = head("GET", "/", &[("host", served)]);
        assert_eq!(status(&guard, head), 200, "{served}");
    }
    for foreign in [
        "example.org",
        "anexample.org",
        "example.com.evil.example",
        "evilexample.com",
        "a.example.com",
        "192.0.2.10",
        "[::2]",
        "[2001:db8::1]",
        "port.example",
        "port.example:82",
        "",
    ] {
        let mut head = head("GET", "/", &[("host", foreign)]);
        let refusal = refusal(&guard, &mut head).unwrap();
        assert_eq!(refusal.kind(), RejectionKind::Misdirected, "{foreign}");
        assert_eq!(refusal.detail(), None);
    }
    assert_eq!(guard.describe(), list.join(", "));
}

#[test]
fn http10_without_a_host_is_for_no_host_of_the_list() {
    let mut head = head("GET", "/", &[]);
    head.version = Version::HTTP_10;
    let guard = Hygiene::new().hosts(["example.com"]).unwrap();

    assert_eq!(status(&guard, head), 421);
}

#[test]
fn what_is_malformed_is_so_with_a_list_too() {
    let guard = Hygiene::new().hosts(["example.com"]).unwrap();
    for wrong in ["example.com, evil.example", "evil.example@example.com"] {
        let head = head("GET", "/", &[("host", wrong)]);
        assert_eq!(status(&guard, head), 400, "{wrong}");
    }
}

#[test]
fn the_host_that_a_trusted_proxy_names_is_of_the_list() {
    let guard = Hygiene::new()
        .hosts(["app.internal", "example.com"])
        .unwrap();
    let forwarded = |host: &'static str| {
        let mut head = head("GET", "/", &[("host", "app.internal")]);
        Facts::of_mut(&mut head.extensions).set(Host(Authority::from_static(host)));
        status(&guard, head)
    };

    assert_eq!(forwarded("example.com"), 200);
    assert_eq!(forwarded("evil.example"), 421);
}

#[test]
fn hosts_that_are_none_are_an_error_with_all_of_them() {
    let wrong = [
        "a b",
        "http://a",
        "*.",
        "*",
        "*.192.0.2.1",
        "a.*.b",
        "*.[::1]",
    ];
    let error = Hygiene::new().hosts(wrong).unwrap_err();
    let expected = wrong.map(|host| format!("hosts: {host:?} is not a host"));
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);

    let none: [&str; 0] = [];
    let error = Hygiene::new().hosts(none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "hosts: an empty list refuses everything; leave it out instead"
    );
}

#[test]
fn paths_of_probes_are_served_for_any_host() {
    let guard = Hygiene::new().hosts(["example.com"]).unwrap();
    let guard = guard.exempt_paths(["GET /healthz"]).unwrap();
    let host = [("host", "10.0.0.7:8080")];

    assert_eq!(status(&guard, head("GET", "/healthz", &host)), 200);
    assert_eq!(status(&guard, head("POST", "/healthz", &host)), 421);
    assert_eq!(status(&guard, head("GET", "/healthz/../", &host)), 421);
    assert_eq!(
        status(&guard, head("GET", "/healthz", &[("host", "a b")])),
        400
    );
}

#[tokio::test]
async fn an_edge_answers_its_probes_for_any_host() {
    use portcullis_test::{ok, request, send};
    use tower::Layer;

    let hosts = || Hygiene::new().hosts(["example.com"]).unwrap();
    let health = Health::new();
    for edge in [
        Edge::new().hygiene(hosts()).health(&health),
        Edge::new().health(&health).hygiene(hosts()),
    ] {
        let app = edge.build().unwrap().layer(ok());
        for (path, status) in [("/live", 200), ("/ready", 200), ("/", 421), ("/live/", 421)] {
            let mut request = request(path);
            request
                .headers_mut()
                .insert("host", "10.0.0.7:80".parse().unwrap());
            assert_eq!(send(app.clone(), request).await.status(), status, "{path}");
        }
    }
    assert!(Slot::Hygiene < Slot::Health);
}

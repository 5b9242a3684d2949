//! What an attacker would try: each with the request beside it that is admitted.

use http::{HeaderValue, Method, Request, Uri};
use portcullis_core::{Facts, Host, Reason, Scheme, facts::OriginalUri};
use portcullis_test::text;

use super::{
    NOW, TestBody, ask, guard, judged, layer, policy, reason, signed, signer, unsigned, with_input,
};

const ALL: &str = "\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\"";

/// A request with a body, its digest, and an input as it is written.
fn input(components: &str, parameters: &str) -> Request<TestBody> {
    let (mut head, body) = signed(&signer(), "{}").into_parts();
    head.headers.append("x", HeaderValue::from_static("1"));
    with_input(
        Request::from_parts(head, body),
        &format!("({components}){parameters}"),
    )
}

fn at(created: u64) -> String {
    format!(";created={created};keyid=\"key-1\"")
}

fn judge(request: Request<TestBody>) -> Result<(), Reason> {
    judged(&guard(policy()), request)
}

#[tokio::test]
async fn g01_a_request_that_is_signed_is_admitted() {
    let response = ask(&layer(policy()), signed(&signer(), "{}")).await;
    assert_eq!(
        (response.status().as_u16(), &*text(response).await),
        (200, "alice: {}")
    );

    let (mut head, ()) = unsigned(()).into_parts();
    signer().sign(&mut head, None).unwrap();
    let response = ask(
        &layer(policy()),
        Request::from_parts(head, TestBody::default()),
    )
    .await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        ask(&layer(policy()), unsigned(TestBody::default()))
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn g02_another_body_under_the_same_digest_is_refused() {
    let (head, _) = signed(&signer(), "{}").into_parts();
    let response = ask(
        &layer(policy()),
        Request::from_parts(head, TestBody::from("[]")),
    )
    .await;

    assert_eq!(
        (response.status().as_u16(), reason(&response)),
        (401, Some(Reason::DigestMismatch))
    );
    assert_eq!(
        ask(&layer(policy()), signed(&signer(), "[]"))
            .await
            .status(),
        200
    );
}

#[test]
fn g03_a_body_without_a_digest_is_refused() {
    let without = |components| {
        let (mut head, body) = input(components, &at(NOW)).into_parts();
        head.headers.remove("content-digest");
        judge(Request::from_parts(head, body))
    };

    assert_eq!(without(ALL), Err(Reason::Incomplete));
    assert_eq!(judge(input(ALL, &at(NOW))), Ok(()));
}

#[test]
fn g04_a_digest_that_is_not_covered_is_refused() {
    let uncovered = "\"@method\" \"@authority\" \"@path\" \"@query\"";
    assert_eq!(judge(input(uncovered, &at(NOW))), Err(Reason::Incomplete));
    assert_eq!(judge(input(ALL, &at(NOW))), Ok(()));

    let open = guard(policy().dangerous_unsigned_bodies());
    assert_eq!(judged(&open, input(uncovered, &at(NOW))), Ok(()));
}

#[test]
fn g05_another_method_path_query_or_host_is_refused() {
    let other = |change: fn(&mut Request<TestBody>)| {
        let mut request = signed(&signer(), "{}");
        change(&mut request);
        judge(request)
    };

    assert_eq!(other(|_| {}), Ok(()));
    assert_eq!(
        other(|request| *request.method_mut() = Method::PUT),
        Err(Reason::BadSignature)
    );
    for target in [
        "https://example.com/admin?id=7&to=bob",
        "https://example.com/orders/?id=7&to=bob",
        "https://example.com/%6frders?id=7&to=bob",
        "https://example.com/orders?id=7&to=eve",
        "https://example.com/orders?to=bob&id=7",
        "https://example.com/orders",
        "https://evil.example/orders?id=7&to=bob",
        "https://example.com:8443/orders?id=7&to=bob",
    ] {
        let mut request = signed(&signer(), "{}");
        *request.uri_mut() = target.parse().unwrap();
        assert_eq!(judge(request), Err(Reason::BadSignature), "{target}");
    }
}

#[test]
fn g06_what_is_too_old_too_new_or_without_a_date_is_refused() {
    for (created, expected) in [
        (NOW, Ok(())),
        (NOW - 330, Ok(())),
        (NOW - 331, Err(Reason::Expired)),
        (0, Err(Reason::Expired)),
        (NOW + 30, Ok(())),
        (NOW + 31, Err(Reason::NotYetValid)),
        (999_999_999_999_999, Err(Reason::NotYetValid)),
    ] {
        assert_eq!(judge(input(ALL, &at(created))), expected, "{created}");
    }
    for (parameters, expected) in [
        (";keyid=\"key-1\"", Reason::Incomplete),
        (";created=-1;keyid=\"key-1\"", Reason::Malformed),
        (";created=1700000000.0;keyid=\"key-1\"", Reason::Malformed),
        (";created=\"1700000000\";keyid=\"key-1\"", Reason::Malformed),
        (";created;keyid=\"key-1\"", Reason::Malformed),
        (";created=1700000000", Reason::Incomplete),
        (";created=1700000000;keyid=key-1", Reason::Malformed),
    ] {
        assert_eq!(judge(input(ALL, parameters)), Err(expected), "{parameters}");
    }
}

#[test]
fn g06_what_has_expired_is_refused() {
    let expires = |at: u64| {
        let parameters = format!(";created={};expires={at};keyid=\"key-1\"", NOW - 100);
        judge(input(ALL, &parameters))
    };

    assert_eq!(expires(NOW), Ok(()));
    assert_eq!(expires(NOW - 30), Ok(()), "clocks differ");
    assert_eq!(expires(NOW - 31), Err(Reason::Expired));
    assert_eq!(
        expires(NOW - 101),
        Err(Reason::Malformed),
        "before it was created"
    );
}

#[test]
fn g09_a_label_in_one_field_only_is_refused() {
    let change = |name: &'static str, value: &str| {
        let (mut head, body) = signed(&signer(), "{}").into_parts();
        let old = head.headers[name].to_str().unwrap().to_owned();
        let value = value.replace("{}", &old);
        head.headers.insert(name, value.parse().unwrap());
        judge(Request::from_parts(head, body))
    };

    assert_eq!(change("signature", "{}"), Ok(()));
    assert_eq!(change("signature", "{}, b=:AA==:"), Err(Reason::Malformed));
    assert_eq!(change("signature", "b=:AA==:"), Err(Reason::Malformed));
    assert_eq!(
        change("signature-input", "{}, b=()"),
        Err(Reason::Malformed)
    );
    for name in ["signature", "signature-input"] {
        let mut request = signed(&signer(), "{}");
        request.headers_mut().remove(name);
        assert_eq!(judge(request), Err(Reason::Incomplete), "{name}");
    }
}

#[test]
fn g09_an_extra_signature_is_refused_unless_a_tag_tells_them_apart() {
    let tagged = signer().tag("ours").unwrap();
    let with_another = |order: fn(&str, &str) -> String, tag: &str| {
        let (mut head, body) = signed(&tagged, "{}").into_parts();
        for (name, other) in [
            (
                "signature-input",
                format!("b=(\"@status\");tag=\"{tag}\";x"),
            ),
            ("signature", "b=:AA==:".to_owned()),
        ] {
            let own = head.headers[name].to_str().unwrap().to_owned();
            head.headers
                .insert(name, order(&own, &other).parse().unwrap());
        }
        Request::from_parts(head, body)
    };
    let orders: [fn(&str, &str) -> String; 2] = [
        |own, other| format!("{own}, {other}"),
        |own, other| format!("{other}, {own}"),
    ];

    let pinned = guard(policy().tag("ours"));
    for order in orders {
        let refused = judge(with_another(order, "other"));
        assert_eq!(refused, Err(Reason::SeveralCredentials));
        assert_eq!(judged(&pinned, with_another(order, "other")), Ok(()));
        let same = judged(&pinned, with_another(order, "ours"));
        assert_eq!(same, Err(Reason::SeveralCredentials));
    }
    assert_eq!(
        judged(&pinned, signed(&signer(), "{}")),
        Err(Reason::NotAllowed)
    );
    let other = signer().tag("other").unwrap();
    assert_eq!(
        judged(&pinned, signed(&other, "{}")),
        Err(Reason::NotAllowed)
    );
}

#[test]
fn g09_a_component_twice_or_unknown_is_refused() {
    for (added, expected) in [
        ("", Ok(())),
        (" \"x\"", Ok(())),
        (" \"@query-param\";name=\"id\"", Ok(())),
        (" \"x\" \"x\"", Err(Reason::Malformed)),
        (" \"@method\"", Err(Reason::Malformed)),
        (
            " \"@query-param\";name=\"id\" \"@query-param\";name=\"id\"",
            Err(Reason::Malformed),
        ),
        (" \"@status\"", Err(Reason::NotAllowed)),
        (" \"@signature-params\"", Err(Reason::NotAllowed)),
        (" \"@query-param\"", Err(Reason::NotAllowed)),
        (" \"@query-param\";name", Err(Reason::NotAllowed)),
        (" \"@query-param\";name=\"id\";req", Err(Reason::NotAllowed)),
        (" \"@method\";req", Err(Reason::NotAllowed)),
        (" \"X\"", Err(Reason::NotAllowed)),
        (" \"\"", Err(Reason::NotAllowed)),
        (" \"x\";sf", Err(Reason::NotAllowed)),
        (" \"x\";key=\"a\"", Err(Reason::NotAllowed)),
        (" \"x\";bs", Err(Reason::NotAllowed)),
        (" \"x\";tr", Err(Reason::NotAllowed)),
        (" \"missing\"", Err(Reason::Incomplete)),
        (
            " \"@query-param\";name=\"missing\"",
            Err(Reason::Incomplete),
        ),
        (" x", Err(Reason::Malformed)),
        (" 1", Err(Reason::Malformed)),
    ] {
        let request = input(&format!("{ALL}{added}"), &at(NOW));
        assert_eq!(judge(request), expected, "{added}");
    }
}

#[test]
fn g09_a_parameter_of_the_query_that_is_there_twice_has_no_value() {
    let covered = format!("{ALL} \"@query-param\";name=\"id\"");
    let with_target = |target: &'static str| {
        let (mut head, body) = input(ALL, &at(NOW)).into_parts();
        head.uri = Uri::from_static(target);
        let request = Request::from_parts(head, body);
        judge(with_input(request, &format!("({covered}){}", at(NOW))))
    };

    assert_eq!(with_target("https://example.com/?id=7&to=bob"), Ok(()));
    assert_eq!(
        with_target("https://example.com/?id=7&id=8"),
        Err(Reason::Malformed)
    );
    assert_eq!(
        with_target("https://example.com/?id=7&%69d=8"),
        Err(Reason::Malformed)
    );
}

#[test]
fn g09_an_algorithm_that_is_not_the_keys_is_refused() {
    for (alg, expected) in [
        (";alg=\"hmac-sha256\"", Ok(())),
        ("", Ok(())),
        (";alg=\"ed25519\"", Err(Reason::NotAllowed)),
        (";alg=\"none\"", Err(Reason::NotAllowed)),
        (";alg=\"HMAC-SHA256\"", Err(Reason::NotAllowed)),
        (";alg=\"\"", Err(Reason::NotAllowed)),
        (";alg=hmac-sha256", Err(Reason::Malformed)),
        (";alg", Err(Reason::Malformed)),
        (";other=1", Err(Reason::NotAllowed)),
    ] {
        assert_eq!(
            judge(input(ALL, &format!("{}{alg}", at(NOW)))),
            expected,
            "{alg}"
        );
    }
}

#[test]
fn g10_lines_of_a_field_in_another_order_are_refused() {
    let lines = |lines: &[&'static str]| {
        let (mut head, body) = input(ALL, &at(NOW)).into_parts();
        head.headers.remove("x");
        for line in lines {
            head.headers.append("x", HeaderValue::from_static(line));
        }
        Request::from_parts(head, body)
    };
    let right = with_input(lines(&["a", "b"]), &format!("({ALL} \"x\"){}", at(NOW)));
    let resent = |changed: &[&'static str]| {
        let (mut head, body) = lines(changed).into_parts();
        for name in ["signature", "signature-input"] {
            head.headers.insert(name, right.headers()[name].clone());
        }
        judge(Request::from_parts(head, body))
    };

    assert_eq!(resent(&["a", "b"]), Ok(()));
    assert_eq!(resent(&["a, b"]), Ok(()), "a proxy may combine lines");
    assert_eq!(resent(&[" a\t", "b "]), Ok(()));
    for changed in [
        &["b", "a"][..],
        &["a"],
        &["a", "b", "b"],
        &["a,b"],
        &["a", "", "b"],
    ] {
        assert_eq!(resent(changed), Err(Reason::BadSignature), "{changed:?}");
    }
}

/// The base has a line for each component, so that a value which could begin another would be an attack.
/// None can: a field's value has no line end, and quotes mean nothing in it.
#[test]
fn g11_a_value_can_not_pretend_to_be_another_line() {
    assert!(HeaderValue::from_bytes(b"1\n\"@method\": GET").is_err());
    assert!(HeaderValue::from_bytes(b"1\r\n\"@method\": GET").is_err());

    let covered = format!("{ALL} \"x\"");
    for (value, expected) in [
        ("1\", \"@method\": GET", Ok(())),
        ("a\tb", Ok(())),
        ("caf\u{e9}", Err(Reason::NotAllowed)),
    ] {
        let mut request = input(ALL, &at(NOW));
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().insert("x", value);
        let request = with_input(request, &format!("({covered}){}", at(NOW)));
        assert_eq!(judge(request), expected);
    }
    let target = Uri::try_from("https://example.com/caf\u{e9}").unwrap();
    let (mut head, body) = input(ALL, &at(NOW)).into_parts();
    head.uri = target;
    assert_eq!(
        judge(Request::from_parts(head, body)),
        Err(Reason::NotAllowed)
    );
    let escaped = "\"@query-param\";name=\"id\\\"\"";
    let request = input(&format!("{ALL} {escaped}"), &at(NOW));
    assert_eq!(judge(request), Err(Reason::Incomplete));
}

#[test]
fn a_form_that_no_serializer_writes_is_refused() {
    let (head, _) = signed(&signer(), "{}").into_parts();
    let right = head.headers["signature-input"].to_str().unwrap().to_owned();
    for (from, to) in [
        ("\" \"", "\"  \""),
        ("(", "( "),
        (";created", "; created"),
        (";created=1700000000", ";created=1;created=1700000000"),
        ("sig=", "sig=();created=1;keyid=\"x\", sig="),
        (";created=1700000000", ";created=01700000000"),
    ] {
        let (mut head, body) = signed(&signer(), "{}").into_parts();
        let changed = right.replacen(from, to, 1);
        assert_ne!(changed, right);
        head.headers
            .insert("signature-input", changed.parse().unwrap());
        let judged = judge(Request::from_parts(head, body));
        assert_eq!(judged, Err(Reason::Malformed), "{changed}");
    }
}

#[test]
fn what_is_too_long_or_too_many_is_refused() {
    let names = |count: usize| (0..count).map(|n| format!(" \"x{n}\"")).collect::<String>();
    assert_eq!(
        judge(input(&format!("{ALL}{}", names(27)), &at(NOW))),
        Err(Reason::Incomplete)
    );
    assert_eq!(
        judge(input(&format!("{ALL}{}", names(28)), &at(NOW))),
        Err(Reason::Malformed)
    );

    let tag = |length: usize| format!("{};tag=\"{}\"", at(NOW), "t".repeat(length));
    assert_eq!(judge(input(ALL, &tag(256))), Ok(()));
    assert_eq!(judge(input(ALL, &tag(257))), Err(Reason::Malformed));
    assert_eq!(judge(input(ALL, &tag(5000))), Err(Reason::Malformed));

    let labels = |count: usize| {
        let mut request = input(ALL, &at(NOW));
        for (name, value) in [("signature-input", "=()"), ("signature", "=:AA==:")] {
            let all = (0..count).map(|n| format!("l{n}{value}"));
            let all = all.collect::<Vec<_>>().join(", ");
            request.headers_mut().insert(name, all.parse().unwrap());
        }
        judge(request)
    };
    assert_eq!(labels(3), Err(Reason::SeveralCredentials));
    assert_eq!(labels(4), Err(Reason::Malformed));
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    let strip = |name: &str| {
        let mut request = signed(&signer(), "{}");
        request.headers_mut().remove(name);
        request
    };
    let (head, _) = signed(&signer(), "{}").into_parts();
    let unknown = super::Signer::try_new("nobody", super::key()).unwrap();
    let unknown = unknown.clock(portcullis_core::WallClock::from(&*super::CLOCK));
    let refused = [
        unsigned(TestBody::from("{}")),
        strip("signature"),
        strip("signature-input"),
        strip("content-digest"),
        signed(&unknown, "{}"),
        Request::from_parts(head, TestBody::from("[]")),
        input(ALL, &at(0)),
        input(ALL, ";created=1"),
        input("", &at(NOW)),
        input("\"@status\"", &at(NOW)),
    ];
    let mut seen = Vec::new();
    for request in refused {
        let response = ask(&layer(policy()), request).await;
        assert_eq!(response.status(), 401);
        let (head, body) = response.into_parts();
        seen.push((head.headers, text(http::Response::new(body)).await));
    }
    let (headers, _) = &seen[0];
    assert_eq!(headers["www-authenticate"], "Signature realm=\"api\"");
    assert_eq!(
        headers["accept-signature"],
        "sig=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created"
    );
    assert_eq!(headers["cache-control"], "no-store");
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// The head as an HTTP/1 server has it.
fn origin_form(host: &'static str) -> Request<TestBody> {
    let (mut head, body) = signed(&signer(), "{}").into_parts();
    head.uri = Uri::from_static("/orders?id=7&to=bob");
    head.headers.insert("host", HeaderValue::from_static(host));
    Request::from_parts(head, body)
}

#[test]
fn the_host_is_the_one_that_the_client_asked_for() {
    for (host, expected) in [
        ("example.com", Ok(())),
        ("EXAMPLE.com", Ok(())),
        ("example.com:", Ok(())),
        ("example.com:443", Err(Reason::BadSignature)),
        ("example.com:8080", Err(Reason::BadSignature)),
        ("evil.example", Err(Reason::BadSignature)),
        ("user@example.com", Err(Reason::Malformed)),
        ("example.com:99999", Err(Reason::Malformed)),
        ("a b", Err(Reason::Malformed)),
    ] {
        assert_eq!(judge(origin_form(host)), expected, "{host}");
    }
    let https = guard(policy().default_scheme(Scheme::Https));
    assert_eq!(judged(&https, origin_form("example.com:443")), Ok(()));

    let mut two = origin_form("example.com");
    two.headers_mut()
        .append("host", HeaderValue::from_static("example.com"));
    assert_eq!(judge(two), Err(Reason::Malformed));
    let mut other = signed(&signer(), "{}");
    other
        .headers_mut()
        .insert("host", HeaderValue::from_static("evil.example"));
    assert_eq!(
        judge(other),
        Err(Reason::Malformed),
        "the target says another"
    );
    let mut none = origin_form("example.com");
    none.headers_mut().remove("host");
    assert_eq!(judge(none), Err(Reason::Incomplete));
}

#[test]
fn a_trusted_proxy_tells_the_host() {
    let mut request = origin_form("backend.internal");
    assert_eq!(
        judge(origin_form("backend.internal")),
        Err(Reason::BadSignature)
    );
    let host = Host("Example.com:443".parse().unwrap());
    let facts = Facts::of_mut(request.extensions_mut());
    facts.set(host);
    facts.set(Scheme::Https);

    assert_eq!(judge(request), Ok(()));
}

#[test]
fn below_a_nested_router_the_path_is_the_whole_one() {
    const ORIGINAL: OriginalUri = |extensions| extensions.get();
    let mut nested = origin_form("example.com");
    let original = nested.uri().clone();
    *nested.uri_mut() = Uri::from_static("/?id=7&to=bob");
    nested.extensions_mut().insert(original);
    Facts::of_mut(nested.extensions_mut()).set_original_uri(ORIGINAL);
    assert_eq!(judge(nested), Ok(()));

    let mut alone = origin_form("example.com");
    *alone.uri_mut() = Uri::from_static("/?id=7&to=bob");
    assert_eq!(judge(alone), Err(Reason::BadSignature));
}

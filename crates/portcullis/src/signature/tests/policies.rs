//! What a policy is made of, and what is public.

use std::time::Duration;

use http::Request;
use portcullis_core::{ManualClock, Reason, WallClock};
use portcullis_test::{request, send};
use tower::Layer;

use super::{
    NOW, TestBody, guard, judged, keys, layer, policy, signed, signer, unsigned, with_input,
};
use crate::{
    Guard,
    signature::{MemoryReplays, SignatureGuard, SignaturePolicy},
};

#[test]
fn what_is_wrong_with_a_policy_is_told_at_once() {
    let policy = SignaturePolicy::new()
        .require([
            "@method", "@status", "X-Upper", "a b", "@method", "\"x\";sf", "",
        ])
        .max_age(Duration::from_millis(900))
        .tag("caf\u{e9}");
    let error = SignatureGuard::try_new(keys(), policy).unwrap_err();

    assert_eq!(
        error.problems().collect::<Vec<_>>(),
        [
            "signatures: \"@status\" is not a component that can be signed",
            "signatures: \"X-Upper\" is not a component that can be signed",
            "signatures: \"a b\" is not a component that can be signed",
            "signatures: \"@method\" is there twice",
            "signatures: \"\\\"x\\\";sf\" is not a component that can be signed",
            "signatures: \"\" is not a component that can be signed",
            "signatures: a maximum age below a second refuses everything",
            "signatures: a tag is 1 to 256 characters of ASCII that can be printed",
        ]
    );
    let nothing = SignaturePolicy::new().require([""; 0]);
    let error = SignatureGuard::try_new(keys(), nothing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signatures: no component is required: anything would pass"
    );
}

#[test]
fn every_component_that_is_required_must_be_covered() {
    let all = ["@method", "@authority", "@path", "@query", "content-digest"];
    let quoted = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("({});created={NOW};keyid=\"key-1\"", names.join(" "))
    };
    let sent = |names: &[&str]| {
        let request = signed(&signer(), "{}");
        judged(&guard(policy()), with_input(request, &quoted(names)))
    };

    assert_eq!(sent(&all), Ok(()));
    for left_out in all {
        let others: Vec<_> = all.into_iter().filter(|name| *name != left_out).collect();
        assert_eq!(sent(&others), Err(Reason::Incomplete), "{left_out}");
    }
}

#[test]
fn a_policy_of_ones_own_is_all_that_is_required() {
    let own = || {
        policy().require([
            "@target-uri",
            "@request-target",
            "@scheme",
            "\"@query-param\";name=\"id\"",
        ])
    };
    let components = [
        "@target-uri",
        "@request-target",
        "@scheme",
        "\"@query-param\";name=\"id\"",
    ];
    let full = signer().components(components).unwrap();

    assert_eq!(judged(&guard(own()), signed(&full, "{}")), Ok(()));
    assert_eq!(
        judged(&guard(own()), signed(&signer(), "{}")),
        Err(Reason::Incomplete)
    );
    assert_eq!(
        judged(&guard(policy()), signed(&full, "{}")),
        Err(Reason::Incomplete)
    );
}

#[tokio::test]
async fn what_is_not_public_is_closed() {
    let open = layer(policy()).public(["/health"]).unwrap();
    for (path, expected) in [("/health", 200), ("/", 401), ("/health/../x", 401)] {
        let service = open.layer(portcullis_test::ok());
        assert_eq!(
            send(service, request(path)).await.status(),
            expected,
            "{path}"
        );
    }
    let closed = layer(policy()).closed(["/admin/*"]).unwrap();
    for (path, expected) in [("/admin/x", 401), ("/", 200)] {
        let service = closed.layer(portcullis_test::ok());
        assert_eq!(
            send(service, request(path)).await.status(),
            expected,
            "{path}"
        );
    }
}

#[test]
fn an_age_and_a_skew_may_be_as_long_as_durations_are() {
    let date = ManualClock::new(NOW);
    let policy = || SignaturePolicy::new().clock(WallClock::from(&date));
    let guards = [
        guard(policy().max_age(Duration::MAX)),
        guard(policy().clock_skew(Duration::MAX)),
        guard(policy().max_age(Duration::MAX).clock_skew(Duration::MAX)),
    ];
    let request = signed(&signer(), "{}");

    date.advance(Duration::from_secs(1_000_000_000));
    for guard in guards {
        assert_eq!(judged(&guard, request.clone()), Ok(()), "{guard:?}");
    }
}

#[test]
fn a_request_without_either_field_leaves_it_to_the_next_scheme() {
    let judge = |request: Request<TestBody>| judged(&guard(policy()), request);

    assert_eq!(
        judge(unsigned(TestBody::default())),
        Err(Reason::NoCredentials)
    );
    let mut half = unsigned(TestBody::default());
    half.headers_mut()
        .insert("signature", http::HeaderValue::from_static("garbage"));
    assert_eq!(judge(half), Err(Reason::Incomplete));
}

#[test]
fn a_guard_tells_what_it_does() {
    let strict = guard(policy().single_use(MemoryReplays::new(1)));
    assert_eq!(
        strict.describe(),
        "signature of @method, @authority, @path, @query, bodies, at most 300 s old, each nonce once"
    );
    let loose = guard(policy().require(["@path"]).dangerous_unsigned_bodies());
    assert_eq!(loose.describe(), "signature of @path, at most 300 s old");
}

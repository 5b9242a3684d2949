use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tower::Layer as _;

use super::{Audit, Edge, NOTHING, Needs, Slot, built, problem};
use crate::{
    Health, client_ip::ResolveClientIp, hygiene::Hygiene, request_id::SetRequestId,
    secure_headers::SecureHeaders,
};

#[test]
fn a_deadline_is_a_time_or_none() {
    let (nine, five) = (Duration::from_secs(9), Some(Duration::from_secs(5)));
    let deadline = |edge| built(edge, "deadline");

    assert_eq!(
        deadline(Edge::new().timeout(nine)).as_deref(),
        Some("9s, then 503; uploads 20s idle, 500 B/s, 3600s; streams 300s idle")
    );
    assert_eq!(
        deadline(Edge::new().timeout(five)).as_deref(),
        Some("5s, then 503; uploads 20s idle, 500 B/s, 3600s; streams 300s idle")
    );
    assert_eq!(deadline(Edge::new().timeout(None)), None);
}

#[test]
fn the_guards_that_are_on_by_default_can_be_replaced_and_turned_off() {
    let address = |edge| built(edge, "client address").is_some();
    assert!(address(Edge::new().client_ip(ResolveClientIp::new())));
    assert!(address(Edge::new().client_ip(Some(ResolveClientIp::new()))));
    assert!(!address(Edge::new().client_ip(None)));

    let id = |edge| built(edge, "request ID").is_some();
    assert!(id(Edge::new().request_id(SetRequestId::new())));
    assert!(!id(Edge::new().request_id(None)));

    let hygiene = |edge| built(edge, "hygiene");
    let strict = Hygiene::new().strict_paths();
    assert_eq!(hygiene(Edge::new()).as_deref(), Some("any host"));
    assert_eq!(
        hygiene(Edge::new().hygiene(strict)).as_deref(),
        Some("any host; strict paths")
    );
    assert_eq!(hygiene(Edge::new().hygiene(None)), None);

    let headers = |edge| built(edge, "secure headers");
    let html = Edge::new().secure_headers(SecureHeaders::strict());
    assert_eq!(headers(html).as_deref(), Some("strict profile"));
    assert_eq!(headers(Edge::new().secure_headers(None)), None);
}

#[test]
fn probes_are_answered_or_not() {
    let probes = |edge| built(edge, "health").is_some();

    assert!(probes(Edge::new().health(&Health::new())));
    assert!(probes(Edge::new().health(Some(&Health::new()))));
    assert!(!probes(Edge::new().health(&Health::new()).health(None)));
}

#[test]
fn guards_and_observers_of_ones_own_may_be_off() {
    let own = |edge| built(edge, "load shed").is_some();
    assert!(own(Edge::new().guard(Slot::LoadShed, Some(NOTHING))));
    assert!(!own(Edge::new().guard(Slot::LoadShed, None::<Needs>)));

    let observed = |edge| built(edge, "observers");
    let edge = Edge::new()
        .observe(Audit)
        .observe(Some(Audit))
        .observe(None::<Audit>);
    assert_eq!(observed(edge).as_deref(), Some("audit, audit"));
    assert_eq!(observed(Edge::new()), None);
}

#[test]
fn a_body_limit_is_any_unsigned_number() {
    let limit = |edge| built(edge, "body limit");
    let numbers = [
        Edge::new().body_limit(8),
        Edge::new().body_limit(8_u8),
        Edge::new().body_limit(8_u16),
        Edge::new().body_limit(8_u32),
        Edge::new().body_limit(8_u64),
        Edge::new().body_limit(8_usize),
        Edge::new().body_limit(Some(8)),
    ];

    for edge in numbers {
        assert_eq!(limit(edge).as_deref(), Some("8 bytes"));
    }
    assert_eq!(limit(Edge::new()).as_deref(), Some("1048576 bytes"));
    assert_eq!(limit(Edge::new().body_limit(None)), None);
}

#[test]
fn a_gateway_stays_one_whatever_its_deadline() {
    let nine = Duration::from_secs(9);

    for edge in [
        Edge::new().gateway().timeout(nine),
        Edge::new().timeout(nine).gateway(),
    ] {
        assert_eq!(
            built(edge, "deadline").as_deref(),
            Some("9s, then 504; uploads 20s idle, 500 B/s, 3600s; streams 300s idle")
        );
    }
}

#[test]
fn a_field_of_ones_own_is_stripped_with_the_others() {
    let edge = Edge::new().strip("x-shard");
    let strips = portcullis_core::Guard::strips(edge.secure_headers.as_ref().unwrap());

    assert!(strips.iter().any(|name| name == "x-shard"));
    assert!(strips.iter().any(|name| name == "server"));
    assert_eq!(
        problem(Edge::new().strip("x shard")),
        "headers: \"x shard\" is not a field name"
    );
}

#[test]
fn a_header_of_ones_own_is_sent_with_the_others() {
    let edge = Edge::new()
        .header("x-own", "ours")
        .header("x-frame-options", "sameorigin");
    let headers = edge.secure_headers.unwrap();
    let value = |name: &str| {
        let name: HeaderName = name.parse().unwrap();
        let header = headers.headers().find(|(other, _)| *other == name);
        header.map(|(_, value)| value.clone())
    };

    assert_eq!(value("x-own"), Some(HeaderValue::from_static("ours")));
    assert_eq!(
        value("x-frame-options"),
        Some(HeaderValue::from_static("sameorigin"))
    );
    assert!(value("referrer-policy").is_some());
}

#[cfg(feature = "auth")]
#[test]
fn keys_are_a_store_or_none() {
    use crate::api_key::{ApiKeyGuard, KeyRecord, Keys};
    let keys = |edge| built(edge, "authentication");

    let known = Edge::new()
        .api_keys(Keys::default())
        .public(["/", "/assets/*"]);
    assert_eq!(
        keys(known).as_deref(),
        Some("API key; public: /, /assets/*")
    );
    let one = Edge::new().api_keys(ApiKeyGuard::new(Keys::default()));
    let closure = Edge::new().api_keys(|_: &str| None::<KeyRecord>);
    for edge in [Edge::new().api_keys(Some(Keys::default())), one, closure] {
        assert_eq!(keys(edge).as_deref(), Some("API key"));
    }
    let none = Edge::new().api_keys(Keys::default()).api_keys(None::<Keys>);
    assert_eq!(keys(none), None);
}

#[test]
#[cfg(feature = "auth")]
fn public_paths_contradict_keys_that_are_forgotten_not_keys_that_are_off() {
    let paths: Vec<String> = vec!["/login".to_owned()];

    assert!(Edge::new().public(&paths).build().is_err());
    let off = Edge::new().api_keys(None::<crate::api_key::Keys>);
    assert!(off.public(paths).build().is_ok());
}

#[test]
#[cfg(feature = "auth")]
fn paths_are_public_or_closed() {
    let edge = || Edge::new().api_keys(crate::api_key::Keys::default());
    let closed = edge().closed(["/admin/*", "POST /users"]);

    assert_eq!(
        built(closed.clone(), "authentication").as_deref(),
        Some("API key; closed: /admin/*, POST /users")
    );
    assert_eq!(
        closed.public(["/"]).build().unwrap_err().to_string(),
        "public paths: where some paths are closed, all others are public"
    );
    let wrong = edge().public(["a"]).closed(["b"]).build().unwrap_err();
    assert_eq!(wrong.problems().count(), 2, "{wrong}");
}

#[tokio::test]
#[cfg(feature = "auth")]
async fn what_is_required_everywhere_is_not_of_public_paths() {
    let read = || crate::require::Require::scopes("read").unwrap();
    let edge = Edge::new()
        .api_keys(crate::api_key::Keys::default())
        .require(read())
        .require(read().on(["/admin/*"]).unwrap())
        .public(["/status", "/admin/status"]);
    let service = edge.build().unwrap().layer(portcullis_test::echo());
    let mut statuses = Vec::new();
    for path in ["/status", "/posts", "/admin/status"] {
        let request = portcullis_test::request(path);
        let response = portcullis_test::send(service.clone(), request).await;
        statuses.push(response.status().as_u16());
    }

    assert_eq!(statuses, [200, 401, 401]);
}

#[tokio::test]
async fn a_header_is_the_only_one_where_the_profile_is_off() {
    let edge = Edge::new().secure_headers(None).header("x-a", "b");
    let service = edge.build().unwrap().layer(portcullis_test::echo());
    let response = portcullis_test::send(service, portcullis_test::request("/")).await;

    assert_eq!(response.headers()["x-a"], "b");
    assert!(!response.headers().contains_key("x-content-type-options"));
}

#[test]
#[cfg(feature = "auth")]
fn a_star_in_a_public_path_is_at_its_end_after_a_slash() {
    let edge = || Edge::new().api_keys(crate::api_key::Keys::default());

    for stray in ["/v*", "/a/*/b", "/**"] {
        assert!(edge().public([stray]).build().is_err(), "{stray}");
    }
    assert!(edge().public(["/", "/a/*"]).build().is_ok());
}

use tower::Layer;

use super::{Edge, Slot, built, problem, value};
use crate::{
    Quota,
    rate_limit::{InFlight, KeyBy, MemoryStore, Policy, RateLimit},
};

const QUOTA: Quota = Quota::per_second(10);

#[test]
fn a_limit_is_a_quota_or_a_limit_of_ones_own() {
    let shared = || RateLimit::new(QUOTA).shared(MemoryStore::new(9));
    let on = [
        Edge::new().rate_limit(QUOTA),
        Edge::new().rate_limit(Some(QUOTA)),
        Edge::new().rate_limit(RateLimit::new(QUOTA)),
        Edge::new().rate_limit(Some(RateLimit::new(QUOTA))),
        Edge::new().rate_limit(shared()),
        Edge::new().rate_limit(Some(shared())),
    ];

    for edge in on {
        let limit = built(edge, "rate limit").unwrap();
        assert!(
            limit.starts_with("\"default\": 10/s, burst 10 for each address"),
            "{limit}"
        );
    }
    let off = Edge::new().rate_limit(QUOTA).rate_limit(None::<Quota>);
    assert_eq!(built(off, "rate limit"), None);
}

/// An edge that knows principals.
fn known() -> Edge {
    struct Knows;
    impl crate::Guard for Knows {
        fn admit(&self, _: &mut http::request::Parts, _: &mut crate::Reply) -> crate::Verdict {
            crate::Verdict::Admit
        }
    }
    Edge::new().guard(Slot::Authentication, Knows)
}

#[test]
fn limits_of_principals_are_below_what_knows_them() {
    let tiers = || Policy::new("tiers", QUOTA).tier("gold", QUOTA);
    let by = |by| RateLimit::try_new([Policy::new("own", QUOTA).by(by)]).unwrap();
    let limits = [
        RateLimit::by_principal(QUOTA),
        by(KeyBy::api_key()),
        RateLimit::try_new([tiers()]).unwrap(),
    ];
    for limit in limits {
        assert_eq!(
            problem(known().rate_limit(limit)),
            "rate limit: it needs the principal, which only authentication above it finds out"
        );
    }
    assert_eq!(
        problem(known().in_flight(InFlight::by(5, KeyBy::principal()))),
        "in flight: it needs the principal, which only authentication above it finds out"
    );
    assert_eq!(
        problem(Edge::new().principal_limit(QUOTA)),
        "authorization: it needs the principal, which only authentication above it finds out"
    );
    let elsewhere = tiers().tier_by(|_| None);
    let limit = RateLimit::try_new([elsewhere]).unwrap();
    assert!(Edge::new().rate_limit(limit).build().is_ok());
}

#[tokio::test]
async fn an_explanation_says_that_clients_share_a_quota() {
    let layer = Edge::new().rate_limit(QUOTA).in_flight(5).build().unwrap();
    let told = || {
        let explained = layer.explain().to_string();
        explained
            .matches("some requests have no address, and share one quota")
            .count()
    };

    assert_eq!(told(), 0);
    portcullis_test::send(
        layer.layer(portcullis_test::echo()),
        portcullis_test::request("/"),
    )
    .await;
    assert_eq!(told(), 2);
}

#[test]
fn principals_have_a_limit_of_their_own() {
    let on = [
        known().principal_limit(QUOTA),
        known().principal_limit(Some(QUOTA)),
        known().principal_limit(RateLimit::by_principal(QUOTA)),
    ];

    for edge in on {
        let limit = built(edge, "authorization").unwrap();
        assert_eq!(
            limit,
            "\"principal\": 10/s, burst 10 for each principal, or else address"
        );
    }
    assert_eq!(
        built(Edge::new().principal_limit(None::<Quota>), "authorization"),
        None
    );
}

#[test]
fn a_number_of_requests_may_be_in_flight() {
    let on = [
        Edge::new().in_flight(5),
        Edge::new().in_flight(Some(5)),
        Edge::new().in_flight(InFlight::new(5)),
    ];

    for edge in on {
        assert!(built(edge, "in flight").unwrap().starts_with('5'));
    }
    assert_eq!(built(Edge::new().in_flight(None::<u32>), "in flight"), None);
}

#[test]
fn limits_of_addresses_need_them() {
    let edge = Edge::new().client_ip(None).rate_limit(QUOTA).in_flight(5);

    assert_eq!(
        problem(edge),
        "rate limit: it needs the client address, which is off; \
         in flight: it needs the client address, which is off"
    );
}

#[test]
fn an_explanation_shows_the_policies_in_force() {
    let limit = RateLimit::new(QUOTA);
    let layer = Edge::new().rate_limit(limit.clone()).build().unwrap();
    assert!(
        value(&layer, Slot::RateLimit.name())
            .unwrap()
            .contains("10/s")
    );
    limit
        .set_policies([Policy::new("new", Quota::per_hour(7))])
        .unwrap();

    let now = value(&layer, Slot::RateLimit.name()).unwrap();
    assert_eq!(now, "\"new\": 7/h, burst 7 for each address");
    assert!(layer.explain().to_string().contains(&now));
}

#[test]
fn no_requests_in_flight_at_all_is_an_error() {
    let error = Edge::new().in_flight(0).build().unwrap_err();

    assert_eq!(
        error.problems().collect::<Vec<_>>(),
        ["requests in flight: 0 refuses everything; turn it off instead"]
    );
    assert!(Edge::new().in_flight(1).build().is_ok());
}

#[cfg(all(feature = "auth", feature = "rate-limit"))]
mod counts;
mod explain;
mod layer_fields;
#[cfg(feature = "auth")]
mod layers;
#[cfg(feature = "rate-limit")]
mod limits;
mod setters;
mod slowness;
#[cfg(feature = "jwt")]
mod tokens;
#[cfg(all(feature = "jwt", feature = "signatures"))]
mod ways;

use std::{convert::Infallible, time::Duration};

use http::request;
use portcullis_core::{Exchange, Guard, Need, Observer, Reply, Verdict};

use super::{Edge, EdgeLayer, Slot};
use crate::Health;

/// Needs a fact, and admits everything.
struct Needs(&'static [Need]);

impl Guard for Needs {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        Verdict::Admit
    }

    fn needs(&self) -> &'static [Need] {
        self.0
    }

    fn describe(&self) -> String {
        "of our own".to_owned()
    }
}

const NOTHING: Needs = Needs(&[]);

struct Audit;

impl Observer for Audit {
    fn end(&self, _: &Exchange) {}

    fn describe(&self) -> String {
        "audit".to_owned()
    }
}

fn problem(edge: Edge) -> String {
    edge.build().unwrap_err().to_string()
}

/// What a part of a stack does, unless it is off.
fn value(layer: &EdgeLayer, name: &str) -> Option<String> {
    let stack = layer.explain();
    let line = stack.lines().find(|line| line.name() == name).unwrap();
    line.value().map(str::to_owned)
}

fn built(edge: Edge, name: &str) -> Option<String> {
    value(&edge.build().unwrap(), name)
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let check = || async { Ok::<(), Infallible>(()) };
    let health = Health::new().check("db", check).check("db", check);
    let edge = Edge::new()
        .trust_proxies("10.0.0.0/33, proxy")
        .header("x y", "value")
        .header("x-own", "two\nlines")
        .body_limit(-1)
        .timeout(Duration::ZERO)
        .public(["assets/*"])
        .health(&health)
        .limit_probes(true)
        .guard(Slot::Hygiene, Needs(&[Need::Principal]));

    assert_eq!(
        problem(edge).split("; ").collect::<Vec<_>>(),
        [
            "trusted proxies: \"10.0.0.0/33\" is neither an address nor a CIDR range",
            "trusted proxies: \"proxy\" is neither an address nor a CIDR range",
            "headers: \"x y\" is not a field name",
            "headers: x-own: \"two\\nlines\" is not a field value",
            "body limit: -1 is negative",
            "public paths: path \"assets/*\": does not start with a slash",
            "health: probes are limited, but there is no rate limit",
            "public or closed paths: there is no authentication for them",
            "deadline: 0 refuses everything; turn it off instead",
            "health: duplicate check \"db\"",
            "hygiene: it needs the principal, which only authentication above it finds out",
        ]
        .join("; ")
        .split("; ")
        .collect::<Vec<_>>()
    );
}

#[test]
fn probes_that_are_limited_must_be_there() {
    let edge = Edge::new()
        .limit_probes(true)
        .guard(Slot::RateLimit, NOTHING);

    assert_eq!(
        problem(edge),
        "health: probes are limited, but there are none"
    );
}

#[test]
fn a_range_that_trusts_everybody_is_none() {
    assert_eq!(
        problem(Edge::new().trust_proxies("0.0.0.0/0")),
        "trusted proxies: a range of length 0 trusts everybody"
    );
}

#[test]
fn who_needs_the_client_address_says_so_when_it_is_off() {
    let needs = || Needs(&[Need::ClientAddress]);
    let off = Edge::new()
        .client_ip(None)
        .guard(Slot::Authorization, needs());

    assert_eq!(
        problem(off),
        "authorization: it needs the client address, which is off"
    );
    let on = Edge::new().guard(Slot::Authorization, needs());
    assert!(on.build().is_ok());
    let own = Edge::new()
        .client_ip(None)
        .guard(Slot::ClientAddress, NOTHING)
        .guard(Slot::Authorization, needs());
    assert!(own.build().is_ok(), "a guard of one's own finds it out");
}

#[test]
fn who_needs_the_principal_is_asked_below_authentication() {
    let needs = || Needs(&[Need::Principal]);
    let is_right = |edge: Edge| edge.build().is_ok();
    let known = || Edge::new().guard(Slot::Authentication, NOTHING);

    assert!(is_right(known().guard(Slot::Authorization, needs())));
    assert!(is_right(known().guard(Slot::Authentication, needs())));
    assert!(!is_right(known().guard(Slot::BodyLimit, needs())));
    assert!(!is_right(Edge::new().guard(Slot::Authorization, needs())));
    assert!(!is_right(Edge::new().guard(Slot::Authentication, needs())));
    let second = Edge::new().guard(Slot::Authentication, needs());
    assert!(!is_right(second.guard(Slot::Authentication, NOTHING)));
}

#[test]
fn what_is_wrong_with_a_setting_leaves_it_as_it_was() {
    let edge = || Edge::new().guard(Slot::Authorization, Needs(&[Need::ClientAddress]));

    assert_eq!(
        problem(edge().trust_proxies("proxy")),
        "trusted proxies: \"proxy\" is neither an address nor a CIDR range"
    );
    assert_eq!(problem(edge().body_limit(-5)), "body limit: -5 is negative");
}

//! An edge says everything that is wrong with it, and explains what it does.

use std::time::Duration;

use http::request;
use portcullis::{
    AnyOf, Edge, Guard, Health, Need, Quota, Reply, Slot, Verdict, api_key::Keys,
    client_ip::ResolveClientIp, rate_limit::RateLimit,
};
use portcullis_prometheus::Metrics;

#[test]
fn a_contradictory_stack_is_refused_with_everything_that_is_wrong() {
    let ok = || async { Ok::<_, std::io::Error>(()) };
    let health = Health::new().check("redis", ok).check("redis", ok);
    let error = Edge::new()
        .trust_proxies("0.0.0.0/0, nonsense")
        .trust_proxies("0.0.0.0/0")
        .health(&health)
        .limit_probes(true)
        .public(["/", "page.js"])
        .timeout(Duration::ZERO)
        .build()
        .expect_err("it contradicts itself");

    let expected = [
        "trusted proxies: \"nonsense\" is neither an address nor a CIDR range",
        "public paths: path \"page.js\": does not start with a slash",
        "trusted proxies: a range of length 0 trusts everybody",
        "health: probes are limited, but there is no rate limit",
        "public or closed paths: there is no authentication for them",
        "deadline: 0 refuses everything; turn it off instead",
        "health: duplicate check \"redis\"",
    ];
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);
    assert_eq!(error.to_string(), expected.join("; "));
}

#[test]
fn a_limit_needs_an_address_and_limited_probes_need_probes() {
    let error = Edge::new()
        .client_ip(None::<ResolveClientIp>)
        .limit_probes(true)
        .rate_limit(Quota::per_second(1))
        .build()
        .expect_err("it contradicts itself");

    let expected = [
        "health: probes are limited, but there are none",
        "rate limit: it needs the client address, which is off",
    ];
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);
}

/// A guard that must know who asks.
struct Knowing;

impl Guard for Knowing {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        Verdict::Admit
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Principal]
    }
}

#[test]
fn several_guards_need_what_each_of_them_needs() {
    let either = AnyOf::new()
        .or(RateLimit::new(Quota::per_second(1)))
        .or(Knowing);
    let error = Edge::new()
        .client_ip(None::<ResolveClientIp>)
        .guard(Slot::RateLimit, either)
        .build()
        .expect_err("nobody finds out what it needs");

    let expected = [
        "rate limit: it needs the client address, which is off",
        "rate limit: it needs the principal, which only authentication above it finds out",
    ];
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);
}

#[test]
fn explains_each_layer_its_value_and_why() {
    let ok = || async { Ok::<_, std::io::Error>(()) };
    let edge = Edge::new()
        .api_keys(Keys::default())
        .public(["/", "/assets/*"])
        .rate_limit(Quota::per_second(10).burst(20))
        .in_flight(8)
        .trust_proxies("10.0.0.0/8")
        .observe(None::<Metrics>)
        .observe(Metrics::new())
        .health(&Health::new().check("redis", ok))
        .timeout(None)
        .gateway()
        .build()
        .expect("it is right");

    let expected = "\
observers       metrics                                       they see refusals, panics and late responses
panic recovery  answered with 500                             a panic in any guard is answered too
deadline        off                                           it covers guards that wait for a store
client address  x-forwarded-for of 10.0.0.0/8                 everything below counts or records by address
request ID      x-request-id                                  everything below logs it
secure headers  API profile                                   every response gets them, a 401 and a 500 too
hygiene         any host                                           nothing below should meet a request that two servers read differently
health          /health, /ready and /live; checks: redis             probes spend no quota and need no key
cross-origin    off                                           preflights carry no key, and browsers must be able to read a 401
load shed       off                                           refusing must be the cheapest thing
rate limit      \"default\": 10/s, burst 20 for each address    guessing keys must cost
in flight       8 at the same time for each address           who waits for a response takes a place, known or not
limited health  off                                           for those who want probes to spend quota
preflights      off                                           browsers send them without a key, and they spend quota
reports         off                                           browsers send them without a key, and they spend quota
body limit      1048576 bytes                                 it comes before anything that reads a body
authentication  API key; public: /, /assets/*                 the application sees only known callers
authorization   off                                           it must be known who asks
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        squeezed(&format!("{:#}", edge.explain())),
        squeezed(expected)
    );
    assert_eq!(edge.explain().lines().count(), 3 + Slot::ALL.len());
    let short = edge.explain().to_string();
    let on = edge
        .explain()
        .lines()
        .filter(|line| line.value().is_some())
        .count();
    assert_eq!(short.lines().count(), on, "{short}");
}

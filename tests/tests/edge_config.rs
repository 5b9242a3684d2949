//! An edge says everything that is wrong with it, and explains what it does.

use std::time::Duration;

use portcullis::{Edge, Health, Quota, api_key::Keys, client_ip::ClientIpLayer};
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
        "trusted proxies: a range of length 0 trusts everybody",
        "health: probes are limited, but there is no rate limit",
        "public paths: there is no authentication they could be an exception from",
        "deadline: 0 refuses everything; turn it off instead",
        "public paths: \"page.js\" starts without a slash",
        "health: the check \"redis\" is there twice",
    ];
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);
    assert_eq!(error.to_string(), expected.join("; "));
}

#[test]
fn a_limit_needs_an_address_and_limited_probes_need_probes() {
    let error = Edge::new()
        .client_ip(ClientIpLayer::off())
        .limit_probes(true)
        .rate_limit(Quota::per_second(1))
        .build()
        .expect_err("it contradicts itself");

    let expected = [
        "rate limit: it needs the client address, which is off",
        "health: probes are limited, but there are none",
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
client address  on   x-forwarded-for of 10.0.0.0/8               everything below counts or records by address
request ID      on   x-request-id                                everything below logs it
observers       on   metrics                                       they see refusals, panics and timeouts
secure headers  on   API profile                                 every answer below gets them, a 401 and a 500 too
health          on   /health and /ready; checks: redis           probes spend no quota and need no key
panic recovery  on   answered with 500                           a panic in any guard below is an answer too
deadline        off  -                                           it covers guards that wait for a store
rate limit      on   \"default\": 10/s, burst 20 for each address  guessing keys must cost
requests in flight on 8 at the same time for each address        who waits for an answer takes a place, known or not
body limit      on   1048576 bytes                               it comes before anything that reads a body
authentication  on   API key; public: /, /assets/*               the application sees only known callers
principal's limit off -                                          it must be known who asks
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&edge.explain().to_string()), squeezed(expected));
    let names = edge.explain().lines().map(|line| line.layer());
    assert_eq!(names.count(), 12);
}
